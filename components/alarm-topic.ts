import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { alarmName } from "../monitoring/alarms";
import { mergeTags, type Place, type PolicyStatement, policy, type Tags } from "./support";

export interface AlarmTopicArgs {
  readonly clusterName: string;
  readonly place: Place;
  /** The cluster's key; its policy has {@link alarmsUseKey}. With AWS's own key for SNS alarms cannot publish. */
  readonly keyArn: pulumi.Input<string>;
  /** Who is told by e-mail; empty for nobody. Each address has to accept AWS's confirmation once. */
  readonly email: string;
  readonly tags: Tags;
}

const ALARMS = "cloudwatch.amazonaws.com";

/** Alarms of this account and region whose names begin with the cluster's. */
function ownAlarms(clusterName: string, { region, accountId, partition }: Place) {
  return {
    StringEquals: { "aws:SourceAccount": accountId },
    ArnLike: {
      "aws:SourceArn": pulumi.interpolate`arn:${partition}:cloudwatch:${region}:${accountId}:alarm:${alarmName(clusterName, "*")}`,
    },
  };
}

/**
 * What the key's policy needs so that alarms can publish to a topic that is encrypted with it
 * (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
 */
export function alarmsUseKey(clusterName: string, place: Place): PolicyStatement {
  return {
    Sid: "AlarmsPublishToTopic",
    Effect: "Allow",
    Principal: { Service: ALARMS },
    Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
    Resource: "*",
    Condition: ownAlarms(clusterName, place),
  };
}

/** Where alarms tell that they ring and that they are over. **Cost**: none for e-mail (1,000 a month are free). */
export class AlarmTopic extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: AlarmTopicArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:AlarmTopic", name, { clusterName: args.clusterName }, opts);
    const topic = new aws.sns.Topic(
      `${name}-topic`,
      {
        name: `${args.clusterName}-alarms`,
        displayName: `wgc ${args.clusterName}`,
        kmsMasterKeyId: args.keyArn,
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-alarms` }),
      },
      { parent: this },
    );
    this.arn = topic.arn;
    new aws.sns.TopicPolicy(
      `${name}-policy`,
      {
        arn: topic.arn,
        policy: policy({
          Sid: "AlarmsPublish",
          Effect: "Allow",
          Principal: { Service: ALARMS },
          Action: "sns:Publish",
          Resource: topic.arn,
          Condition: ownAlarms(args.clusterName, args.place),
        }),
      },
      { parent: this },
    );
    if (args.email !== "") {
      new aws.sns.TopicSubscription(
        `${name}-email`,
        { topic: topic.arn, protocol: "email", endpoint: args.email },
        { parent: this },
      );
    }
    this.registerOutputs({ arn: this.arn });
  }
}
