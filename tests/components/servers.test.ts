import { GROUP_METRICS, Servers, type ServersArgs } from "../../components/servers";
import { SERVERS as ARGS } from "./fixtures";
import { all, census, make, only } from "./harness";

const build = (args: Partial<ServersArgs> = {}) => make(() => void new Servers("s", { ...ARGS, ...args }));
const tags = { Owner: "net", Name: "wgc-test-server", "wgc:cluster": "wgc-test" };
const TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate";
const GROUP = "aws:autoscaling/group:Group";

test("makes these resources and no others", async () => {
  expect(census(await build())).toEqual({
    [GROUP]: 1,
    [TEMPLATE]: 1,
    "aws:ec2/securityGroup:SecurityGroup": 1,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 7,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 4,
  });
});

test("the launch template, whole", async () => {
  expect(only(await build(), TEMPLATE).inputs).toEqual({
    description: "wgc wgc-test: VPN server",
    imageId: "ami-0123456789abcdef0",
    instanceType: "c7g.medium",
    iamInstanceProfile: { arn: "arn:profile" },
    metadataOptions: {
      httpEndpoint: "enabled",
      httpTokens: "required",
      httpPutResponseHopLimit: 1,
      httpProtocolIpv6: "disabled",
      instanceMetadataTags: "disabled",
    },
    monitoring: { enabled: true },
    networkInterfaces: [
      {
        deviceIndex: 0,
        associatePublicIpAddress: "true",
        deleteOnTermination: "true",
        securityGroups: ["s-sg-id"],
      },
    ],
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: { volumeType: "gp3", volumeSize: 8, encrypted: "true", deleteOnTermination: "true" },
      },
    ],
    instanceInitiatedShutdownBehavior: "terminate",
    userData: Buffer.from("#cloud-config\n").toString("base64"),
    updateDefaultVersion: true,
    // Not the stack's own tags: a change of those must not be a new version of the template.
    tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({
      resourceType,
      tags: { Name: "wgc-test-server", "wgc:cluster": "wgc-test" },
    })),
    tags,
  });
});

test("a burstable type gets unlimited credits, a pinned image is used as it is, private servers get no public address", async () => {
  const { inputs } = only(
    await build({ instanceType: "t4g.small", amiId: "ami-0aaa", publicAddress: false }),
    TEMPLATE,
  );
  expect(inputs.creditSpecification).toEqual({ cpuCredits: "unlimited" });
  expect(inputs.imageId).toBe("ami-0aaa");
  expect(inputs.networkInterfaces[0].associatePublicIpAddress).toBe("false");
});

test("the group, whole: a pinned version, new servers before old ones go, rolled back when they fail", async () => {
  const group = only(await build(), GROUP);
  expect(group.inputs).toEqual({
    name: "wgc-test-servers",
    // With the group, so that its first server meets them too. A launch without a word is one that failed.
    initialLifecycleHooks: [
      {
        name: "wgc-launch",
        lifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
        heartbeatTimeout: 600,
        defaultResult: "ABANDON",
      },
      {
        name: "wgc-terminate",
        lifecycleTransition: "autoscaling:EC2_INSTANCE_TERMINATING",
        heartbeatTimeout: 90,
        defaultResult: "CONTINUE",
      },
    ],
    minSize: 2,
    maxSize: 6,
    desiredCapacity: 3,
    vpcZoneIdentifiers: ["pub-1", "pub-2"],
    targetGroupArns: ["arn:tg"],
    healthCheckType: "ELB",
    healthCheckGracePeriod: 180,
    defaultInstanceWarmup: 180,
    availabilityZoneDistribution: { capacityDistributionStrategy: "balanced-best-effort" },
    launchTemplate: { id: "s-template-id", version: "7" },
    instanceRefresh: {
      strategy: "Rolling",
      preferences: {
        autoRollback: true,
        minHealthyPercentage: 100,
        maxHealthyPercentage: 150,
        instanceWarmup: "180",
        skipMatching: true,
      },
    },
    instanceMaintenancePolicy: { minHealthyPercentage: 100, maxHealthyPercentage: 150 },
    enabledMetrics: [...GROUP_METRICS],
    metricsGranularity: "1Minute",
    minElbCapacity: 2,
    waitForCapacityTimeout: "15m",
    tags: Object.entries(tags).map(([key, value]) => ({ key, value, propagateAtLaunch: true })),
  });
  expect(group.ignoreChanges).toEqual(["desiredCapacity"]);
});

const INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";
const end = ({ inputs }: { inputs: Record<string, unknown> }) => [
  inputs["securityGroupId"],
  inputs["referencedSecurityGroupId"] ?? inputs["cidrIpv4"],
  inputs["ipProtocol"],
  inputs["fromPort"],
  inputs["toPort"],
];

test("nobody but the load balancer and other servers reaches a server, and only on three ports", async () => {
  const made = await build();
  expect(all(made, INGRESS).map(end)).toEqual([
    ["s-sg-id", "sg-nlb", "tcp", 8080, 8080],
    ["s-sg-id", "s-sg-id", "udp", 51830, 51830],
    ["sg-efs", "s-sg-id", "tcp", 2049, 2049],
    ["s-sg-id", "sg-nlb", "udp", 51820, 51820],
  ]);
  expect(all(made, EGRESS).map(end)).toEqual([
    ["s-sg-id", "10.0.0.0/16", "-1", undefined, undefined],
    ["s-sg-id", "192.168.0.0/24", "-1", undefined, undefined],
    ["sg-nlb", "s-sg-id", "tcp", 8080, 8080],
    ["s-sg-id", "0.0.0.0/0", "tcp", 443, 443],
    ["s-sg-id", "s-sg-id", "udp", 51830, 51830],
    ["s-sg-id", "sg-efs", "tcp", 2049, 2049],
    ["sg-nlb", "s-sg-id", "udp", 51820, 51820],
  ]);
});

test("servers that take nothing over from each other do not reach each other", async () => {
  const among = (await build({ takeover: false })).filter(
    ({ inputs }) => inputs.referencedSecurityGroupId === "s-sg-id" && inputs.securityGroupId === "s-sg-id",
  );
  expect(among).toEqual([]);
});

test("with routed addressing servers take in the overlay from each other and everything from the routed prefixes, marked as such", async () => {
  const routed = {
    addressing: "routed",
    routedPrefixes: ["10.0.0.0/16", "172.20.0.0/16"],
    clientRoutes: ["10.0.0.0/16", "10.100.0.0/16"],
  } as const;
  const [before, after] = [await build(), await build(routed)];
  const added = (type: string) => {
    const known = all(before, type).map(({ name }) => name);
    return all(after, type).filter(({ name }) => !known.includes(name));
  };
  expect(added(INGRESS).map(end)).toEqual([
    ["s-sg-id", "s-sg-id", "udp", 4790, 4790],
    ["s-sg-id", "10.0.0.0/16", "-1", undefined, undefined],
    ["s-sg-id", "172.20.0.0/16", "-1", undefined, undefined],
  ]);
  const marked = all(after, INGRESS).filter(({ inputs }) => inputs.tags["wgc:routed"] === "true");
  expect(marked.map(({ inputs }) => inputs.cidrIpv4)).toEqual(routed.routedPrefixes);
  expect(added(EGRESS).map(end)).toEqual([["s-sg-id", "s-sg-id", "udp", 4790, 4790]]);
  // Clients reach each other inside the overlay only.
  expect(all(after, EGRESS).map(({ inputs }) => inputs.cidrIpv4)).not.toContain("10.100.0.0/16");
});

test("where one server serves, the group leaves the others alone although the load balancer finds them unhealthy", async () => {
  const { inputs } = only(await build({ topology: "active-passive" }), GROUP);
  expect([inputs.healthCheckType, inputs.minElbCapacity]).toEqual(["EC2", 1]);
});

test("no server boots before every firewall rule is there", async () => {
  const made = await build();
  const rules = made.filter((one) => one.type.startsWith("aws:vpc/")).map((one) => one.name);
  expect(only(made, GROUP).dependencies).toEqual(expect.arrayContaining(rules));
  expect(rules).toHaveLength(11);
});

test("contradictions are refused together", () => {
  expect(() => new Servers("s", { ...ARGS, minServers: 7, diskGib: 4 })).toThrow(
    "Servers: minServers must not be above maxServers (6); desiredServers must lie between minServers (7) and maxServers (6); " +
      "diskGib must be at least 8, the size of the image",
  );
});
