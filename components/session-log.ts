import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { administerKey } from "./key-administration";
import { mergeTags, type Place, policy, type Tags } from "./support";

export interface SessionLogArgs {
  readonly clusterName: string;
  readonly place: Place;
  /** Days to keep what was typed and shown in sessions ($0.50 per GB written, $0.03 per GB and month kept). Default 30. */
  readonly logRetentionDays: number;
  /** Refuse deletion of the log, and of the key without which it cannot be read. Default false. */
  readonly protect: boolean;
  readonly tags: Tags;
}

/**
 * Where operators' sessions are recorded: a log group encrypted with a key of its own. The same key encrypts sessions between an
 * operator's machine and the server.
 *
 * **Cost**: $1 a month for the key; the log by use.
 */
export class SessionLog extends pulumi.ComponentResource {
  readonly logGroupName: string;
  readonly logGroupArn: pulumi.Output<string>;
  readonly keyArn: pulumi.Output<string>;

  constructor(name: string, args: SessionLogArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:SessionLog", name, { clusterName: args.clusterName }, opts);
    this.logGroupName = `/wgc/${args.clusterName}/sessions`;
    const tags = mergeTags(args.tags, { Name: `${args.clusterName}-sessions` });
    const key = new aws.kms.Key(
      `${name}-key`,
      {
        description: `wgc ${args.clusterName}: operators' sessions`,
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        policy: keyPolicy(args.place, this.logGroupName),
        tags,
      },
      { parent: this, protect: args.protect },
    );
    const group = new aws.cloudwatch.LogGroup(
      `${name}-log`,
      { name: this.logGroupName, kmsKeyId: key.arn, retentionInDays: args.logRetentionDays, tags },
      { parent: this, protect: args.protect },
    );
    this.keyArn = key.arn;
    this.logGroupArn = group.arn;
    this.registerOutputs({ logGroupArn: this.logGroupArn, keyArn: this.keyArn });
  }
}

function keyPolicy({ region, accountId, partition }: Place, logGroup: string): pulumi.Output<string> {
  const account = { AWS: pulumi.interpolate`arn:${partition}:iam::${accountId}:root` };
  return policy(
    administerKey(account),
    // CloudWatch Logs, for this one log group; it also decrypts for whoever may read there, so readers need no right of the key
    // (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
    {
      Sid: "EncryptLog",
      Effect: "Allow",
      Principal: { Service: `logs.${region}.amazonaws.com` },
      Action: ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
      Resource: "*",
      Condition: {
        ArnEquals: {
          "kms:EncryptionContext:aws:logs:arn": pulumi.interpolate`arn:${partition}:logs:${region}:${accountId}:log-group:${logGroup}`,
        },
      },
    },
    // Operators and servers, as far as their own roles allow it, and only for a session: both ends name it in the encryption context
    // (https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html).
    {
      Sid: "EncryptSessions",
      Effect: "Allow",
      Principal: account,
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: "*",
      Condition: { Null: { "kms:EncryptionContext:aws:ssm:SessionId": "false" } },
    },
  );
}
