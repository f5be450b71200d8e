import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AlarmMetric, AlarmSpec, Watched } from "../monitoring/alarm";
import { alarmName, alarmSpecs, rollbackAlarmNames } from "../monitoring/alarms";
import { dashboardBody } from "../monitoring/dashboard/body";
import type { MonitoringLevel } from "../monitoring/metrics";
import { AlarmTopic } from "./alarm-topic";
import { LaunchFailures } from "./launch-failures";
import { mergeTags, type Place, type Tags } from "./support";

export interface MonitoringArgs {
  readonly clusterName: string;
  readonly place: Place;
  /** `basic`: alarms. `full`: the dashboard as well. Default `full`. */
  readonly level: Exclude<MonitoringLevel, "none">;
  /** Who is told of alarms; empty for nobody. Example: `oncall@example.com`. */
  readonly alarmEmail: string;
  /** The cluster's key, which encrypts the topic. */
  readonly keyArn: pulumi.Input<string>;
  readonly minServers: number;
  readonly takeover: boolean;
  readonly addressing: "masquerade" | "routed";
  /** Names of the availability zones. */
  readonly zones: readonly pulumi.Input<string>[];
  readonly loadBalancerArn: pulumi.Input<string>;
  readonly targetGroupArn: pulumi.Input<string>;
  readonly groupName: pulumi.Input<string>;
  readonly fileSystemId: pulumi.Input<string>;
  readonly functionName: pulumi.Input<string>;
  readonly endpoint: pulumi.Input<string>;
  /** Days to keep the record of failed launches. Default 30. */
  readonly logRetentionDays: number;
  /** What must exist before an alarm may ring: the servers that are to be healthy. */
  readonly startsAfter: readonly pulumi.Resource[];
  readonly tags: Tags;
}

/** Where runbooks are; alarms name the section. */
const RUNBOOKS = "docs/operations.md";

/**
 * Alarms on symptoms, each with the section of the runbook to open, a topic that tells of them, and a dashboard.
 *
 * **Cost**: alarms $0.10 a month for each metric in them (about $1.90), servers' metrics $0.30 each (`basic` $3.30 for three zones, `full`
 * $7.20), the dashboard $3 (an account's first three are free), PutMetricData $0.44 a server.
 */
export class Monitoring extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;
  /** Names of the alarms that stop an instance refresh. */
  readonly rollbackAlarms: readonly string[];
  /** Undefined at level `basic`. */
  readonly dashboardName: pulumi.Output<string> | undefined;

  constructor(name: string, args: MonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:Monitoring", name, { clusterName: args.clusterName, level: args.level }, opts);
    const inside = { parent: this };
    const topic = new AlarmTopic(`${name}-alarms`, { ...args, email: args.alarmEmail }, inside);
    const launches = new LaunchFailures(`${name}-launches`, args, inside);
    this.topicArn = topic.arn;
    this.rollbackAlarms = rollbackAlarmNames(args.clusterName, args.level);
    const watched: Watched<pulumi.Input<string>> = {
      cluster: args.clusterName,
      minServers: args.minServers,
      takeover: args.takeover,
      routed: args.addressing === "routed",
      zones: args.zones,
      loadBalancer: metricName(args.loadBalancerArn, "loadbalancer/"),
      targetGroup: metricName(args.targetGroupArn, ":"),
      groupName: args.groupName,
      fileSystemId: args.fileSystemId,
      functionName: args.functionName,
      launchFailureRule: launches.ruleName,
    };
    const alarms = alarmSpecs(watched, args.level).map((spec) => this.alarm(name, args, spec, topic.arn));
    this.dashboardName =
      args.level === "full" ? this.dashboard(name, args, watched, alarms, launches) : undefined;
    this.registerOutputs({
      topicArn: this.topicArn,
      rollbackAlarms: this.rollbackAlarms,
      dashboardName: this.dashboardName,
    });
  }

  private alarm(
    name: string,
    args: MonitoringArgs,
    spec: AlarmSpec<pulumi.Input<string>>,
    topicArn: pulumi.Input<string>,
  ): aws.cloudwatch.MetricAlarm {
    const { datapoints } = spec;
    return new aws.cloudwatch.MetricAlarm(
      `${name}-${spec.key}`,
      {
        // Not Pulumi's own name: an instance refresh names alarms that are made after it.
        name: alarmName(args.clusterName, spec.key),
        alarmDescription: `${args.clusterName}: ${spec.says}. What to do: ${RUNBOOKS}#${spec.runbook}`,
        comparisonOperator: spec.comparison,
        threshold: spec.threshold,
        evaluationPeriods: spec.periods,
        ...(datapoints === undefined ? {} : { datapointsToAlarm: datapoints }),
        treatMissingData: spec.missing,
        metricQueries: queries(spec),
        alarmActions: [topicArn],
        okActions: [topicArn],
        tags: mergeTags(args.tags),
      },
      { parent: this, dependsOn: [...args.startsAfter] },
    );
  }

  private dashboard(
    name: string,
    args: MonitoringArgs,
    watched: Watched<pulumi.Input<string>>,
    alarms: readonly aws.cloudwatch.MetricAlarm[],
    launches: LaunchFailures,
  ): pulumi.Output<string> {
    const { region } = args.place;
    const known = pulumi.all([
      pulumi.output({ ...watched, zones: [...watched.zones] }),
      args.endpoint,
      pulumi.all(alarms.map(({ arn }) => arn)),
      launches.logGroupName,
    ]);
    return new aws.cloudwatch.Dashboard(
      `${name}-dashboard`,
      {
        dashboardName: args.clusterName,
        dashboardBody: known.apply(([values, endpoint, alarmArns, launchLog]) =>
          JSON.stringify(dashboardBody({ ...values, region, endpoint, alarmArns, launchLog })),
        ),
      },
      { parent: this },
    ).dashboardName;
  }
}

/** Metrics name a load balancer and a target group by the end of their ARN, from after `loadbalancer/` and from `targetgroup/` on. */
function metricName(arn: pulumi.Input<string>, after: "loadbalancer/" | ":"): pulumi.Output<string> {
  return pulumi.output(arn).apply((text) => text.slice(text.lastIndexOf(after) + after.length));
}

type Query = aws.types.input.cloudwatch.MetricAlarmMetricQuery;

/** The metrics of an alarm, and its expression where it has one; exactly one of them is what is compared. */
function queries({ expression, metrics, periodSeconds, says }: AlarmSpec<pulumi.Input<string>>): Query[] {
  const single = expression === undefined;
  const named = metrics.map((metric) => query(metric, periodSeconds, single));
  return single ? named : [...named, { id: "rings", label: says, expression, returnData: true }];
}

function query(metric: AlarmMetric<pulumi.Input<string>>, period: number, returnData: boolean): Query {
  const { dimensions, id, metricName: name, namespace, stat } = metric;
  const named = Object.keys(dimensions).length === 0 ? {} : { dimensions: { ...dimensions } };
  return { id, returnData, metric: { namespace, metricName: name, ...named, period, stat } };
}
