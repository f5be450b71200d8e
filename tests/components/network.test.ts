import { fitVpc } from "../../components/existing-vpc";
import { Network, type NetworkArgs } from "../../components/network";
import { census, document, make, only } from "./harness";

const ARGS: NetworkArgs = {
  clusterName: "wgc-test",
  place: { region: "eu-central-1", accountId: "123456789012", partition: "aws" },
  vpcCidr: "10.0.0.0/16",
  availabilityZoneCount: 2,
  availabilityZones: [],
  natGateways: "none",
  vpcId: "",
  publicSubnetIds: [],
  privateSubnetIds: [],
  interfaceEndpoints: [],
  tunnelCidr: "10.100.0.0/16",
  nodeSubnets: "public",
  flowLogRetentionDays: 30,
  tags: { Owner: "net" },
};
const build = (args: Partial<NetworkArgs> = {}) => make(() => void new Network("n", { ...ARGS, ...args }));

test("asks awsx for explicit subnets, public and private, one each a zone", async () => {
  expect(only(await build(), "awsx:ec2:Vpc").inputs).toEqual({
    cidrBlock: "10.0.0.0/16",
    numberOfAvailabilityZones: 2,
    enableDnsHostnames: true,
    enableDnsSupport: true,
    natGateways: { strategy: "None" },
    subnetStrategy: "Auto",
    subnetSpecs: [
      { type: "Public", cidrBlocks: ["10.0.32.0/20", "10.0.96.0/20"] },
      { type: "Private", cidrBlocks: ["10.0.0.0/19", "10.0.64.0/19"] },
    ],
    tags: { Owner: "net", Name: "wgc-test" },
  });
});

test.each([
  ["none", "None"],
  ["single", "Single"],
  ["onePerAz", "OnePerAz"],
] as const)("NAT %s", async (natGateways, strategy) => {
  expect(only(await build({ natGateways }), "awsx:ec2:Vpc").inputs.natGateways).toEqual({ strategy });
});

test("named zones take the place of their number", async () => {
  const { inputs } = only(
    await build({ availabilityZones: ["eu-central-1b", "eu-central-1c"] }),
    "awsx:ec2:Vpc",
  );
  expect([inputs.availabilityZoneNames, inputs.numberOfAvailabilityZones]).toEqual([
    ["eu-central-1b", "eu-central-1c"],
    undefined,
  ]);
});

test("S3 is reached through a gateway endpoint from every route table", async () => {
  expect(only(await build(), "aws:ec2/vpcEndpoint:VpcEndpoint").inputs).toEqual({
    vpcId: "vpc-1",
    serviceName: "com.amazonaws.eu-central-1.s3",
    vpcEndpointType: "Gateway",
    routeTableIds: ["rtb-1", "rtb-2", "rtb-3", "rtb-4"],
    tags: { Owner: "net", Name: "wgc-test-s3" },
  });
});

