import { Monitoring, type MonitoringArgs } from "../../components/monitoring";
import { alarmSpecs } from "../../monitoring/alarms";
import { WATCHED } from "../monitoring/watched";
import { all, arn, census, document, make, only } from "./harness";

const PLACE = { region: "eu-central-1", accountId: "123456789012", partition: "aws" } as const;
const BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/n/1";
const TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/t/2";
const ARGS: MonitoringArgs = {
  clusterName: "c",
  place: PLACE,
  level: "full",
  alarmEmail: "",
  keyArn: "arn:key",
  minServers: 3,
  takeover: true,
  addressing: "routed",
  zones: ["z-a", "z-b", "z-c"],
  loadBalancerArn: BALANCER,
  targetGroupArn: TARGETS,
  groupName: "g",
  fileSystemId: "fs-1",
  functionName: "c-control",
  endpoint: "vpn.example.com:51820",
  logRetentionDays: 30,
  startsAfter: [],
  tags: { Owner: "net" },
};
const build = (args: Partial<MonitoringArgs> = {}) =>
  make(() => void new Monitoring("m", { ...ARGS, ...args }));
const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
const OWN_ALARMS = {
  StringEquals: { "aws:SourceAccount": "123456789012" },
  ArnLike: { "aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:c/*" },
};

test("full: alarms, topic, dashboard and the record of failed launches", async () => {
  expect(census(await build())).toEqual({
    [ALARM]: 18,
    "aws:cloudwatch/dashboard:Dashboard": 1,
    "aws:cloudwatch/eventRule:EventRule": 1,
    "aws:cloudwatch/eventTarget:EventTarget": 1,
    "aws:cloudwatch/logGroup:LogGroup": 1,
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": 1,
    "aws:sns/topic:Topic": 1,
    "aws:sns/topicPolicy:TopicPolicy": 1,
  });
});

test("basic has no dashboard; an e-mail address is subscribed", async () => {
  const made = await build({ level: "basic", alarmEmail: "oncall@example.com" });
  expect(census(made)["aws:cloudwatch/dashboard:Dashboard"]).toBeUndefined();
  expect(only(made, "aws:sns/topicSubscription:TopicSubscription").inputs).toEqual({
    topic: arn("m-alarms-topic"),
    protocol: "email",
    endpoint: "oncall@example.com",
  });
});

test("every alarm tells the topic when it rings and when it is over, with what to do about it", async () => {
  const topic = arn("m-alarms-topic");
  const specs = new Map(alarmSpecs(WATCHED, "full").map((spec) => [`c/${spec.key}`, spec]));
  const alarms = all(await build(), ALARM);
  expect(alarms.map(({ inputs }) => inputs.name).sort()).toEqual([...specs.keys()].sort());
  for (const { inputs } of alarms) {
    const spec = specs.get(inputs.name);
    expect([inputs.alarmActions, inputs.okActions]).toEqual([[topic], [topic]]);
    expect(inputs.alarmDescription).toBe(`c: ${spec?.says}. What to do: docs/operations.md#${spec?.runbook}`);
    // When it rings is the specification's, whole.
    expect(inputs).toMatchObject({
      comparisonOperator: spec?.comparison,
      threshold: spec?.threshold,
      evaluationPeriods: spec?.periods,
      treatMissingData: spec?.missing,
    });
    expect(inputs.datapointsToAlarm).toBe(spec?.datapoints);
    expect(inputs.metricQueries.filter((query: { returnData: boolean }) => query.returnData)).toHaveLength(1);
  }
});

test("metrics are named as AWS and the servers name them", async () => {
  const made = await build();
  const metric = (name: string) =>
    only(made, ALARM, `m-${name}`).inputs.metricQueries.map((query: { metric?: unknown }) => query.metric);
  expect(metric("no-healthy-server")).toEqual([
    {
      namespace: "AWS/NetworkELB",
      metricName: "HealthyHostCount",
      dimensions: { LoadBalancer: "net/n/1", TargetGroup: "targetgroup/t/2" },
      period: 60,
      stat: "Maximum",
    },
  ]);
  expect(metric("zone-2-empty")).toEqual([
    {
      namespace: "wgc/c",
      metricName: "Healthy",
      dimensions: { AvailabilityZone: "z-b" },
      period: 60,
      stat: "Sum",
    },
  ]);
  expect(metric("probe-failing")).toEqual([
    { namespace: "wgc/c", metricName: "ProbeUp", period: 60, stat: "Minimum" },
  ]);
  expect(only(made, ALARM, "m-many-takeovers").inputs.metricQueries.at(-1)).toMatchObject({
    id: "rings",
    returnData: true,
  });
});

test("the topic is encrypted with the cluster's key, and only this cluster's alarms publish to it", async () => {
  const made = await build();
  expect(only(made, "aws:sns/topic:Topic").inputs.kmsMasterKeyId).toBe("arn:key");
  expect(document(only(made, "aws:sns/topicPolicy:TopicPolicy").inputs.policy).Statement).toEqual([
    {
      Sid: "AlarmsPublish",
      Effect: "Allow",
      Principal: { Service: "cloudwatch.amazonaws.com" },
      Action: "sns:Publish",
      Resource: arn("m-alarms-topic"),
      Condition: OWN_ALARMS,
    },
  ]);
});

test("failed launches of this group are counted and their reasons kept", async () => {
  const made = await build();
  expect(document(only(made, "aws:cloudwatch/eventRule:EventRule").inputs.eventPattern)).toEqual({
    source: ["aws.autoscaling"],
    "detail-type": ["EC2 Instance Launch Unsuccessful"],
    detail: { AutoScalingGroupName: ["g"] },
  });
  expect(only(made, "aws:cloudwatch/logGroup:LogGroup").inputs).toMatchObject({
    name: "/aws/events/wgc/c/launch-failures",
    retentionInDays: 30,
  });
  const target = only(made, "aws:cloudwatch/eventTarget:EventTarget");
  expect(target.inputs).toEqual({ rule: "c-launch-failures", arn: arn("m-launches-log") });
  expect(target.dependencies).toContain("m-launches-rights");
  const streams = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/events/wgc/c/launch-failures:*";
  const events = {
    Effect: "Allow",
    Principal: { Service: ["events.amazonaws.com", "delivery.logs.amazonaws.com"] },
  };
  expect(
    document(only(made, "aws:cloudwatch/logResourcePolicy:LogResourcePolicy").inputs.policyDocument)
      .Statement,
  ).toEqual([
    { Sid: "MakeStreams", ...events, Action: "logs:CreateLogStream", Resource: streams },
    {
      Sid: "WriteFailures",
      ...events,
      Action: "logs:PutLogEvents",
      Resource: `${streams}:*`,
      Condition: { ArnEquals: { "aws:SourceArn": arn("m-launches-rule") } },
    },
  ]);
  const failures = only(made, ALARM, "m-boot-failures").inputs.metricQueries[0].metric;
  expect(failures.dimensions).toEqual({ RuleName: "c-launch-failures" });
});

test("the dashboard shows this cluster's alarms", async () => {
  const { inputs } = only(await build(), "aws:cloudwatch/dashboard:Dashboard");
  const [alarms] = document(inputs.dashboardBody).widgets.filter(
    ({ type }: { type: string }) => type === "alarm",
  );
  expect(inputs.dashboardName).toBe("c");
  expect(alarms.properties.alarms).toHaveLength(18);
});
