import { parse } from "yaml";
import { build } from "./cluster";
import { all, document, only } from "./harness";

test("one component a concern, all inside the root", async () => {
  const components = (await build()).filter(({ type }) => type.startsWith("wgc:"));
  expect(Object.fromEntries(components.map(({ type, parent }) => [type, parent]))).toEqual({
    "wgc:index:VpnCluster": "",
    "wgc:index:Network": "wgc",
    "wgc:index:Endpoint": "wgc",
    "wgc:index:Storage": "wgc",
    "wgc:index:AgentBundle": "wgc",
    "wgc:index:ServerRole": "wgc",
    "wgc:index:ControlFunction": "wgc",
    "wgc:index:ControlRole": "wgc-control",
    "wgc:index:Servers": "wgc",
    "wgc:index:Scaling": "wgc",
    "wgc:index:Monitoring": "wgc",
    "wgc:index:AlarmTopic": "wgc-monitoring",
    "wgc:index:LaunchFailures": "wgc-monitoring",
  });
});

test("a preview shows the same resources as a deployment: none is made inside an apply", async () => {
  const names = (made: readonly { type: string; name: string }[]) =>
    made.map(({ type, name }) => `${type} ${name}`);
  expect(names(await build({}, true))).toEqual(names(await build()));
});

test("every resource has a component for its parent, and its name starts with the component's", async () => {
  const made = (await build()).filter(
    ({ type }) => !type.startsWith("pulumi:") && type !== "wgc:index:VpnCluster",
  );
  for (const { name, parent } of made) expect(name === parent || name.startsWith(`${parent}-`)).toBe(true);
});

test("servers boot with what was made: file system, agent by its hash", async () => {
  const made = await build();
  const template = only(made, "aws:ec2/launchTemplate:LaunchTemplate");
  const data = parse(Buffer.from(template.inputs.userData, "base64").toString());
  const agentConfig = JSON.parse(data.write_files[0].content);
  expect(agentConfig).toMatchObject({ cluster: "wgc-test", tunnelIpv4: "10.100.0.0/16" });
  expect(data.mounts.map((mount: string[]) => [mount[0], mount[1], mount[3]])).toEqual([
    [
      "wgc-storage-efs-id:/",
      "/mnt/wgc/registry",
      "ro,_netdev,nofail,tls,iam,accesspoint=wgc-storage-registry-id",
    ],
    ["wgc-storage-efs-id:/", "/mnt/wgc/runtime", "_netdev,nofail,tls,iam,accesspoint=wgc-storage-runtime-id"],
  ]);
  const { key } = only(made, "aws:s3/bucketObjectv2:BucketObjectv2").inputs;
  const boot = data.write_files.find(({ path }: { path: string }) => path === "/opt/wgc/boot.sh");
  expect(boot.content).toContain(`s3://wgc-test-agent-0badcafe/${key}`);
});

test("no server boots before its mounts, rights, agent, key, listener and routes are there", async () => {
  const { dependencies } = only(await build(), "aws:autoscaling/group:Group");
  expect(dependencies).toEqual(
    expect.arrayContaining([
      "wgc-storage-mount-1",
      "wgc-storage-mount-2",
      "wgc-storage-mount-3",
      "wgc-storage-policy",
      "wgc-server-policy",
      "wgc-agent-object",
      "wgc-endpoint-listener",
      "wgc-control-init",
      "wgc-network",
    ]),
  );
});

test("what only clients' configurations have goes to the registry and not to servers: such a change rolls none", async () => {
  const values = {
    clientDns: "10.0.0.2",
    persistentKeepalive: "20",
    dnsName: "vpn.example.com",
    dnsZone: "example.com",
  };
  const [before, after] = [await build(), await build(values)];
  const template = "aws:ec2/launchTemplate:LaunchTemplate";
  expect(only(after, template).inputs).toEqual(only(before, template).inputs);
  const { input } = only(after, "aws:lambda/invocation:Invocation").inputs;
  expect(JSON.parse(input)).toEqual({
    version: 1,
    operation: "init",
    input: {
      cluster: {
        cluster: "wgc-test",
        endpoint: "vpn.example.com:51820",
        tunnelIpv4: "10.100.0.0/16",
        dns: ["10.0.0.2"],
        routes: ["10.0.0.0/16"],
        mtu: 1420,
        persistentKeepalive: 20,
        bothPorts: false,
      },
    },
  });
});

test("servers stand where the settings say; the load balancer is always public, the file system always private", async () => {
  const made = await build({ nodeSubnets: "private", natGateways: "onePerAz" });
  expect(only(made, "aws:autoscaling/group:Group").inputs.vpcZoneIdentifiers).toEqual([
    "priv-1",
    "priv-2",
    "priv-3",
  ]);
  const template = only(made, "aws:ec2/launchTemplate:LaunchTemplate").inputs;
  expect(template.networkInterfaces[0].associatePublicIpAddress).toBe("false");
  const mapped = only(made, "aws:lb/loadBalancer:LoadBalancer").inputs.subnetMappings;
  expect(mapped.map((mapping: { subnetId: string }) => mapping.subnetId)).toEqual([
    "pub-1",
    "pub-2",
    "pub-3",
  ]);
  const mounts = all(made, "aws:efs/mountTarget:MountTarget");
  expect(mounts.map(({ inputs }) => inputs.subnetId)).toEqual(["priv-1", "priv-2", "priv-3"]);
  expect(only(await build(), "aws:autoscaling/group:Group").inputs.vpcZoneIdentifiers).toEqual([
    "pub-1",
    "pub-2",
    "pub-3",
  ]);
});

