import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import type { JsonObject, Plan } from "../../plan";
import { replaceTable } from "../../plan/replace-table";
import { planFaults } from "../../verify/plan";
import { stackPlan } from "../support/plans";

jest.setTimeout(300_000);

const variants = {
  dev: { stack: "dev", config: {} },
  prod: { stack: "prod", config: {} },
  private: { stack: "private", config: {} },
  // A VPC that exists already, in which nothing is made but what the cluster needs.
  existing: {
    stack: "private",
    config: {
      "wgc:vpcId": "vpc-0123456789abcdef0",
      "wgc:natGateways": "none",
      "wgc:publicSubnetIds": "subnet-0000000000000000a,subnet-0000000000000000b,subnet-0000000000000000c",
      "wgc:privateSubnetIds": "subnet-1000000000000000a,subnet-1000000000000000b,subnet-1000000000000000c",
    },
  },
  routed: {
    stack: "prod",
    config: {
      "wgc:addressing": "routed",
      "wgc:topology": "active-passive",
      "wgc:backendPrefixes": "10.0.32.0/20",
      "wgc:clientToClient": "true",
      "wgc:routeTables": "rtb-0123456789abcdef0=us-east-1a",
    },
  },
  spot: {
    stack: "prod",
    config: {
      "wgc:extraInstanceTypes": "c8g.medium,c7gn.medium",
      "wgc:onDemandPercent": "50",
      "wgc:scheduledCapacity":
        '[{"name":"morning","cron":"0 7 * * MON-FRI","timeZone":"Europe/Berlin","min":6},{"name":"night","cron":"0 20 * * *","min":3,"desired":3}]',
    },
  },
  warm: { stack: "prod", config: { "wgc:warmPoolSize": "2" } },
  named: { stack: "dev", config: { "wgc:dnsName": "vpn.example.com", "wgc:dnsZone": "example.com" } },
} as const;
function planOf(variant: keyof typeof variants): Promise<Plan> {
  const { stack, config } = variants[variant];
  return stackPlan(stack, config);
}
const names = Object.keys(variants) as (keyof typeof variants)[];

test.each(names)(
  "AWS's own models have nothing against the calls, policies and names of %s",
  async (variant) => {
    expect(planFaults(await planOf(variant))).toEqual([]);
  },
);

test.each(names)("CloudFormation's schemas miss nothing that they require in %s", async (variant) => {
  const { resources } = await planOf(variant);
  const missing = resources.flatMap(({ type, name, inputs }) => {
    const entry = replaceTable[type];
    if (entry?.cloudFormation === undefined) return [];
    const given = new Set(Object.keys(inputs).map((input) => entry.names?.[input] ?? capital(input)));
    return requiredOf(entry.cloudFormation)
      .filter(
        (property) => !given.has(property) && elsewhere[`${entry.cloudFormation}.${property}`] === undefined,
      )
      .map((property) => `${name}: ${entry.cloudFormation}.${property}`);
  });
  expect(missing).toEqual([]);
});

/** Required there and given under another name, or put together from other inputs. */
const elsewhere: Readonly<Record<string, string>> = {
  "AWS::EC2::FlowLog.ResourceType": "the provider says VPC where vpcId is given",
  "AWS::EC2::LaunchTemplate.LaunchTemplateData": "the inputs of the resource are its members",
  "AWS::IAM::InstanceProfile.Roles": "the provider's role, one",
  "AWS::IAM::Role.AssumeRolePolicyDocument": "assumeRolePolicy",
  "AWS::Lambda::Function.Code": "code",
  "AWS::S3::BucketPolicy.PolicyDocument": "policy",
};

const database = loadAwsServiceSpecSync();

