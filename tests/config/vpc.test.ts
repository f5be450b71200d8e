import { loadSettings } from "../../config/load";

const load = (own: Record<string, string>) =>
  loadSettings({
    stack: "dev",
    values: { "aws:region": "us-east-1", "wgc:availabilityZoneCount": "2", "wgc:minServers": "2", ...own },
  });
const EXISTING = {
  "wgc:vpcId": "vpc-0123456789abcdef0",
  "wgc:publicSubnetIds": "subnet-0000000a,subnet-0000000b",
  "wgc:privateSubnetIds": "subnet-1000000a,subnet-1000000b",
};

test("an existing VPC with its subnets is taken, and private servers in it need no NAT gateway of the program's", () => {
  expect(load({ ...EXISTING, "wgc:nodeSubnets": "private" }).settings).toMatchObject({
    vpcId: "vpc-0123456789abcdef0",
    publicSubnetIds: ["subnet-0000000a", "subnet-0000000b"],
    privateSubnetIds: ["subnet-1000000a", "subnet-1000000b"],
    natGateways: "none",
  });
});

test("how many servers an existing VPC's subnets take is not reckoned from its range: they are as they are", () => {
  const small = { "wgc:vpcCidr": "10.0.0.0/24", "wgc:maxServers": "9" };
  expect(load({ ...EXISTING, ...small }).settings.maxServers).toBe(9);
  expect(() => load(small)).toThrow("does not fit into the subnets");
});

test.each([
  [
    { ...EXISTING, "wgc:publicSubnetIds": "subnet-0000000a" },
    "wgc:publicSubnetIds is subnet-0000000a: it must name one subnet a zone, 2 as",
  ],
  [{ ...EXISTING, "wgc:privateSubnetIds": "" }, "must name one subnet a zone, 2 as"],
  [
    { ...EXISTING, "wgc:privateSubnetIds": "subnet-1000000a,subnet-0000000b" },
    "must not name subnets of wgc:publicSubnetIds (subnet-0000000b)",
  ],
  [
    { ...EXISTING, "wgc:natGateways": "single" },
    "wgc:natGateways is single: it must be none while wgc:vpcId is vpc-0123456789abcdef0",
  ],
  [
    { ...EXISTING, "wgc:availabilityZones": "us-east-1a,us-east-1b" },
    'wgc:availabilityZones is "us-east-1a,us-east-1b": it must be empty while wgc:vpcId',
  ],
  [{ "wgc:publicSubnetIds": "subnet-0000000a,subnet-0000000b" }, "must be empty while wgc:vpcId is"],
  [
    { ...EXISTING, "wgc:addressing": "routed" },
    "must name the tables that carry wgc:tunnelCidr while wgc:addressing is routed",
  ],
  [{ "wgc:nodeSubnets": "private" }, "wgc:natGateways is none (its default): it must be single or onePerAz"],
  [{ "wgc:interfaceEndpoints": "ssm,ec2messages" }, '"ec2messages" is not'],
])("%j is refused", (own, message) => {
  expect(() => load(own)).toThrow(message);
});
