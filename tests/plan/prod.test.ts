import { parse } from "yaml";
import type { JsonObject, Plan, PlannedResource } from "../../plan";
import { countResources } from "../../plan";
import { estimateCost } from "../../plan/cost";
import { stackPlan } from "../support/plans";
import { countTypes, ofType } from "./support";

jest.setTimeout(300_000);

let plan: Plan;
beforeAll(async () => {
  plan = await stackPlan("prod");
});

const one = (type: string, name?: string): PlannedResource => {
  const found = ofType(plan, type).filter((resource) => name === undefined || resource.name === name);
  const [only] = found;
  if (only === undefined || found.length !== 1)
    throw new Error(`${found.length} resources of type ${type} ${name ?? ""}`);
  return only;
};
const statements = (resource: PlannedResource, input = "policy"): JsonObject[] =>
  JSON.parse(String(resource.inputs[input])).Statement;
const alarm = (name: string): JsonObject =>
  one("aws:cloudwatch/metricAlarm:MetricAlarm", `wgc-scaling-${name}`).inputs;
const metric = (id: string, metricName: string, returnData: boolean) => ({
  id,
  metric: {
    dimensions: { AutoScalingGroupName: plan.outputs["groupName"] },
    metricName,
    namespace: "AWS/EC2",
    period: 60,
    stat: "Average",
  },
  returnData,
});

test("how many of what", () => {
  const custom = plan.resources.filter((resource) => resource.custom);
  expect(countTypes(custom)).toEqual({
    "aws:autoscaling/group:Group": 1,
    "aws:autoscaling/policy:Policy": 3,
    "aws:cloudwatch/dashboard:Dashboard": 1,
    "aws:cloudwatch/eventRule:EventRule": 1,
    "aws:cloudwatch/eventTarget:EventTarget": 1,
    "aws:cloudwatch/logGroup:LogGroup": 4,
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": 1,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 20,
    "aws:ec2/eip:Eip": 3,
    "aws:ec2/flowLog:FlowLog": 1,
    "aws:ec2/internetGateway:InternetGateway": 1,
    "aws:ec2/launchTemplate:LaunchTemplate": 1,
    "aws:ec2/route:Route": 3,
    "aws:ec2/routeTable:RouteTable": 6,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": 6,
    "aws:ec2/securityGroup:SecurityGroup": 4,
    "aws:ec2/subnet:Subnet": 6,
    "aws:ec2/vpc:Vpc": 1,
    "aws:ec2/vpcEndpoint:VpcEndpoint": 1,
    "aws:efs/accessPoint:AccessPoint": 2,
    "aws:efs/backupPolicy:BackupPolicy": 1,
    "aws:efs/fileSystem:FileSystem": 1,
    "aws:efs/fileSystemPolicy:FileSystemPolicy": 1,
    "aws:efs/mountTarget:MountTarget": 3,
    "aws:iam/instanceProfile:InstanceProfile": 1,
    "aws:iam/role:Role": 4,
    "aws:iam/rolePolicy:RolePolicy": 4,
    "aws:kms/alias:Alias": 1,
    "aws:kms/key:Key": 2,
    "aws:lambda/function:Function": 1,
    "aws:lambda/invocation:Invocation": 1,
    "aws:lb/listener:Listener": 1,
    "aws:lb/loadBalancer:LoadBalancer": 1,
    "aws:lb/targetGroup:TargetGroup": 1,
    "aws:s3/bucket:Bucket": 1,
    "aws:s3/bucketObjectv2:BucketObjectv2": 1,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": 1,
    "aws:s3/bucketPolicy:BucketPolicy": 1,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
    "aws:s3/bucketVersioning:BucketVersioning": 1,
    "aws:sns/topic:Topic": 1,
    "aws:sns/topicPolicy:TopicPolicy": 1,
    "aws:ssm/document:Document": 4,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 7,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 7,
    "random:index/randomId:RandomId": 1,
  });
  const components = plan.resources.filter((resource) => !resource.custom).map((resource) => resource.type);
  expect(countResources(plan).text).toBe("118 resources in 16 components");
  const own = [
    "AgentBundle",
    "AlarmTopic",
    "ControlFunction",
    "ControlRole",
    "Endpoint",
    "LaunchFailures",
    "Monitoring",
    "Network",
    "OperatorAccess",
    "Scaling",
    "ServerRole",
    "Servers",
    "SessionLog",
    "Storage",
    "VpnCluster",
  ];
  expect(components.sort()).toEqual(["awsx:ec2:Vpc", ...own.map((name) => `wgc:index:${name}`)]);
});