function requiredOf(type: string): string[] {
  const properties = database.lookup("resource", "cloudFormationType", "equals", type).only().properties;
  return Object.entries(properties).flatMap(([name, { required }]) => (required === true ? [name] : []));
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

test("in a VPC that exists already no network is made, and servers stand in its private subnets", async () => {
  const { resources } = await planOf("existing");
  const types = new Set(resources.map(({ type }) => type));
  for (const type of [
    "vpc:Vpc",
    "subnet:Subnet",
    "routeTable:RouteTable",
    "route:Route",
    "natGateway:NatGateway",
    "flowLog:FlowLog",
  ])
    expect([type, types.has(`aws:ec2/${type}`)]).toEqual([type, false]);
  const group = resources.find(({ type }) => type === "aws:autoscaling/group:Group");
  expect(group?.inputs["vpcZoneIdentifiers"]).toEqual([
    "subnet-1000000000000000a",
    "subnet-1000000000000000b",
    "subnet-1000000000000000c",
  ]);
});

describe("what is wrong is found", () => {
  const T = {
    accessPoint: "aws:efs/accessPoint:AccessPoint",
    alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
    balancer: "aws:lb/loadBalancer:LoadBalancer",
    group: "aws:autoscaling/group:Group",
    ingress: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    key: "aws:kms/key:Key",
    policy: "aws:iam/rolePolicy:RolePolicy",
    securityGroup: "aws:ec2/securityGroup:SecurityGroup",
    targets: "aws:lb/targetGroup:TargetGroup",
    template: "aws:ec2/launchTemplate:LaunchTemplate",
  };

  test.each([
    [
      "an interval below 5 s",
      T.targets,
      (inputs) => ({ ...inputs, healthCheck: { interval: 4 } }),
      /HealthCheckIntervalSeconds is 4, at least 5/,
    ],
    ["a protocol that is none", T.targets, (inputs) => ({ ...inputs, protocol: "WG" }), /Protocol is "WG"/],
    ["a long name", T.balancer, (inputs) => ({ ...inputs, name: "n".repeat(33) }), /1 to 32 letters/],
    [
      "an access point without a slash",
      T.accessPoint,
      (inputs) => ({ ...inputs, rootDirectory: { path: "registry" } }),
      /Path is "registry"/,
    ],
    [
      "a short deletion window",
      T.key,
      (inputs) => ({ ...inputs, deletionWindowInDays: 0 }),
      /PendingWindowInDays is 0, at least 1/,
    ],
    [
      "a server type that EC2 has not",
      T.template,
      (inputs) => ({ ...inputs, instanceType: "c7g.tiny" }),
      /InstanceType is "c7g\.tiny"/,
    ],
    [
      "large user data",
      T.template,
      (inputs) => ({ ...inputs, userData: Buffer.alloc(16_385).toString("base64") }),
      /16385 bytes/,
    ],
    [
      "a comparison that is none",
      T.alarm,
      (inputs) => ({ ...inputs, comparisonOperator: "Above" }),
      /ComparisonOperator is "Above"/,
    ],
    [
      "a strategy that is none",
      T.group,
      (inputs) => ({ ...inputs, instanceRefresh: { strategy: "Blue" } }),
      /Strategy is "Blue"/,
    ],
    [
      "a member that hooks have not",
      T.group,
      (inputs) => ({
        ...inputs,
        initialLifecycleHooks: [
          { name: "h", lifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING", size: 3 },
        ],
      }),
      /PutLifecycleHook\.Size is not known/,
    ],
    [
      "a pool state that is none",
      T.group,
      (inputs) => ({ ...inputs, warmPool: { poolState: "Asleep" } }),
      /PoolState is "Asleep"/,
    ],
    [
      "an apostrophe in a description",
      T.securityGroup,
      (inputs) => ({ ...inputs, description: "it's" }),
      /description is "it's"/,
    ],
    ["a port as text", T.ingress, (inputs) => ({ ...inputs, fromPort: "51820" }), /FromPort is no number/],
    [
      "a policy with an unknown action",
      T.policy,
      () => ({ role: "r", name: "n", policy: POLICY }),
      /there is no action s3:Fetch/,
    ],
    [
      "an input that no mapping knows",
      T.key,
      (inputs) => ({ ...inputs, keyUsage: "SIGN" }),
      /Key\.keyUsage is not in verify\/calls/,
    ],
  ] satisfies [string, string, (inputs: JsonObject) => JsonObject, RegExp][])(
    "%s",
    async (_, type, change, message) => {
      const plan = await planOf("prod");
      const [first] = plan.resources.filter((resource) => resource.type === type);
      if (first === undefined) throw new Error(`the plan has no ${type}`);
      const faults = planFaults({ ...plan, resources: [{ ...first, inputs: change(first.inputs) }] });
      expect(faults).toContainEqual(expect.stringMatching(message));
    },
  );
});

const POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Fetch","Resource":"*"}]}';
