import { type SubnetFacts, type VpcFacts, type VpcWishes, vpcFaults } from "../../components/vpc-faults";

const subnet = (id: string, more: Partial<SubnetFacts> = {}): SubnetFacts => ({
  id,
  vpcId: "vpc-1",
  zone: `eu-central-1${id.slice(-1)}`,
  range: "10.0.9.0/24",
  freeAddresses: 100,
  defaultRoute: id.startsWith("open") ? "igw-1" : "nat-1",
  ...more,
});
const OPEN = [subnet("open-a"), subnet("open-b")] as const;
const CLOSED = [subnet("closed-a"), subnet("closed-b")] as const;
const VPC: VpcFacts = {
  id: "vpc-1",
  ranges: ["10.0.0.0/16"],
  dnsSupport: true,
  dnsHostnames: true,
  publicSubnets: OPEN,
  privateSubnets: CLOSED,
};
const WISHES: VpcWishes = { vpcCidr: "10.0.0.0/16", tunnelCidr: "10.100.0.0/16", nodeSubnets: "private" };
const found = (vpc: Partial<VpcFacts>, wishes: Partial<VpcWishes> = {}) =>
  vpcFaults({ ...VPC, ...vpc }, { ...WISHES, ...wishes });

test("a fit VPC has no fault; without a way to the internet its private subnets will do for public servers", () => {
  expect(found({})).toEqual([]);
  const alone = CLOSED.map((each) => ({ ...each, defaultRoute: undefined }));
  expect(found({ privateSubnets: alone }, { nodeSubnets: "public" })).toEqual([]);
});

test.each<[string, Partial<VpcFacts>, Partial<VpcWishes>, string[]]>([
  [
    "another range",
    {},
    { vpcCidr: "10.1.0.0/16" },
    [
      "wgc:vpcCidr is 10.1.0.0/16, and vpc-1 has 10.0.0.0/16",
      ...[...OPEN, ...CLOSED].map(
        ({ id }) => `${id} has 10.0.9.0/24, which is not in wgc:vpcCidr 10.1.0.0/16`,
      ),
    ],
  ],
  [
    "a second range that the tunnel's overlaps",
    { ranges: ["10.0.0.0/16", "10.100.128.0/20"] },
    {},
    ["wgc:tunnelCidr 10.100.0.0/16 overlaps 10.100.128.0/20 of vpc-1"],
  ],
  [
    "a subnet in the VPC's second range",
    {
      ranges: ["10.0.0.0/16", "100.64.0.0/16"],
      privateSubnets: [CLOSED[0], { ...CLOSED[1], range: "100.64.1.0/24" }],
    },
    {},
    ["closed-b has 100.64.1.0/24, which is not in wgc:vpcCidr 10.0.0.0/16"],
  ],
  [
    "a private subnet that is full",
    { privateSubnets: [{ ...CLOSED[0], freeAddresses: 0 }, CLOSED[1]] },
    {},
    ["closed-a has no free address for the file system's mount target"],
  ],
  [
    "no names",
    { dnsSupport: false },
    {},
    ["vpc-1 has enableDnsSupport off: servers find the file system by name"],
  ],
  [
    "no host names",
    { dnsHostnames: false },
    {},
    ["vpc-1 has enableDnsHostnames off: the file system's mount targets get no names"],
  ],
  [
    "a subnet of another VPC",
    { privateSubnets: [CLOSED[0], { ...CLOSED[1], vpcId: "vpc-2" }] },
    {},
    ["closed-b belongs to vpc-2, not to vpc-1"],
  ],
  [
    "two subnets in a zone",
    { publicSubnets: [OPEN[0], { ...OPEN[1], zone: "eu-central-1a" }] },
    {},
    [
      "open-b is the second subnet of its kind in eu-central-1a; one a zone is needed",
      "open-b is in eu-central-1a, and closed-b at the same place of wgc:privateSubnetIds is in eu-central-1b",
    ],
  ],
  [
    "a public subnet behind NAT",
    { publicSubnets: [{ ...OPEN[0], defaultRoute: "nat-1" }, OPEN[1]] },
    {},
    [
      "open-a is among the public subnets, and its route to the internet leads to nat-1 instead of an internet gateway",
    ],
  ],
  [
    "a public subnet without a way out",
    { publicSubnets: [{ ...OPEN[0], defaultRoute: undefined }, OPEN[1]] },
    {},
    [
      "open-a is among the public subnets, and its route to the internet leads to nothing instead of an internet gateway",
    ],
  ],
  [
    "a public subnet that is full",
    { publicSubnets: [{ ...OPEN[0], freeAddresses: 7 }, OPEN[1]] },
    {},
    ["open-a has 7 free addresses, and the load balancer needs 8"],
  ],
  [
    "a private subnet that is public",
    { privateSubnets: [{ ...CLOSED[0], defaultRoute: "igw-1" }, CLOSED[1]] },
    {},
    [
      "closed-a is among the private subnets, and its route to the internet leads to an internet gateway (igw-1)",
    ],
  ],
  [
    "servers without a way out",
    { privateSubnets: [{ ...CLOSED[0], defaultRoute: undefined }, CLOSED[1]] },
    {},
    ["closed-a has no route to the internet, which servers there need for their packages"],
  ],
])("%s is a fault", (_, vpc, wishes, faults) => {
  expect(found(vpc, wishes)).toEqual(faults);
});
