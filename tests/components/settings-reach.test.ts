import { parse } from "yaml";
import { WARMUP_SECONDS } from "../../components/servers";
import { build } from "./cluster";
import { all, arn, document, type Made, only } from "./harness";

const GROUP = "aws:autoscaling/group:Group";
const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";

/** A file that a server writes at its boot. */
function bootFile(made: readonly Made[], path: string): string {
  const { userData } = only(made, "aws:ec2/launchTemplate:LaunchTemplate").inputs;
  const { write_files } = parse(Buffer.from(userData, "base64").toString());
  return write_files.find((file: { path: string }) => file.path === path).content;
}

test("with rotation of the server key the second port leads from the internet to the servers, and clients are told of it", async () => {
  const made = await build({ serverKeyRotation: "true", listenPort: "4500" });
  const group = only(made, GROUP);
  expect(group.inputs.targetGroupArns).toEqual([arn("wgc-endpoint-tg"), arn("wgc-endpoint-tg-second")]);
  // A target group without a listener reports no health, and the group would wait for it in vain.
  expect(group.dependencies).toEqual(
    expect.arrayContaining(["wgc-endpoint-listener", "wgc-endpoint-listener-second"]),
  );
  const [balancer, servers] = ["wgc-endpoint-nlb-sg-id", "wgc-servers-sg-id"];
  const udp = (direction: "Ingress" | "Egress", from: string) =>
    all(made, `aws:vpc/securityGroup${direction}Rule:SecurityGroup${direction}Rule`)
      .filter(({ inputs }) => inputs.ipProtocol === "udp" && inputs.referencedSecurityGroupId === from)
      .filter(({ inputs }) => inputs.securityGroupId !== from)
      .map(({ inputs }) => [inputs.securityGroupId, inputs.fromPort, inputs.toPort]);
  expect(udp("Ingress", balancer)).toEqual([
    [servers, 4500, 4500],
    [servers, 4501, 4501],
  ]);
  expect(udp("Egress", servers)).toEqual([
    [balancer, 4500, 4500],
    [balancer, 4501, 4501],
  ]);
  const { input } = only(made, "aws:lambda/invocation:Invocation").inputs;
  expect(JSON.parse(input).input.cluster).toMatchObject({
    endpoint: "nlb.example.net:4500",
    bothPorts: true,
  });
});

test("alarms begin when there are servers: before, each that takes silence for a fault would ring", async () => {
  const alarms = all(await build(), ALARM).filter(({ parent }) => parent === "wgc-monitoring");
  expect(alarms.length).toBeGreaterThan(10);
  for (const { name, dependencies } of alarms)
    expect([name, dependencies]).toEqual([name, expect.arrayContaining(["wgc-servers-group"])]);
});

test.each(["active-passive", "active-active"])(
  "too few servers and empty zones ring where they are %s: standbys count",
  async (topology) => {
    const made = await build({ topology });
    expect(only(made, ALARM, "wgc-monitoring-servers-below-minimum").inputs.threshold).toBe(3);
    expect(made.filter(({ name }) => /^wgc-monitoring-zone-/.test(name))).toHaveLength(3);
  },
);

test("a route that does not come rings where addressing is routed", async () => {
  const keys = async (addressing: string) =>
    (await build({ addressing })).map(({ name }) => name).filter((name) => name.endsWith("routes-away"));
  expect([await keys("routed"), await keys("masquerade")]).toEqual([["wgc-monitoring-routes-away"], []]);
});

test("no server boots before the endpoints through which it reaches AWS are there", async () => {
  const values = { nodeSubnets: "private", natGateways: "single", interfaceEndpoints: "autoscaling,logs" };
  expect(only(await build(values), GROUP).dependencies).toEqual(
    expect.arrayContaining(["wgc-network-autoscaling", "wgc-network-logs"]),
  );
});

test("every log is kept as long as the settings say", async () => {
  const made = await build({ flowLogRetentionDays: "400", operatorPrincipals: "account" });
  const logs = all(made, "aws:cloudwatch/logGroup:LogGroup");
  expect(logs.map(({ inputs }) => [inputs.name, inputs.retentionInDays]).sort()).toEqual([
    ["/aws/events/wgc/wgc-test/launch-failures", 400],
    ["/wgc/wgc-test/control", 400],
    ["/wgc/wgc-test/flow-logs", 400],
    ["/wgc/wgc-test/sessions", 400],
  ]);
});