test("the load balancer: one static address a zone, UDP in, HTTP health check", () => {
  const balancer = one("aws:lb/loadBalancer:LoadBalancer");
  const addresses = ofType(plan, "aws:ec2/eip:Eip");
  expect(balancer.inputs).toMatchObject({
    loadBalancerType: "network",
    internal: false,
    enableCrossZoneLoadBalancing: true,
    enableDeletionProtection: true,
  });
  expect(balancer.inputs["securityGroups"]).toEqual([
    one("aws:ec2/securityGroup:SecurityGroup", "wgc-endpoint-nlb-sg").id,
  ]);
  const mapped = (balancer.inputs["subnetMappings"] as { allocationId: string; subnetId: string }[]).map(
    (mapping) => mapping.allocationId,
  );
  expect(mapped).toEqual(addresses.map((address) => address.id));
  expect(plan.outputs["staticIps"]).toEqual(["192.0.2.10", "192.0.2.20", "192.0.2.30"]);
  expect(plan.outputs["clientEndpoint"]).toBe(`${String(balancer.outputs["dnsName"])}:51820`);
  const target = one("aws:lb/targetGroup:TargetGroup");
  expect(one("aws:lb/listener:Listener").inputs).toMatchObject({
    port: 51820,
    protocol: "UDP",
    loadBalancerArn: balancer.id,
    defaultActions: [{ type: "forward", targetGroupArn: target.id }],
  });
  expect(target.inputs).toMatchObject({
    port: 51820,
    protocol: "UDP",
    targetType: "instance",
    connectionTermination: true,
    deregistrationDelay: 30,
  });
  expect(target.inputs["targetHealthStates"]).toBeUndefined();
  expect(target.inputs["healthCheck"]).toEqual({
    enabled: true,
    protocol: "HTTP",
    port: "8080",
    path: "/healthz",
    matcher: "200",
    interval: 5,
    timeout: 2,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
  });
});

test("who may open connections: nothing but clients' UDP (and path MTU messages) from everywhere", () => {
  const groups = new Map(
    ofType(plan, "aws:ec2/securityGroup:SecurityGroup").map((group) => [group.id, group.name]),
  );
  const show = (rule: PlannedResource): string => {
    const { securityGroupId, referencedSecurityGroupId, cidrIpv4, ipProtocol, fromPort, toPort } =
      rule.inputs;
    const peer = groups.get(String(referencedSecurityGroupId)) ?? cidrIpv4;
    return `${groups.get(String(securityGroupId))} ${String(peer)} ${String(ipProtocol)} ${String(fromPort)}-${String(toPort)}`;
  };
  const [servers, balancer, files] = ["wgc-servers-sg", "wgc-endpoint-nlb-sg", "wgc-storage-efs-sg"];
  const control = "wgc-control-sg";
  expect(ofType(plan, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").map(show).sort()).toEqual([
    `${balancer} 0.0.0.0/0 icmp 3-4`,
    `${balancer} 0.0.0.0/0 udp 51820-51820`,
    `${servers} ${balancer} tcp 8080-8080`,
    `${servers} ${balancer} udp 51820-51820`,
    `${servers} ${servers} udp 51830-51830`,
    `${files} ${control} tcp 2049-2049`,
    `${files} ${servers} tcp 2049-2049`,
  ]);
  expect(ofType(plan, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").map(show).sort()).toEqual([
    `${control} ${files} tcp 2049-2049`,
    `${balancer} ${servers} tcp 8080-8080`,
    `${balancer} ${servers} udp 51820-51820`,
    `${servers} 0.0.0.0/0 tcp 443-443`,
    `${servers} 10.0.0.0/16 -1 undefined-undefined`,
    `${servers} ${servers} udp 51830-51830`,
    `${servers} ${files} tcp 2049-2049`,
  ]);
  const inline = ofType(plan, "aws:ec2/securityGroup:SecurityGroup").map((group) => [
    group.inputs["ingress"],
    group.inputs["egress"],
  ]);
  expect(inline).toEqual([
    [undefined, undefined],
    [undefined, undefined],
    [undefined, undefined],
    [undefined, undefined],
  ]);
});

