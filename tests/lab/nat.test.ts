import { History } from "../../lab/history";
import { NAT_KINDS, renderRouter } from "../../lab/nat";
import { NFT, runTool, testWith } from "../support/tool";

const ROUTER = { address: "198.51.100.10", externalPort: 20_001 } as const;
const OPEN = { ...ROUTER, kind: "full-cone", innerPort: 40_123 } as const;

test("every router maps what leaves to the external port, and lets in only answers unless it is full-cone", () => {
  for (const rules of [{ ...ROUTER, kind: "strict", innerPort: 40_123 } as const, OPEN]) {
    const text = renderRouter(rules);
    expect(text).toContain('oifname "eth0" meta l4proto udp snat ip to 198.51.100.10:20001');
    expect(text).toContain("policy drop");
    expect(text.includes("ct status dnat accept")).toBe(rules.kind === "full-cone");
    expect(text.includes('iifname "eth0" udp dport 20001 redirect to :40123')).toBe(
      rules.kind === "full-cone",
    );
  }
  expect(Object.keys(NAT_KINDS)).toEqual(["strict", "full-cone", "public"]);
});

test("before WireGuard has a port there is nothing to let anybody in to", () => {
  expect(renderRouter({ ...OPEN, innerPort: undefined })).not.toMatch(/redirect|dnat accept/);
});

testWith(NFT, "nft takes both, one over the other", () => {
  const rules = renderRouter({ ...ROUTER, kind: "strict" }) + renderRouter(OPEN);
  expect(runTool("unshare", ["-rn", "nft", "-f", "-"], rules)).toEqual({ code: 0, text: "" });
});

describe("history", () => {
  test("the first one since a time is found, whether it is over or still to come", async () => {
    const history = new History<{ at: number }>();
    history.add({ at: 10 });
    history.add({ at: 20 });
    expect(await history.first(0, 0)).toEqual({ at: 10 });
    expect(await history.first(11, 0)).toEqual({ at: 20 });
    const next = history.first(21, 5000);
    history.add({ at: 15 });
    history.add({ at: 30 });
    expect(await next).toEqual({ at: 30 });
  });

  test("without one in time there is none", async () => {
    expect(await new History<{ at: number }>().first(0, 5)).toBeUndefined();
  });
});