test("flow logs of the whole VPC, kept as long as asked, written by a role that can do nothing else", async () => {
  const made = await build();
  expect(census(made)).toEqual({
    "awsx:ec2:Vpc": 1,
    "aws:cloudwatch/logGroup:LogGroup": 1,
    "aws:ec2/flowLog:FlowLog": 1,
    "aws:ec2/vpcEndpoint:VpcEndpoint": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 1,
  });
  expect(only(made, "aws:ec2/flowLog:FlowLog").inputs).toMatchObject({
    vpcId: "vpc-1",
    trafficType: "ALL",
    logDestinationType: "cloud-watch-logs",
    logDestination: "arn:test:n-flow-logs",
    iamRoleArn: "arn:test:n-flow-logs-role",
  });
  // A flow log whose role may not write yet begins with an access error.
  expect(only(made, "aws:ec2/flowLog:FlowLog").dependencies).toContain("n-flow-logs-policy");
  expect(only(made, "aws:cloudwatch/logGroup:LogGroup").inputs).toMatchObject({
    name: "/wgc/wgc-test/flow-logs",
    retentionInDays: 30,
  });
  expect(document(only(made, "aws:iam/rolePolicy:RolePolicy").inputs.policy).Statement).toEqual([
    {
      Sid: "WriteRecords",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      Resource: "arn:test:n-flow-logs:*",
    },
    { Sid: "FindLogGroup", Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
  ]);
  expect(document(only(made, "aws:iam/role:Role").inputs.assumeRolePolicy).Statement).toEqual([
    {
      Sid: "ServiceTakesRole",
      Effect: "Allow",
      Principal: { Service: "vpc-flow-logs.amazonaws.com" },
      Action: "sts:AssumeRole",
      Condition: {
        StringEquals: { "aws:SourceAccount": "123456789012" },
        ArnLike: { "aws:SourceArn": "arn:aws:ec2:eu-central-1:123456789012:vpc-flow-log/*" },
      },
    },
  ]);
});

test("interface endpoints stand in the private subnets, under the services' own names, open to the VPC only", async () => {
  const made = await build({ interfaceEndpoints: ["ssm", "kms"] });
  const endpoint = (name: string) => only(made, "aws:ec2/vpcEndpoint:VpcEndpoint", name).inputs;
  for (const service of ["ssm", "kms"])
    expect(endpoint(`n-${service}`)).toEqual({
      vpcId: "vpc-1",
      serviceName: `com.amazonaws.eu-central-1.${service}`,
      vpcEndpointType: "Interface",
      privateDnsEnabled: true,
      subnetIds: ["priv-1", "priv-2"],
      securityGroupIds: ["n-endpoints-sg-id"],
      tags: { Owner: "net", Name: `wgc-test-${service}` },
    });
  expect(only(made, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs).toMatchObject({
    securityGroupId: "n-endpoints-sg-id",
    cidrIpv4: "10.0.0.0/16",
    ipProtocol: "tcp",
    fromPort: 443,
    toPort: 443,
  });
});

describe("a VPC that exists already", () => {
  const EXISTING = {
    vpcId: "vpc-0a",
    publicSubnetIds: ["subnet-0a", "subnet-0b"],
    privateSubnetIds: ["subnet-1a", "subnet-1b"],
    // Servers there need a way to the internet, so a table that is not found is a fault.
    nodeSubnets: "private",
  } as const;
  const CALLS = {
    "aws:ec2/getVpc:getVpc": {
      id: "vpc-0a",
      cidrBlock: "10.0.0.0/16",
      cidrBlockAssociations: [{ cidrBlock: "10.0.0.0/16" }, { cidrBlock: "10.1.0.0/16" }],
      enableDnsSupport: true,
      enableDnsHostnames: true,
    },
    "aws:ec2/getSubnet:getSubnet": ({ id }: { id: string }) => ({
      id,
      vpcId: "vpc-0a",
      availabilityZone: `eu-central-1${id.slice(-1)}`,
      cidrBlock: "10.0.9.0/24",
      availableIpAddressCount: 100,
    }),
    // subnet-1b has no table of its own.
    "aws:ec2/getRouteTables:getRouteTables": ({ filters }: { filters: { values: string[] }[] }) => ({
      ids: (filters[0]?.values ?? [])
        .filter((id) => id !== "subnet-1b")
        .map((id) => id.replace("subnet", "rtb")),
    }),
    "aws:ec2/getRouteTable:getRouteTable": (asked: {
      routeTableId?: string;
      filters?: { name: string }[];
    }) => {
      const nat = { cidrBlock: "0.0.0.0/0", gatewayId: "", natGatewayId: "nat-1" };
      if (asked.routeTableId?.startsWith("rtb-0"))
        return { routes: [{ ...nat, gatewayId: "igw-1", natGatewayId: "" }] };
      const found = asked.routeTableId === "rtb-1a" || asked.filters?.[0]?.name === "association.main";
      return { routes: found ? [nat] : [] };
    },
  };
  const within = (calls: object, args: Partial<NetworkArgs> = {}) =>
    make(() => void new Network("n", { ...ARGS, ...EXISTING, ...args }), false, { ...CALLS, ...calls });

  test("is used as it is: nothing but what was asked for is made in it", async () => {
    expect(census(await within({}))).toEqual({});
    const made = await within({}, { interfaceEndpoints: ["ssm"] });
    expect(only(made, "aws:ec2/vpcEndpoint:VpcEndpoint").inputs).toMatchObject({
      vpcId: "vpc-0a",
      subnetIds: ["subnet-1a", "subnet-1b"],
    });
  });

  test("is refused with everything that is wrong, and its ids are handed out only when nothing is", async () => {
    const bad = {
      ...CALLS,
      "aws:ec2/getRouteTable:getRouteTable": () => ({
        routes: [
          { cidrBlock: "10.0.0.0/16", gatewayId: "local" },
          { cidrBlock: "0.0.0.0/0", gatewayId: "", natGatewayId: "nat-1" },
        ],
      }),
      "aws:ec2/getVpc:getVpc": { ...CALLS["aws:ec2/getVpc:getVpc"], enableDnsHostnames: false },
      "aws:ec2/getSubnet:getSubnet": (asked: { id: string }) => ({
        ...CALLS["aws:ec2/getSubnet:getSubnet"](asked),
        availableIpAddressCount: asked.id === "subnet-0b" ? 3 : 100,
      }),
    };
    const said: string[] = [];
    const args = { ...ARGS, ...EXISTING, tunnelCidr: "10.1.0.0/24" };
    const look = () =>
      void fitVpc(args, {}).then(
        () => said.push("fit"),
        (error: unknown) => said.push(String(error)),
      );
    await make(look, false, bad);
    expect(said).toEqual([
      [
        "UserError: the VPC vpc-0a cannot be used:",
        "  - wgc:tunnelCidr 10.1.0.0/24 overlaps 10.1.0.0/16 of vpc-0a",
        "  - vpc-0a has enableDnsHostnames off: the file system's mount targets get no names",
        ...["subnet-0a", "subnet-0b"].map(
          (id) =>
            `  - ${id} is among the public subnets, and its route to the internet leads to nat-1 instead of an internet gateway`,
        ),
        "  - subnet-0b has 3 free addresses, and the load balancer needs 8",
      ].join("\n"),
    ]);
  });
});
