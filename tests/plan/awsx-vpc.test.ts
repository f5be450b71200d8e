import type { Plan } from "../../plan";
import { layOutSubnets } from "../../plan/subnet-layout";
import { countTypes, planOf } from "./support";

jest.setTimeout(60_000);

const children = (plan: Plan) => plan.resources.filter((resource) => resource.urn.includes("awsx:ec2:Vpc"));

/** Numbers of registrations, the component itself included, that awsx itself makes for three zones of a public and a private subnet. */
test.each([
  ["OnePerAz", 33, { eip: 3, nat: 3, routes: 6 }],
  ["Single", 29, { eip: 1, nat: 1, routes: 6 }],
  ["None", 24, { eip: 0, nat: 0, routes: 3 }],
] as const)("NAT strategy %s makes %d registrations", async (nat, total, expected) => {
  const made = children(await planOf("small", { nat }));
  const counts = countTypes(made);
  expect(made).toHaveLength(total);
  expect(counts["aws:ec2/eip:Eip"] ?? 0).toBe(expected.eip);
  expect(counts["aws:ec2/natGateway:NatGateway"] ?? 0).toBe(expected.nat);
  expect(counts["aws:ec2/route:Route"]).toBe(expected.routes);
  expect(counts["aws:ec2/subnet:Subnet"]).toBe(6);
  expect(counts["aws:ec2/routeTable:RouteTable"]).toBe(6);
  expect(counts["aws:ec2/routeTableAssociation:RouteTableAssociation"]).toBe(6);
  expect(counts["aws:ec2/internetGateway:InternetGateway"]).toBe(1);
  const routes = made.filter(
    (resource) => resource.type === "aws:ec2/route:Route" && resource.name.includes("private"),
  );
  expect(new Set(routes.map((route) => route.inputs["natGatewayId"])).size).toBe(expected.nat);
});

test("children have awsx's names, parents, tags and addresses", async () => {
  const plan = await planOf("small", { nat: "OnePerAz" });
  const base = "urn:pulumi:dev::small::awsx:ec2:Vpc$aws:ec2/vpc:Vpc";
  const subnet = plan.resources.find(
    (resource) => resource.urn === `${base}$aws:ec2/subnet:Subnet::net-private-2`,
  );
  expect(subnet?.parent).toBe(`${base}::net`);
  expect(subnet?.inputs).toMatchObject({
    availabilityZone: "us-east-1b",
    cidrBlock: "10.0.64.0/19",
    mapPublicIpOnLaunch: false,
    tags: { Name: "net-private-2", SubnetType: "Private" },
  });
  const urns = new Set(plan.resources.map((resource) => resource.urn));
  expect(urns).toContain(`${base}$aws:ec2/internetGateway:InternetGateway::net`);
  expect(urns).toContain(`${base}$aws:ec2/subnet:Subnet$aws:ec2/natGateway:NatGateway::net-3`);
  expect(urns).toContain(
    `${base}$aws:ec2/subnet:Subnet$aws:ec2/routeTable:RouteTable$aws:ec2/route:Route::net-public-1`,
  );
});

describe("subnet ranges", () => {
  const request = { vpcName: "v", vpcCidr: "10.0.0.0/16", zones: ["a", "b", "c"] } as const;
  const ranges = (strategy: "Legacy" | "Auto", more: object = {}) =>
    layOutSubnets({ ...request, strategy, ...more }).map((subnet) => `${subnet.type} ${subnet.cidrBlock}`);

  test("default layout", () => {
    const expected = [0, 64, 128].flatMap((at) => [`Private 10.0.${at}.0/19`, `Public 10.0.${at + 32}.0/20`]);
    expect(ranges("Legacy")).toEqual(expected);
    expect(ranges("Auto")).toEqual(expected);
  });

  test("Auto keeps the order of the specs and aligns a larger subnet after a smaller one", () => {
    const specs = [
      { type: "Public", cidrMask: 24 },
      { type: "Private", cidrMask: 20 },
    ];
    expect(ranges("Auto", { specs }).slice(0, 2)).toEqual(["Public 10.0.0.0/24", "Private 10.0.16.0/20"]);
    expect(ranges("Legacy", { specs }).slice(0, 2)).toEqual(["Private 10.0.0.0/20", "Public 10.0.16.0/24"]);
  });

  test("explicit ranges are taken as they are, and refused when they overlap or leave the VPC", () => {
    const specs = [{ type: "Public", cidrBlocks: ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"] }];
    expect(ranges("Auto", { specs })).toEqual([
      "Public 10.0.1.0/24",
      "Public 10.0.2.0/24",
      "Public 10.0.3.0/24",
    ]);
    const bad = (cidrBlocks: string[]) => () => ranges("Auto", { specs: [{ type: "Public", cidrBlocks }] });
    expect(bad(["10.0.1.0/24", "10.0.0.0/22", "10.0.8.0/24"])).toThrow(
      "subnets v-public-1 (10.0.1.0/24) and v-public-2 (10.0.0.0/22) overlap",
    );
    expect(bad(["10.0.1.0/24", "10.1.0.0/24", "10.0.8.0/24"])).toThrow(
      "v-public-2 (10.1.0.0/24) is outside the VPC's 10.0.0.0/16",
    );
    expect(bad(["10.0.1.0/24"])).toThrow("must name one range for each of the 3 zones");
  });
});