test("a protected cluster keeps its agents: servers of an older template still boot from them", async () => {
  const destroyed = async (protect: string) =>
    only(await build({ protect }), "aws:s3/bucket:Bucket").inputs.forceDestroy;
  expect([await destroyed("true"), await destroyed("false")]).toEqual([false, true]);
});

test("scaling and an instance refresh wait for a new server equally long", async () => {
  const made = await build();
  const { defaultInstanceWarmup, instanceRefresh } = only(made, GROUP).inputs;
  expect([defaultInstanceWarmup, Number(instanceRefresh.preferences.instanceWarmup)]).toEqual([
    WARMUP_SECONDS,
    WARMUP_SECONDS,
  ]);
  const policies = all(made, "aws:autoscaling/policy:Policy");
  expect(policies.map(({ inputs }) => inputs.estimatedInstanceWarmup)).toEqual(Array(3).fill(WARMUP_SECONDS));
});

test("times at which the size changes are those of the settings, of this group", async () => {
  const morning = { name: "morning", cron: "0 7 * * *", timeZone: "Etc/UTC", min: 6 };
  const made = await build({ scheduledCapacity: JSON.stringify([morning]) });
  expect(only(made, "aws:autoscaling/schedule:Schedule").inputs).toMatchObject({
    autoscalingGroupName: "wgc-test-servers",
    minSize: 6,
  });
});

test("the control function has the concurrency that the account can spare", async () => {
  const { inputs } = only(await build({ controlConcurrency: "7" }), "aws:lambda/function:Function");
  expect(inputs.reservedConcurrentExecutions).toBe(7);
});

test("with routed addressing the servers' firewall knows who may open connections to clients", async () => {
  const values = { addressing: "routed", backendPrefixes: "10.0.32.0/20" };
  const rules = bootFile(await build(values), "/etc/wgc/nftables.nft");
  expect(rules).toMatch(/set backends \{[^\n]*elements = \{ 10\.0\.32\.0\/20 \}/);
  expect(rules).toContain("ip saddr @backends accept");
});

test("servers ask for more time before the group's own hook runs out", async () => {
  const made = await build();
  const { heartbeatSeconds, terminateHook } = JSON.parse(bootFile(made, "/etc/wgc/agent.json")).lifecycle;
  const hooks: { name: string; heartbeatTimeout: number }[] = only(made, GROUP).inputs.initialLifecycleHooks;
  expect(hooks.find(({ name }) => name === terminateHook)?.heartbeatTimeout).toBe(heartbeatSeconds);
});

test("the control function, which is called at once, waits for every mount target and for the file system's policy", async () => {
  expect(only(await build(), "aws:lambda/function:Function").dependencies).toEqual(
    expect.arrayContaining([
      "wgc-storage-mount-1",
      "wgc-storage-mount-2",
      "wgc-storage-mount-3",
      "wgc-storage-policy",
    ]),
  );
});

test("alarms watch this cluster's file system and control function", async () => {
  const made = await build();
  const dimensions = (key: string) =>
    only(made, ALARM, `wgc-monitoring-${key}`).inputs.metricQueries[0].metric.dimensions;
  expect(["efs-io-limit", "efs-burst-credits"].map(dimensions)).toEqual(
    Array(2).fill({ FileSystemId: "wgc-storage-efs-id" }),
  );
  expect(["control-errors", "control-throttled"].map(dimensions)).toEqual(
    Array(2).fill({ FunctionName: "wgc-test-control" }),
  );
});

test("operators ask for a server's health where it answers", async () => {
  const made = await build({ operatorPrincipals: "account", healthPort: "9000" });
  const { content } = only(made, "aws:ssm/document:Document", "wgc-operators-health").inputs;
  expect(document(content).properties.linux.commands).toContain("http://127.0.0.1:9000/healthz");
});

test("servers know how often the load balancer asks", async () => {
  const made = await build();
  const config = JSON.parse(bootFile(made, "/etc/wgc/agent.json"));
  const { interval } = only(made, "aws:lb/targetGroup:TargetGroup").inputs.healthCheck;
  expect(config.healthCheckSeconds).toBe(interval);
});
