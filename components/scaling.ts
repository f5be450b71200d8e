import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { mergeTags, refuse, type Tags } from "./support";

export interface ScalingArgs {
  readonly clusterName: string;
  readonly groupName: pulumi.Input<string>;
  /** Add servers above this average CPU use, in percent. Default 70. */
  readonly scaleOutCpuPercent: number;
  /** Remove a server below this average CPU use, if the network is quiet too. Default 30. */
  readonly scaleInCpuPercent: number;
  /** Add servers when one carries more MB/s than this on average (1 MB is 1,000,000 bytes, in and out together). Default 10. */
  readonly scaleOutNetworkMBps: number;
  /** Remove a server below this, if CPU use is low too. Default 2. */
  readonly scaleInNetworkMBps: number;
  /** Seconds until a new server counts. */
  readonly warmupSeconds: number;
  readonly tags: Tags;
}

/** Detailed monitoring samples every minute; with a longer period the Average below would still be bytes per minute. */
const PERIOD_SECONDS = 60;
const MINUTES_TO_SCALE_OUT = 3;
const MINUTES_TO_SCALE_IN = 15;
const MEGA = 1_000_000;

interface Step {
  readonly scalingAdjustment: number;
  /** Distance of the metric from the alarm's threshold. */
  readonly metricIntervalLowerBound: string;
  readonly metricIntervalUpperBound?: string;
}

/**
 * Step scaling on CPU use and network traffic. Either one being high adds servers; a server goes only when **both** are low, which
 * takes one alarm over both: composite alarms cannot scale, and an alarm for each would remove servers that the other still needs
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html).
 *
 * **Cost**: $0.60 a month (six metrics in alarms).
 */
export class Scaling extends pulumi.ComponentResource {
  readonly scaleOutCpuAlarm: aws.cloudwatch.MetricAlarm;
  readonly scaleOutNetworkAlarm: aws.cloudwatch.MetricAlarm;
  readonly scaleInAlarm: aws.cloudwatch.MetricAlarm;

  constructor(name: string, args: ScalingArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("Scaling", [
      [
        "scaleInCpuPercent",
        args.scaleInCpuPercent >= args.scaleOutCpuPercent,
        `must be below ${args.scaleOutCpuPercent}`,
      ],
      [
        "scaleInNetworkMBps",
        args.scaleInNetworkMBps >= args.scaleOutNetworkMBps,
        `must be below ${args.scaleOutNetworkMBps}`,
      ],
    ]);
    super("wgc:index:Scaling", name, { ...limitsOf(args) }, opts);
    const networkHigh = args.scaleOutNetworkMBps * MEGA;
    const cpuHigh = this.policy(`${name}-out-cpu`, args, [
      { scalingAdjustment: 1, metricIntervalLowerBound: "0", metricIntervalUpperBound: "15" },
      { scalingAdjustment: 2, metricIntervalLowerBound: "15" },
    ]);
    const trafficHigh = this.policy(`${name}-out-network`, args, [
      { scalingAdjustment: 1, metricIntervalLowerBound: "0", metricIntervalUpperBound: String(networkHigh) },
      { scalingAdjustment: 2, metricIntervalLowerBound: String(networkHigh) },
    ]);
    const idle = this.policy(`${name}-in`, args, [{ scalingAdjustment: -1, metricIntervalLowerBound: "0" }]);

    this.scaleOutCpuAlarm = this.alarm(`${name}-cpu-high`, args, {
      alarmDescription: `${args.clusterName}: average CPU use above ${args.scaleOutCpuPercent} %`,
      comparisonOperator: "GreaterThanThreshold",
      threshold: args.scaleOutCpuPercent,
      evaluationPeriods: MINUTES_TO_SCALE_OUT,
      metricQueries: [{ ...metric("cpu", "CPUUtilization", args), returnData: true }],
      alarmActions: [cpuHigh.arn],
    });
    this.scaleOutNetworkAlarm = this.alarm(`${name}-network-high`, args, {
      alarmDescription: `${args.clusterName}: a server carries more than ${args.scaleOutNetworkMBps} MB/s on average`,
      comparisonOperator: "GreaterThanThreshold",
      threshold: networkHigh,
      evaluationPeriods: MINUTES_TO_SCALE_OUT,
      metricQueries: [...networkMetrics(args), { ...NETWORK_RATE, returnData: true }],
      alarmActions: [trafficHigh.arn],
    });
    this.scaleInAlarm = this.alarm(`${name}-idle`, args, {
      alarmDescription: `${args.clusterName}: CPU use below ${args.scaleInCpuPercent} % and traffic below ${args.scaleInNetworkMBps} MB/s`,
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      evaluationPeriods: MINUTES_TO_SCALE_IN,
      metricQueries: [
        metric("cpu", "CPUUtilization", args),
        ...networkMetrics(args),
        NETWORK_RATE,
        idleQuery(args),
      ],
      alarmActions: [idle.arn],
    });
    this.registerOutputs({
      scaleOutCpuAlarm: this.scaleOutCpuAlarm.name,
      scaleOutNetworkAlarm: this.scaleOutNetworkAlarm.name,
      scaleInAlarm: this.scaleInAlarm.name,
    });
  }

