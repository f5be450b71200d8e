import { type Ruleset, renderRuleset } from "../../lab/balancer/ruleset";
import { NFT, runTool, testWith } from "../support/tool";

const RULES: Ruleset = {
  listeners: [{ port: 51820, targetPort: 51821 }],
  frontends: [
    { publicIp: "192.0.2.10", targets: ["10.0.32.10", "10.0.96.11"] },
    { publicIp: "192.0.2.20", targets: [] },
  ],
  seed: 7,
  publicAddresses: { "10.0.32.10": "203.0.113.10", "10.0.96.11": "203.0.113.11" },
  allowed: [
    { protocol: "udp", from: 51821, to: 51821 },
    { protocol: "tcp", from: 8080, to: 8090 },
  ],
  cut: ["10.0.96.11"],
};
const EMPTY: Ruleset = { ...RULES, frontends: [], publicAddresses: {}, allowed: [], cut: [] };

/** The rules of one chain, without its hook. */
function chain(rules: Ruleset, name: string): string[] {
  const body = renderRuleset(rules).split(`chain ${name} {`)[1]?.split("\n  }")[0] ?? "";
  return body
    .split(/\n/)
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

test("a new flow is hashed over the healthy targets of the address it came to; without any it is dropped", () => {
  expect(chain(RULES, "listener")).toEqual([
    'iifname "internet" ip daddr 192.0.2.10 udp dport 51820 dnat ip addr . port to jhash ip saddr . udp sport . ip daddr mod 2 seed 7 map { 0 : 10.0.32.10 . 51821, 1 : 10.0.96.11 . 51821 }',
    'iifname "internet" ip daddr 192.0.2.20 udp dport 51820 drop',
  ]);
});

test("each listener has its own port of the servers", () => {
  const two = { ...RULES, listeners: [...RULES.listeners, { port: 51821, targetPort: 51822 }] };
  expect(chain(two, "listener").slice(2)).toEqual([
    'iifname "internet" ip daddr 192.0.2.10 udp dport 51821 dnat ip addr . port to jhash ip saddr . udp sport . ip daddr mod 2 seed 7 map { 0 : 10.0.32.10 . 51822, 1 : 10.0.96.11 . 51822 }',
    'iifname "internet" ip daddr 192.0.2.20 udp dport 51821 drop',
  ]);
});

test("the load balancer itself reaches only ports of the security group's rules, over TCP", () => {
  expect(chain(RULES, "health_checks")).toEqual([
    "ct state established,related accept",
    "ip daddr @servers tcp dport { 8080-8090 } accept",
    "ip daddr @servers drop",
  ]);
});

test("without rules of the security group nothing gets in", () => {
  expect(chain({ ...RULES, allowed: [] }, "health_checks")).toEqual([
    "ct state established,related accept",
    "ip daddr @servers drop",
  ]);
});

test("another seed changes the hash and nothing else", () => {
  const other = renderRuleset({ ...RULES, seed: 8 });
  expect(other).not.toBe(renderRuleset(RULES));
  expect(other.replaceAll("seed 8", "seed 7")).toBe(renderRuleset(RULES));
});

test("servers leave under their own public addresses, and cut addresses are in the set that is dropped", () => {
  expect(chain(RULES, "internet_gateway")).toEqual([
    'oifname "internet" snat to ip saddr map { 10.0.32.10 : 203.0.113.10, 10.0.96.11 : 203.0.113.11 }',
  ]);
  expect(renderRuleset(RULES)).toContain("set cut { type ipv4_addr; elements = { 10.0.96.11 }");
  expect(renderRuleset(EMPTY)).toContain("set cut { type ipv4_addr; \n");
});

testWith(NFT, "nft takes it, also with nothing in it", () => {
  for (const rules of [RULES, EMPTY]) {
    expect(runTool("unshare", ["-rn", "nft", "-c", "-f", "-"], renderRuleset(rules))).toEqual({
      code: 0,
      text: "",
    });
  }
});

testWith(NFT, "loading it a second time replaces the first: nothing is there twice", () => {
  const twice = renderRuleset({ ...RULES, seed: 1 }) + renderRuleset(RULES);
  const list = (text: string) =>
    runTool("unshare", ["-rn", "sh", "-c", "nft -f - && nft list ruleset"], text);
  expect(list(twice)).toEqual(list(renderRuleset(RULES)));
  expect(list(twice).text).toContain("10.0.32.10 . 51821");
});
