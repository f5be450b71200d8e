import { readModel } from "../../lab/model";
import { readRouting } from "../../lab/network-model";
import { coversAddresses, isCanonicalRange } from "../../lab/ranges";
import type { Plan, PlannedResource } from "../../plan";
import { stackPlan } from "../support/plans";
import { patient } from "../support/slow";

let dev: Plan;
beforeAll(async () => {
  dev = await stackPlan("dev");
}, patient(120_000));

const RULE = {
  in: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  out: "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
};

/** The plan with rules of the servers' group added; `self` is that group. */
function withRules(...rules: ["in" | "out", (self: string) => Record<string, string | number>][]): Plan {
  const sample = dev.resources.find(({ name }) => name === "wgc-servers-tunnel-in") as PlannedResource;
  const self = String(sample.inputs["securityGroupId"]);
  const made = rules.map(([direction, inputs]) => ({
    ...sample,
    type: RULE[direction],
    inputs: { securityGroupId: self, ...inputs(self) },
  }));
  return { ...dev, resources: [...dev.resources, ...made] } as Plan;
}
const among =
  (from: number, to = from) =>
  (self: string) => ({
    ...{ referencedSecurityGroupId: self, ipProtocol: "udp", fromPort: from, toPort: to },
  });

test("each route table has the zone and the ranges of its subnets, and its own routes", () => {
  const { vpc } = readModel(dev);
  expect(vpc.cidr).toBe("10.0.0.0/16");
  const tables = vpc.routeTables.map(({ id: _, tags, ...table }) => ({ name: tags["Name"], ...table }));
  const routes = [{ destination: "0.0.0.0/0", target: { gatewayId: expect.stringMatching(/^igw-/) } }];
  expect(tables.sort((a, b) => String(a.name).localeCompare(String(b.name)))).toEqual([
    { name: "wgc-network-private-1", zone: "us-east-1a", subnets: ["10.0.0.0/19"], routes: [] },
    { name: "wgc-network-private-2", zone: "us-east-1b", subnets: ["10.0.64.0/19"], routes: [] },
    { name: "wgc-network-public-1", zone: "us-east-1a", subnets: ["10.0.32.0/20"], routes },
    { name: "wgc-network-public-2", zone: "us-east-1b", subnets: ["10.0.96.0/20"], routes },
  ]);
  expect(new Set(vpc.routeTables.map(({ id }) => id)).size).toBe(4);
});

test("backends are in two zones, in subnets without servers where there are such", () => {
  const taken = dev.resources.filter(
    ({ type, inputs }) => type !== "aws:ec2/subnet:Subnet" || inputs["cidrBlock"] !== "10.0.64.0/19",
  );
  expect(readModel({ ...dev, resources: taken }).backends).toEqual([
    { name: "backend", zone: "us-east-1a", cidr: "10.0.0.0/19" },
    { name: "backend2", zone: "us-east-1b", cidr: "10.0.96.0/20" },
  ]);
});

test("servers hear each other where they may both send and receive it", () => {
  const rulesOf = (plan: Plan) => readModel(plan).security.amongServers;
  expect(rulesOf(withRules(["in", among(9000)]))).not.toContainEqual({
    protocol: "udp",
    from: 9000,
    to: 9000,
  });
  expect(rulesOf(withRules(["in", among(9000)], ["out", among(9001)]))).not.toContainEqual({
    ...{ protocol: "udp", from: 9000, to: 9000 },
  });
  expect(rulesOf(withRules(["in", among(9000)], ["out", among(8999, 9001)]))).toContainEqual({
    ...{ protocol: "udp", from: 9000, to: 9000 },
  });
  const all = (self: string) => ({ referencedSecurityGroupId: self, ipProtocol: "-1" });
  expect(rulesOf(withRules(["in", among(9000)], ["out", all]))).toContainEqual({
    ...{ protocol: "udp", from: 9000, to: 9000 },
  });
});

test("ranges that may reach the servers are read with their ports; all of them for all protocols", () => {
  const plan = withRules(
    ["in", () => ({ cidrIpv4: "10.0.0.0/17", ipProtocol: "-1" })],
    ["in", () => ({ cidrIpv4: "10.0.0.0/18", ipProtocol: "tcp", fromPort: 443, toPort: 444 })],
  );
  expect(readModel(plan).security.fromRanges.slice(-2)).toEqual([
    { cidr: "10.0.0.0/17", protocol: "-1", from: 0, to: 65535 },
    { cidr: "10.0.0.0/18", protocol: "tcp", from: 443, to: 444 },
  ]);
});

const userData = (config: object): string =>
  `#cloud-config\nwrite_files:\n  - path: /etc/wgc/agent.json\n    content: '${JSON.stringify(config)}'\n`;

test("addressing and ports are those that the servers are told", () => {
  expect(readRouting(userData({ tunnelIpv4: "10.9.0.0/16" }))).toEqual({
    ...{ mode: "masquerade", tunnelCidr: "10.9.0.0/16", isPassive: false },
  });
  const routed = {
    tunnelIpv4: "10.9.0.0/16",
    addressing: "routed",
    topology: "active-passive",
    mesh: { port: 1 },
    routed: { overlayPort: 2 },
  };
  expect(readRouting(userData(routed))).toEqual({
    ...{ mode: "routed", tunnelCidr: "10.9.0.0/16", meshPort: 1, overlayPort: 2, isPassive: true },
  });
  expect(() => readRouting("#cloud-config\n{}\n")).toThrow(/does not write \/etc\/wgc\/agent\.json/);
});

test("ranges are taken in the form that EC2 stores", () => {
  const good = ["10.100.0.0/16", "0.0.0.0/0", "10.0.0.1/32"];
  expect(good.filter(isCanonicalRange)).toEqual(good);
  expect(
    ["10.100.0.1/16", "10.100.0.0", "10.100.0.0/33", "10.100.0.0/", "x/16", "10.1.0.0/16/16"].filter(
      isCanonicalRange,
    ),
  ).toEqual([]);
  expect([
    coversAddresses("10.0.0.0/16", "10.0.3.0/24"),
    coversAddresses("10.0.3.0/24", "10.0.0.0/16"),
  ]).toEqual([true, false]);
});
