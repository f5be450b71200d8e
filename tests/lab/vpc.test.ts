import { type GatewayRules, renderGatewayRules } from "../../lab/vpc/gateway-rules";
import { kernelRoutes, routeChanges, subnetRules } from "../../lab/vpc/kernel-routes";
import { type PortRules, renderPortRules } from "../../lab/vpc/port-rules";
import { interfaceId, Vpc } from "../../lab/vpc/vpc";
import { NFT, runTool, testWith } from "../support/tool";

const PORTS: PortRules = {
  ports: new Map([
    ["port0", "10.0.32.10"],
    ["port1", "10.0.32.11"],
    ["port2", "10.0.0.200"],
  ]),
  unchecked: ["10.0.32.11"],
  servers: ["10.0.32.10", "10.0.32.11"],
  amongServers: [
    { protocol: "udp", from: 51830, to: 51830 },
    { protocol: "udp", from: 4790, to: 4790 },
  ],
  cut: ["10.0.32.10", "192.0.2.10"],
  silences: [{ between: ["10.0.32.10", "10.0.32.11"], port: 4790 }],
};
const NO_PORTS: PortRules = {
  ...PORTS,
  ...{ ports: new Map(), unchecked: [], servers: [], amongServers: [], cut: [], silences: [] },
};
const GATEWAY: GatewayRules = {
  vpcCidr: "10.0.0.0/16",
  tunnelCidr: "10.100.0.0/16",
  servers: ["10.0.32.10"],
  allowedFromBalancer: [
    { protocol: "udp", from: 51820, to: 51820 },
    { protocol: "tcp", from: 8080, to: 8080 },
  ],
  security: {
    amongServers: [],
    fromRanges: [
      { cidr: "10.0.0.0/17", protocol: "-1", from: 0, to: 65535 },
      { cidr: "10.9.0.0/16", protocol: "tcp", from: 443, to: 443 },
    ],
  },
};
const NO_GATEWAY: GatewayRules = {
  ...GATEWAY,
  ...{ servers: [], allowedFromBalancer: [], security: { amongServers: [], fromRanges: [] } },
};