test("servers: pinned image and template version, IMDSv2, encrypted disk, no key", () => {
  const template = one("aws:ec2/launchTemplate:LaunchTemplate");
  expect(template.inputs).toMatchObject({
    imageId: "ami-0123456789abcdef0",
    instanceType: "c7g.medium",
    monitoring: { enabled: true },
    metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: { encrypted: "true", volumeType: "gp3", volumeSize: 8, deleteOnTermination: "true" },
      },
    ],
  });
  expect(template.inputs["keyName"]).toBeUndefined();
  const group = one("aws:autoscaling/group:Group");
  expect(group.ignoreChanges).toEqual(["desiredCapacity"]);
  expect(group.inputs).toMatchObject({
    minSize: 3,
    maxSize: 9,
    desiredCapacity: 3,
    healthCheckType: "ELB",
    healthCheckGracePeriod: 180,
    launchTemplate: { id: template.id, version: "1" },
    targetGroupArns: [one("aws:lb/targetGroup:TargetGroup").id],
    instanceMaintenancePolicy: { minHealthyPercentage: 100, maxHealthyPercentage: 150 },
    instanceRefresh: {
      strategy: "Rolling",
      preferences: { autoRollback: true, minHealthyPercentage: 100, maxHealthyPercentage: 150 },
    },
  });
  const refresh = group.inputs["instanceRefresh"] as {
    preferences: { alarmSpecification: { alarms: string[] } };
  };
  const { alarms } = refresh.preferences.alarmSpecification;
  const made = ofType(plan, "aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => inputs["name"]);
  expect(alarms.length).toBeGreaterThan(0);
  expect(alarms.filter((name) => !made.includes(name))).toEqual([]);
  const publicSubnets = ofType(plan, "aws:ec2/subnet:Subnet").filter(
    (subnet) => subnet.inputs["mapPublicIpOnLaunch"] === true,
  );
  expect(group.inputs["vpcZoneIdentifiers"]).toEqual(publicSubnets.map((subnet) => subnet.id));
});

test("user data names the agent's bundle by the hash of the file that is uploaded, and both access points", () => {
  const userData = Buffer.from(
    String(one("aws:ec2/launchTemplate:LaunchTemplate").inputs["userData"]),
    "base64",
  );
  const { key, source } = one("aws:s3/bucketObjectv2:BucketObjectv2").inputs as {
    key: string;
    source: { $asset: { sha256: string } };
  };
  expect(key).toBe(`agent/${source.$asset.sha256}.js`);
  expect(userData.length).toBeLessThan(16 * 1024);
  expect(userData.toString()).toContain(source.$asset.sha256);
  // The hooks that servers are to complete are those of the group that they are in.
  const group = one("aws:autoscaling/group:Group").inputs;
  const named = (group["initialLifecycleHooks"] as { name: string }[]).map(({ name }) => name);
  const { write_files } = parse(userData.toString()) as { write_files: { path: string; content: string }[] };
  const agent = write_files.find(({ path }) => path === "/etc/wgc/agent.json")?.content ?? "";
  expect(JSON.parse(agent).lifecycle).toMatchObject({
    group: group["name"],
    launchHook: named[0],
    terminateHook: named[1],
  });
  for (const point of ofType(plan, "aws:efs/accessPoint:AccessPoint"))
    expect(userData.toString()).toContain(`accesspoint=${point.id}`);
});

test("the control function: the registry mounted where it looks for it, in the private subnets, as code with a hash", () => {
  const code = one("aws:lambda/function:Function");
  const privateSubnets = ofType(plan, "aws:efs/mountTarget:MountTarget").map(
    (target) => target.inputs["subnetId"],
  );
  expect(code.inputs).toMatchObject({
    name: "wgc-prod-control",
    runtime: "nodejs24.x",
    architectures: ["arm64"],
    handler: "index.handler",
    reservedConcurrentExecutions: 5,
    fileSystemConfig: {
      arn: one("aws:efs/accessPoint:AccessPoint", "wgc-storage-registry").outputs["arn"],
      localMountPath: "/mnt/registry",
    },
    environment: { variables: { WGC_REGISTRY: "/mnt/registry" } },
    vpcConfig: {
      subnetIds: privateSubnets,
      securityGroupIds: [one("aws:ec2/securityGroup:SecurityGroup", "wgc-control-sg").id],
    },
  });
  const { $archive } = code.inputs["code"] as {
    $archive: { assets: Record<string, { $asset: { path: string; sha256: string } }> };
  };
  const { path = "", sha256 = "" } = $archive.assets["index.js"]?.$asset ?? {};
  expect(path).toBe(`.wgc/bundles/${sha256}.js`);
  const call = one("aws:lambda/invocation:Invocation");
  expect(call.inputs["functionName"]).toBe("wgc-prod-control");
  expect(call.inputs["triggers"]).toMatchObject({ code: sha256 });
  expect(JSON.parse(String(call.inputs["input"])).input.cluster.endpoint).toBe(
    plan.outputs["clientEndpoint"],
  );
  expect(plan.outputs["controlFunctionName"]).toBe("wgc-prod-control");
  expect(one("aws:autoscaling/group:Group").dependencies).toContain(call.urn);
});

