import type { AgentConfig } from "../../../agent/config";
import { overlayUp } from "../../../agent/routed/overlay-network";

const config = {
  tunnelIpv4: "10.100.0.0/16",
  mtu: 1420,
  routed: { overlayPort: 4790, prefixes: ["10.0.0.0/16"], routeTables: [], clientToClient: false },
} as unknown as AgentConfig;

/** What was run, with `links` and `rules` as the kernel shows them. */
async function ran(links: string, rules: string, settings = config): Promise<string[]> {
  const seen: string[] = [];
  await overlayUp(settings, async (program, args) => {
    seen.push([program, ...args].join(" "));
    if (args.includes("rule")) return rules;
    return args.includes("show") ? links : "";
  });
  return seen.filter((command) => !command.includes(" show"));
}

const DEVICE = "ip link add dev wgc-mesh type vxlan gpe external dstport 4790 nolearning";
const ALWAYS = [
  "ip link set dev wgc-mesh mtu 1420 up",
  // Without an address of its own the kernel's loose reverse-path filter drops what comes out of it.
  "ip address replace 10.100.0.1/32 dev wgc-mesh",
];
const RULE = "ip -4 rule add priority 1190 to 10.100.0.0/16 lookup 119";

test("the overlay's device has the tunnel's MTU and an address, and its table is asked before others", async () => {
  expect(await ran("", "0:\tfrom all lookup local\n")).toEqual([DEVICE, ...ALWAYS, RULE]);
});

test("what is there is not made again", async () => {
  expect(await ran("4: wgc-mesh: <UP> mtu 1420", "1190:\tfrom all to 10.100.0.0/16 lookup 119\n")).toEqual(
    ALWAYS,
  );
});

test.each([
  ["4: wgc-mesh: <NOARP,UP,LOWER_UP> mtu 1420", true],
  ["4: wgc-mesh: <UP> mtu 1420", true],
  ["4: wgc-mesh: <NOARP> mtu 1420", false],
  ["3: other: <NOARP,UP> mtu 1420\n4: wgc-mesh: <NOARP,LOWER_UP> mtu 1420", false],
  ["", false],
])("whether the device was up before is told: %j", async (links, wasUp) => {
  const shown = async (_: string, args: readonly string[]) => (args.includes("link") ? links : "1190:");
  expect(await overlayUp(config, shown)).toBe(wasUp);
});

describe("what another process makes at the same moment is as good as one's own", () => {
  /** A kernel where `network-up` is first: what this one adds is there already, unless it never comes. */
  const late = (comes: boolean) => {
    const there = new Set<string>();
    return overlayUp(config, async (_, args) => {
      const kind = args.includes("rule") ? "rule" : "link";
      if (args.includes("show")) return there.has(kind) ? "4: wgc-mesh: <UP>\n1190:\tfrom all\n" : "";
      if (!args.includes("add")) return "";
      if (comes) there.add(kind);
      throw new Error(`RTNETLINK answers: File exists (${kind})`);
    });
  };
  test("device and rule", () => expect(late(true)).resolves.toBe(false));
  test("but a failure that leaves none is told", () => expect(late(false)).rejects.toThrow("exists (link)"));
});

test("another rule whose number ends alike is not the one", async () => {
  const rules = "0:\tfrom all lookup local\n11190:\tfrom all lookup main\n";
  expect(await ran("4: wgc-mesh: <UP> mtu 1420", rules)).toEqual([...ALWAYS, RULE]);
});

test("with masquerading there is no overlay", async () => {
  const { routed: _, ...masquerade } = config;
  expect(await ran("", "", masquerade as AgentConfig)).toEqual([]);
});