/** The rules of one chain, without its hook and comments. */
function chain(ruleset: string, name: string): string[] {
  const body = ruleset.split(`chain ${name} {`)[1]?.split("\n  }")[0] ?? "";
  return body
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
const set = (ruleset: string, name: string): string =>
  new RegExp(`set ${name} {.*elements = { (.*) }`).exec(ruleset)?.[1] ?? "";

test("at a port only the interface's own address passes, unless its check is off", () => {
  const rules = renderPortRules(PORTS);
  expect(set(rules, "checked")).toBe('"port0", "port2"');
  expect(set(rules, "own")).toBe('"port0" . 10.0.32.10, "port1" . 10.0.32.11, "port2" . 10.0.0.200');
  expect(chain(rules, "arriving")[0]).toBe("iifname @checked ether type ip iifname . ip saddr != @own drop");
  expect(chain(rules, "leaving")[0]).toBe("oifname @checked ether type ip oifname . ip daddr != @own drop");
});

test("a cut is of the cable, whatever addresses packets have; the metadata service stays", () => {
  const rules = renderPortRules(PORTS);
  expect(set(rules, "cut")).toBe('"port0"');
  expect(chain(rules, "arriving")[1]).toBe("iifname @cut ip daddr != 169.254.169.254 drop");
  expect(chain(rules, "leaving")[1]).toBe("oifname @cut ip saddr != 169.254.169.254 drop");
});

test("a silence is between two servers in both directions, on one port", () => {
  expect(set(renderPortRules(PORTS), "silent")).toBe(
    "10.0.32.10 . 10.0.32.11 . 4790, 10.0.32.11 . 10.0.32.10 . 4790",
  );
});

test("from server to server passes what their security group says, and nothing else", () => {
  expect(chain(renderPortRules(PORTS), "leaving").slice(2)).toEqual([
    "ip saddr @servers ip daddr @servers udp dport 51830-51830 accept",
    "ip saddr @servers ip daddr @servers udp dport 4790-4790 accept",
    "ip saddr @servers ip daddr @servers drop",
  ]);
  expect(chain(renderPortRules({ ...PORTS, amongServers: [] }), "leaving").slice(2)).toEqual([
    "ip saddr @servers ip daddr @servers drop",
  ]);
});

test("what is for the tunnel's range needs a rule, answers too; servers' own addresses keep theirs", () => {
  expect(chain(renderGatewayRules(GATEWAY), "security_group")).toEqual([
    "ip daddr @tunnel ip saddr 10.0.0.0/17 accept",
    "ip daddr @tunnel ip saddr 10.9.0.0/16 tcp dport 443-443 accept",
    "ip daddr @tunnel drop",
    "ct state established,related accept",
    "ip daddr @servers ct status dnat udp dport { 51820-51820 } accept",
    "ip saddr @servers ip daddr @servers accept",
    "ip daddr @servers ip saddr 10.0.0.0/17 accept",
    "ip daddr @servers ip saddr 10.9.0.0/16 tcp dport 443-443 accept",
    "ip daddr @servers drop",
  ]);
  expect(chain(renderGatewayRules(NO_GATEWAY), "security_group")).toEqual([
    "ip daddr @tunnel drop",
    "ct state established,related accept",
    "ip saddr @servers ip daddr @servers accept",
    "ip daddr @servers drop",
  ]);
});

test("no inner address comes from the internet, goes there, or is reached from there", () => {
  const rules = renderGatewayRules({ ...GATEWAY, vpcCidr: "11.0.0.0/16", tunnelCidr: "12.0.0.0/16" });
  expect(set(rules, "inside")).toBe(
    "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, 11.0.0.0/16, 12.0.0.0/16",
  );
  expect(chain(rules, "from_internet")).toEqual([
    'iifname "internet" ip saddr @inside drop',
    'iifname "internet" ip daddr @inside drop',
  ]);
  expect(chain(rules, "to_internet")).toEqual(['oifname "internet" ip saddr @inside drop']);
});

testWith(NFT, "nft takes them, also with nothing in them", () => {
  const rulesets = [
    ...[PORTS, NO_PORTS].map(renderPortRules),
    ...[GATEWAY, NO_GATEWAY].map(renderGatewayRules),
  ];
  for (const ruleset of rulesets)
    expect(runTool("unshare", ["-rn", "nft", "-c", "-f", "-"], ruleset)).toEqual({ code: 0, text: "" });
});

const TUNNEL = "10.100.0.0/16";
const bridges: Record<string, string> = { "10.0.32.0/20": "subnet1", "10.0.96.0/20": "subnet3" };
const bridgeOf = (subnet: string): string | undefined => bridges[subnet];

function vpc(): Vpc {
  const made = new Vpc({
    ...{ id: "vpc-1", cidr: "10.0.0.0/16" },
    routeTables: [
      { id: "rtb-a", zone: "a", subnets: ["10.0.32.0/20", "10.0.0.0/19"], tags: {}, routes: [] },
      { id: "rtb-b", zone: "b", subnets: ["10.0.96.0/20"], tags: {}, routes: [] },
    ],
  });
  const about = { zone: "a", subnet: "10.0.32.0/20" };
  made.addInterface({ ...about, instance: "i-1", server: "s1", address: "10.0.32.10" });
  made.addInterface({ ...about, instance: "i-2", server: "s2", address: "10.0.32.11" });
  return made;
}
const to = (instance: string) => ({ destination: TUNNEL, interface: interfaceId(instance) });

test("each subnet that the lab has is led by its own route table", () => {
  expect(subnetRules(vpc().allTables(), bridgeOf)).toEqual([
    "rule add iif subnet1 lookup 1001 pref 1001",
    "rule add iif subnet3 lookup 1002 pref 1002",
  ]);
});

test("a route leads to the interface's address, wherever its table is used; only what changed is told", () => {
  const net = vpc();
  const none = kernelRoutes(net, bridgeOf);
  net.setRoute("rtb-b", to("i-1"));
  const first = kernelRoutes(net, bridgeOf);
  expect(routeChanges(none, first)).toEqual([
    "route replace 10.100.0.0/16 via 10.0.32.10 dev subnet1 onlink table 1002",
  ]);
  expect(routeChanges(first, kernelRoutes(net, bridgeOf))).toEqual([]);
  net.setRoute("rtb-b", to("i-2"));
  expect(routeChanges(first, kernelRoutes(net, bridgeOf))).toEqual([
    "route replace 10.100.0.0/16 via 10.0.32.11 dev subnet1 onlink table 1002",
  ]);
});

test("a route to an interface that is gone is a black hole, and not the next server with its address", () => {
  const net = vpc();
  net.setRoute("rtb-a", to("i-1"));
  const before = kernelRoutes(net, bridgeOf);
  net.removeInterface(interfaceId("i-1"));
  const about = { zone: "a", subnet: "10.0.32.0/20", server: "s3", address: "10.0.32.10" };
  net.addInterface({ ...about, instance: "i-3" });
  expect(routeChanges(before, kernelRoutes(net, bridgeOf))).toEqual([
    "route replace blackhole 10.100.0.0/16 table 1001",
  ]);
});