test("each output is the resource that it is named after", () => {
  const id = (type: string, name?: string) => one(type, name).id;
  expect(plan.outputs).toMatchObject({
    groupName: one("aws:autoscaling/group:Group").inputs["name"],
    fileSystemId: id("aws:efs/fileSystem:FileSystem"),
    registryAccessPointId: id("aws:efs/accessPoint:AccessPoint", "wgc-storage-registry"),
    runtimeAccessPointId: id("aws:efs/accessPoint:AccessPoint", "wgc-storage-runtime"),
    agentBucket: one("aws:s3/bucket:Bucket").outputs["bucket"],
    vpcId: id("aws:ec2/vpc:Vpc"),
    launchTemplateId: id("aws:ec2/launchTemplate:LaunchTemplate"),
    alarmTopicArn: one("aws:sns/topic:Topic").outputs["arn"],
    controlFunctionName: one("aws:lambda/function:Function").inputs["name"],
    operatorRoleArn: one("aws:iam/role:Role", "wgc-operators-role").outputs["arn"],
  });
});

test("scaling: out on CPU or network, in only when both are low, bytes divided by the period", () => {
  expect(alarm("cpu-high")).toMatchObject({
    comparisonOperator: "GreaterThanThreshold",
    threshold: 70,
    evaluationPeriods: 3,
    metricQueries: [metric("cpu", "CPUUtilization", true)],
  });
  const bytes = {
    expression: "(netIn + netOut) / PERIOD(netIn)",
    id: "net",
    label: "bytes per second and server",
  };
  const network = [metric("netIn", "NetworkIn", false), metric("netOut", "NetworkOut", false)];
  expect(alarm("network-high")).toMatchObject({
    comparisonOperator: "GreaterThanThreshold",
    threshold: 10_000_000,
    evaluationPeriods: 3,
    metricQueries: [...network, { ...bytes, returnData: true }],
  });
  expect(alarm("idle")).toMatchObject({
    comparisonOperator: "GreaterThanOrEqualToThreshold",
    threshold: 1,
    evaluationPeriods: 15,
    metricQueries: [
      metric("cpu", "CPUUtilization", false),
      ...network,
      { ...bytes, returnData: false },
      { expression: "IF(cpu < 30 AND net < 2000000, 1, 0)", id: "idle", returnData: true },
    ],
  });
  for (const [name, policy, steps] of [
    ["cpu-high", "out-cpu", [1, 2]],
    ["network-high", "out-network", [1, 2]],
    ["idle", "in", [-1]],
  ] as const) {
    const target = one("aws:autoscaling/policy:Policy", `wgc-scaling-${policy}`);
    expect(alarm(name)["alarmActions"]).toEqual([target.outputs["arn"]]);
    expect(
      (target.inputs["stepAdjustments"] as JsonObject[]).map((step) => step["scalingAdjustment"]),
    ).toEqual(steps);
  }
});