test("with routed addressing servers know each subnet's route table and its zone, and may change exactly these and the given ones", async () => {
  const values = {
    addressing: "routed",
    availabilityZoneCount: "2",
    routeTables: "rtb-01234567=eu-central-1b",
  };
  const made = await build(values);
  const data = parse(
    Buffer.from(only(made, "aws:ec2/launchTemplate:LaunchTemplate").inputs.userData, "base64").toString(),
  );
  const tables = [
    { id: "rtb-of-pub-1", zone: "eu-central-1a" },
    { id: "rtb-of-priv-1", zone: "eu-central-1a" },
    { id: "rtb-of-pub-2", zone: "eu-central-1b" },
    { id: "rtb-of-priv-2", zone: "eu-central-1b" },
    { id: "rtb-01234567", zone: "eu-central-1b" },
  ];
  expect(JSON.parse(data.write_files[0].content).routed).toEqual({
    overlayPort: 4790,
    prefixes: ["10.0.0.0/16"],
    routeTables: tables,
    clientToClient: false,
  });
  const { policy } = only(made, "aws:iam/rolePolicy:RolePolicy", "wgc-server-policy").inputs;
  const [carry] = document(policy).Statement.filter(({ Sid }: { Sid: string }) => Sid === "CarryTunnelRange");
  expect(carry.Resource).toEqual(
    tables.map(({ id }) => `arn:aws-cn:ec2:eu-central-1:123456789012:route-table/${id}`),
  );
});

test("servers that masquerade know no route table and may change none", async () => {
  const made = await build();
  const template = only(made, "aws:ec2/launchTemplate:LaunchTemplate").inputs;
  expect(Buffer.from(template.userData, "base64").toString()).not.toContain("rtb-");
  expect(only(made, "aws:iam/rolePolicy:RolePolicy", "wgc-server-policy").inputs.policy).not.toContain(
    "ec2:",
  );
});

test("the stack's tags are on every resource that takes tags, and the account's partition is in ARNs", async () => {
  const made = await build({ tags: "Owner=net" });
  const tagged = made.filter(({ inputs }) => inputs.tags !== undefined && !Array.isArray(inputs.tags));
  expect(tagged.length).toBeGreaterThan(30);
  for (const { inputs } of tagged) {
    expect(inputs.tags).toMatchObject({ Project: "wgc", Cluster: "wgc-test", Stack: "test", Owner: "net" });
  }
  expect(only(made, "aws:kms/key:Key").inputs.policy).toContain("arn:aws-cn:iam::123456789012:root");
});

test("the most ranges that the settings take make no more than the 60 rules that a security group takes", async () => {
  const ranges = (count: number) =>
    Array.from({ length: count }, (_, index) => `172.16.${index}.0/24`).join(",");
  const made = await build({
    clientSourceRanges: ranges(59),
    clientRoutes: ranges(56),
    addressing: "routed",
  });
  for (const [direction, group] of [
    ["Ingress", "wgc-endpoint-nlb-sg-id"],
    ["Egress", "wgc-servers-sg-id"],
  ]) {
    const rules = all(made, `aws:vpc/securityGroup${direction}Rule:SecurityGroup${direction}Rule`);
    expect(rules.filter(({ inputs }) => inputs.securityGroupId === group)).toHaveLength(60);
  }
});

test("an instance refresh is stopped by the alarms that exist, and depends on none of them", async () => {
  const alarms = (made: Awaited<ReturnType<typeof build>>) =>
    only(made, "aws:autoscaling/group:Group").inputs.instanceRefresh.preferences.alarmSpecification?.alarms;
  const made = await build();
  const names = all(made, "aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => inputs.name);
  expect(names).toEqual(expect.arrayContaining(alarms(made)));
  expect(alarms(made)).toContain("wgc-test/boot-failures");
  expect(alarms(await build({ monitoring: "none" }))).toBeUndefined();
});

test("without monitoring there are no alarms but scaling's, servers may send nothing, and nobody else may use the key", async () => {
  const made = await build({ monitoring: "none" });
  expect(all(made, "aws:cloudwatch/metricAlarm:MetricAlarm").map(({ parent }) => parent)).toEqual(
    Array(3).fill("wgc-scaling"),
  );
  expect(only(made, "aws:iam/rolePolicy:RolePolicy", "wgc-server-policy").inputs.policy).not.toContain(
    "PutMetricData",
  );
  expect(only(made, "aws:kms/key:Key").inputs.policy).not.toContain("cloudwatch");
});
