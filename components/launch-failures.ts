import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { mergeTags, type Place, policy, type Tags } from "./support";

export interface LaunchFailuresArgs {
  readonly clusterName: string;
  readonly place: Place;
  readonly groupName: pulumi.Input<string>;
  /** Days to keep the record of each failure (a kilobyte). Default 30. */
  readonly logRetentionDays: number;
  readonly tags: Tags;
}

/** Who writes (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html, "CloudWatch Logs permissions"). */
const EVENTS = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] as const;

/**
 * Launches of servers that came to nothing, seen from outside the server: Auto Scaling tells it of each, whether EC2 had no instance,
 * the boot was given up (ABANDON), or the server never called home before the launch hook's time was over
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html). A count kept by the server itself would
 * miss those that cannot reach AWS. The rule counts (`AWS/Events`), its target keeps the reasons.
 *
 * **Cost**: none; events of AWS services are free.
 */
export class LaunchFailures extends pulumi.ComponentResource {
  readonly ruleName: pulumi.Output<string>;
  readonly logGroupName: pulumi.Output<string>;

  constructor(name: string, args: LaunchFailuresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:LaunchFailures", name, { clusterName: args.clusterName }, opts);
    const { accountId, partition, region } = args.place;
    const tags = mergeTags(args.tags);
    // EventBridge writes to log groups whose name begins with /aws/events/ only
    // (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html).
    const group = new aws.cloudwatch.LogGroup(
      `${name}-log`,
      {
        name: `/aws/events/wgc/${args.clusterName}/launch-failures`,
        retentionInDays: args.logRetentionDays,
        tags,
      },
      { parent: this },
    );
    const rule = new aws.cloudwatch.EventRule(
      `${name}-rule`,
      {
        name: `${args.clusterName}-launch-failures`,
        description: `wgc ${args.clusterName}: launches of servers that came to nothing`,
        eventPattern: pulumi.jsonStringify({
          source: ["aws.autoscaling"],
          "detail-type": ["EC2 Instance Launch Unsuccessful"],
          detail: { AutoScalingGroupName: [args.groupName] },
        }),
        tags,
      },
      { parent: this },
    );
    const streams = pulumi.interpolate`arn:${partition}:logs:${region}:${accountId}:log-group:${group.name}:*`;
    const events = { Effect: "Allow", Principal: { Service: [...EVENTS] } } as const;
    // Made before the target: EventBridge tries it.
    const rights = new aws.cloudwatch.LogResourcePolicy(
      `${name}-rights`,
      {
        policyName: `${args.clusterName}-launch-failures`,
        policyDocument: policy(
          { Sid: "MakeStreams", ...events, Action: "logs:CreateLogStream", Resource: streams },
          {
            Sid: "WriteFailures",
            ...events,
            Action: "logs:PutLogEvents",
            Resource: pulumi.interpolate`${streams}:*`,
            Condition: { ArnEquals: { "aws:SourceArn": rule.arn } },
          },
        ),
      },
      { parent: this },
    );
    new aws.cloudwatch.EventTarget(
      `${name}-target`,
      { rule: rule.name, arn: group.arn },
      { parent: this, dependsOn: [rights] },
    );
    this.ruleName = rule.name;
    this.logGroupName = group.name;
    this.registerOutputs({ ruleName: this.ruleName, logGroupName: this.logGroupName });
  }
}