test("permissions: exactly these statements", () => {
  const sids = (list: readonly JsonObject[]) =>
    list.map((statement) => `${String(statement["Effect"])} ${String(statement["Sid"])}`);
  const server = statements(one("aws:iam/rolePolicy:RolePolicy", "wgc-server-policy"));
  expect(sids(server)).toEqual([
    "Allow OperatorSessions",
    "Allow FetchAgent",
    "Allow MountSharedStorage",
    "Allow WriteRecords",
    "Allow CompleteLifecycle",
    "Allow SendMetrics",
    "Allow RecordSessions",
    "Allow FindSessionLog",
    "Allow DecryptSessions",
  ]);
  const points = ["registry", "runtime"].map(
    (part) => one("aws:efs/accessPoint:AccessPoint", `wgc-storage-${part}`).outputs["arn"],
  );
  const [registry, runtime] = points;
  const fileSystem = one("aws:efs/fileSystem:FileSystem").outputs["arn"];
  expect(server[1]).toMatchObject({
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::${String(plan.outputs["agentBucket"])}/agent/*`,
  });
  expect(server[2]).toMatchObject({
    Action: "elasticfilesystem:ClientMount",
    Resource: fileSystem,
    Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": points } },
  });
  expect(server[3]).toMatchObject({
    Action: "elasticfilesystem:ClientWrite",
    Resource: fileSystem,
    Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": runtime } },
  });
  expect(server[4]).toEqual({
    Sid: "CompleteLifecycle",
    Effect: "Allow",
    Action: ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"],
    Resource: `arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:*:autoScalingGroupName/${String(one("aws:autoscaling/group:Group").inputs["name"])}`,
  });
  const control = statements(one("aws:iam/rolePolicy:RolePolicy", "wgc-control-rights-policy"));
  expect(sids(control)).toEqual([
    "Allow ConnectToVpc",
    "Deny DenyInterfacesToCode",
    "Allow WriteLog",
    "Allow MountRegistry",
  ]);
  expect(control[1]?.["Condition"]).toEqual({
    ArnEquals: {
      "lambda:SourceFunctionArn": one("aws:lambda/function:Function").outputs["arn"],
    },
  });
  expect(control[3]).toMatchObject({
    Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
    Resource: fileSystem,
    Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": registry } },
  });
  const files = statements(one("aws:efs/fileSystemPolicy:FileSystemPolicy"));
  expect(sids(files)).toEqual([
    "Deny DenyClearText",
    "Deny DenyOutsideAccessPoints",
    "Deny DenyAroundMountTarget",
  ]);
  expect(files.map((statement) => statement["Condition"])).toEqual([
    { Bool: { "aws:SecureTransport": "false" } },
    { StringNotEquals: { "elasticfilesystem:AccessPointArn": points } },
    { Bool: { "elasticfilesystem:AccessedViaMountTarget": "false" } },
  ]);
  expect(sids(statements(one("aws:kms/key:Key", "wgc-storage-key")))).toEqual([
    "Allow AdministerKey",
    "Allow UseThroughFileSystem",
    "Allow AlarmsPublishToTopic",
  ]);
  expect(sids(statements(one("aws:s3/bucketPolicy:BucketPolicy")))).toEqual(["Deny DenyClearText"]);
});

test("storage is encrypted, kept, and reached through one mount target a zone", () => {
  const files = one("aws:efs/fileSystem:FileSystem");
  expect(files.inputs).toMatchObject({
    encrypted: true,
    kmsKeyId: one("aws:kms/key:Key", "wgc-storage-key").outputs["arn"],
  });
  expect(one("aws:kms/key:Key", "wgc-storage-key").inputs["enableKeyRotation"]).toBe(true);
  expect(one("aws:efs/backupPolicy:BackupPolicy").inputs["backupPolicy"]).toEqual({ status: "ENABLED" });
  const zoneOf = new Map(
    ofType(plan, "aws:ec2/subnet:Subnet").map((subnet) => [subnet.id, subnet.inputs["availabilityZone"]]),
  );
  const zones = ofType(plan, "aws:efs/mountTarget:MountTarget").map((target) =>
    zoneOf.get(String(target.inputs["subnetId"])),
  );
  expect(zones).toEqual(["us-east-1a", "us-east-1b", "us-east-1c"]);
  const kept = plan.resources.filter((resource) => resource.protect).map((resource) => resource.name);
  expect(kept.sort()).toEqual([
    "wgc-endpoint-ip-1",
    "wgc-endpoint-ip-2",
    "wgc-endpoint-ip-3",
    "wgc-endpoint-nlb",
    "wgc-sessions-key",
    "wgc-sessions-log",
    "wgc-storage-efs",
    "wgc-storage-key",
    "wgc-storage-mount-1",
    "wgc-storage-mount-2",
    "wgc-storage-mount-3",
    "wgc-storage-registry",
    "wgc-storage-runtime",
  ]);
});

test("the monthly cost", () => {
  expect(estimateCost(plan).monthly).toBe(142.06);
});
