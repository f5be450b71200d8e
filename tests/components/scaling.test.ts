import { Scaling, type ScalingArgs } from "../../components/scaling";
import { all, arn, census, make, only } from "./harness";

const ARGS: ScalingArgs = {
  clusterName: "wgc-test",
  groupName: "servers",
  scaleOutCpuPercent: 70,
  scaleInCpuPercent: 30,
  scaleOutNetworkMBps: 10,
  scaleInNetworkMBps: 2,
  warmupSeconds: 180,
  tags: { Owner: "net" },
};
const build = (args: Partial<ScalingArgs> = {}) => make(() => void new Scaling("s", { ...ARGS, ...args }));
const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
const POLICY = "aws:autoscaling/policy:Policy";

const metric = (id: string, metricName: string) => ({
  id,
  returnData: false,
  metric: {
    namespace: "AWS/EC2",
    metricName,
    dimensions: { AutoScalingGroupName: "servers" },
    period: 60,
    stat: "Average",
  },
});
const rate = {
  id: "net",
  label: "bytes per second and server",
  expression: "(netIn + netOut) / PERIOD(netIn)",
  returnData: false,
};
const network = [metric("netIn", "NetworkIn"), metric("netOut", "NetworkOut")];

test("three step policies, three alarms, nothing else", async () => {
  const made = await build();
  expect(census(made)).toEqual({ [POLICY]: 3, [ALARM]: 3 });
  const steps = Object.fromEntries(
    all(made, POLICY).map(({ name, inputs }) => [name, inputs.stepAdjustments]),
  );
  expect(steps).toEqual({
    "s-out-cpu": [
      { scalingAdjustment: 1, metricIntervalLowerBound: "0", metricIntervalUpperBound: "15" },
      { scalingAdjustment: 2, metricIntervalLowerBound: "15" },
    ],
    "s-out-network": [
      { scalingAdjustment: 1, metricIntervalLowerBound: "0", metricIntervalUpperBound: "10000000" },
      { scalingAdjustment: 2, metricIntervalLowerBound: "10000000" },
    ],
    "s-in": [{ scalingAdjustment: -1, metricIntervalLowerBound: "0" }],
  });
  for (const { inputs } of all(made, POLICY)) {
    expect({ ...inputs, stepAdjustments: [] }).toEqual({
      autoscalingGroupName: "servers",
      policyType: "StepScaling",
      adjustmentType: "ChangeInCapacity",
      metricAggregationType: "Average",
      estimatedInstanceWarmup: 180,
      stepAdjustments: [],
    });
  }
});

test("out when average CPU use is above 70 %", async () => {
  expect(only(await build(), ALARM, "s-cpu-high").inputs).toEqual({
    alarmDescription: "wgc-test: average CPU use above 70 %",
    comparisonOperator: "GreaterThanThreshold",
    threshold: 70,
    evaluationPeriods: 3,
    treatMissingData: "notBreaching",
    metricQueries: [{ ...metric("cpu", "CPUUtilization"), returnData: true }],
    alarmActions: [arn("s-out-cpu")],
    tags: { Owner: "net" },
  });
});

test("out when a server carries more than 10 MB/s: bytes per period, divided by the period", async () => {
  expect(only(await build(), ALARM, "s-network-high").inputs).toEqual({
    alarmDescription: "wgc-test: a server carries more than 10 MB/s on average",
    comparisonOperator: "GreaterThanThreshold",
    threshold: 10_000_000,
    evaluationPeriods: 3,
    treatMissingData: "notBreaching",
    metricQueries: [...network, { ...rate, returnData: true }],
    alarmActions: [arn("s-out-network")],
    tags: { Owner: "net" },
  });
});

test("in only when CPU use and traffic are both low, as one alarm that is quiet without data", async () => {
  expect(only(await build(), ALARM, "s-idle").inputs).toEqual({
    alarmDescription: "wgc-test: CPU use below 30 % and traffic below 2 MB/s",
    comparisonOperator: "GreaterThanOrEqualToThreshold",
    threshold: 1,
    evaluationPeriods: 15,
    treatMissingData: "notBreaching",
    metricQueries: [
      metric("cpu", "CPUUtilization"),
      ...network,
      rate,
      {
        id: "idle",
        label: "1 when CPU and network are both low",
        expression: "IF(cpu < 30 AND net < 2000000, 1, 0)",
        returnData: true,
      },
    ],
    alarmActions: [arn("s-in")],
    tags: { Owner: "net" },
  });
});

test("only one policy removes servers and only one alarm drives it", async () => {
  const made = await build();
  const removing = all(made, POLICY).filter(({ inputs }) =>
    inputs.stepAdjustments.some((step: { scalingAdjustment: number }) => step.scalingAdjustment < 0),
  );
  expect(removing.map((one) => one.name)).toEqual(["s-in"]);
  const driving = all(made, ALARM).filter(({ inputs }) => inputs.alarmActions.includes(arn("s-in")));
  expect(driving.map((one) => one.name)).toEqual(["s-idle"]);
});

test("limits that would make it swing are refused", () => {
  expect(() => new Scaling("s", { ...ARGS, scaleInCpuPercent: 70, scaleInNetworkMBps: 10 })).toThrow(
    "Scaling: scaleInCpuPercent must be below 70; scaleInNetworkMBps must be below 10",
  );
});