  private policy(name: string, args: ScalingArgs, steps: readonly Step[]): aws.autoscaling.Policy {
    return new aws.autoscaling.Policy(
      name,
      {
        autoscalingGroupName: args.groupName,
        policyType: "StepScaling",
        adjustmentType: "ChangeInCapacity",
        metricAggregationType: "Average",
        estimatedInstanceWarmup: args.warmupSeconds,
        stepAdjustments: [...steps],
      },
      { parent: this },
    );
  }

  private alarm(
    name: string,
    args: ScalingArgs,
    alarm: aws.cloudwatch.MetricAlarmArgs,
  ): aws.cloudwatch.MetricAlarm {
    // Missing data (no server reports) is no reason to scale either way; replacing dead servers is the health check's job.
    return new aws.cloudwatch.MetricAlarm(
      name,
      { ...alarm, treatMissingData: "notBreaching", tags: mergeTags(args.tags) },
      { parent: this },
    );
  }
}

function limitsOf(args: ScalingArgs) {
  const { scaleOutCpuPercent, scaleInCpuPercent, scaleOutNetworkMBps, scaleInNetworkMBps } = args;
  return { scaleOutCpuPercent, scaleInCpuPercent, scaleOutNetworkMBps, scaleInNetworkMBps };
}

type Query = aws.types.input.cloudwatch.MetricAlarmMetricQuery;

function metric(id: string, metricName: string, args: ScalingArgs): Query {
  return {
    id,
    returnData: false,
    metric: {
      namespace: "AWS/EC2",
      metricName,
      dimensions: { AutoScalingGroupName: args.groupName },
      period: PERIOD_SECONDS,
      stat: "Average",
    },
  };
}

function networkMetrics(args: ScalingArgs): Query[] {
  return [metric("netIn", "NetworkIn", args), metric("netOut", "NetworkOut", args)];
}

/**
 * NetworkIn and NetworkOut are bytes per period, so they are divided by it. In and out are added: a VPN server sends what it receives,
 * so a byte of a client counts twice, as it does against the instance's bandwidth.
 */
const NETWORK_RATE: Query = {
  id: "net",
  label: "bytes per second and server",
  expression: "(netIn + netOut) / PERIOD(netIn)",
  returnData: false,
};

function idleQuery(args: ScalingArgs): Query {
  return {
    id: "idle",
    label: "1 when CPU and network are both low",
    expression: `IF(cpu < ${args.scaleInCpuPercent} AND net < ${args.scaleInNetworkMBps * MEGA}, 1, 0)`,
    returnData: true,
  };
}
