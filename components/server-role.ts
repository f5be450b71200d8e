import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type MonitoringLevel, namespaceOf } from "../monitoring/metrics";
import { type RoutedRightsArgs, routedRights } from "./routed-rights";
import type { SessionLog } from "./session-log";
import { mergeTags, type PolicyStatement, policy, type Tags, trust } from "./support";

export interface ServerRoleArgs {
  readonly clusterName: string;
  /** ARN of the agent's bucket and the prefix of its objects. Example: `agent/`. */
  readonly agentBucketArn: pulumi.Input<string>;
  readonly agentKeyPrefix: string;
  readonly fileSystemArn: pulumi.Input<string>;
  readonly registryAccessPointArn: pulumi.Input<string>;
  readonly runtimeAccessPointArn: pulumi.Input<string>;
  /** With routed addressing only. */
  readonly routed?: RoutedRightsArgs;
  /** The servers' group, with a wildcard for the part that AWS makes up. */
  readonly groupArn: pulumi.Input<string>;
  /** Whether servers send metrics to CloudWatch, $0.01 per 1,000 calls. */
  readonly monitoring: MonitoringLevel;
  /** Where operators' sessions are recorded, where there are such. */
  readonly sessionLog?: Pick<SessionLog, "logGroupArn" | "keyArn"> | undefined;
  readonly tags: Tags;
}

/** What a server may do in AWS: an instance role and its profile. **Cost**: none. */
export class ServerRole extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;
  readonly profileArn: pulumi.Output<string>;
  /** Servers wait for it: without the rights a boot fails. */
  readonly rights: aws.iam.RolePolicy;

  constructor(name: string, args: ServerRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:ServerRole", name, { clusterName: args.clusterName }, opts);
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        description: `wgc ${args.clusterName}: servers`,
        assumeRolePolicy: trust("ec2.amazonaws.com"),
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this },
    );
    this.rights = new aws.iam.RolePolicy(
      `${name}-policy`,
      { role: role.name, policy: serverPolicy(args) },
      { parent: this },
    );
    const profile = new aws.iam.InstanceProfile(
      `${name}-profile`,
      { role: role.name, tags: mergeTags(args.tags) },
      { parent: this },
    );
    this.roleArn = role.arn;
    this.profileArn = profile.arn;
    this.registerOutputs({ roleArn: this.roleArn, profileArn: this.profileArn });
  }
}

function serverPolicy(args: ServerRoleArgs): pulumi.Output<string> {
  const mount = (
    Sid: string,
    Action: string,
    accessPoints: pulumi.Input<string> | pulumi.Input<string>[],
  ): PolicyStatement => ({
    Sid,
    Effect: "Allow",
    Action,
    Resource: args.fileSystemArn,
    Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": accessPoints } },
  });
  return policy(
    // Operators open sessions through SSM instead of SSH. These are the parts of AmazonSSMManagedInstanceCore that a session needs; the
    // rest (reading every parameter, patching, run command) is left out. None of the actions knows a narrower resource
    // (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html).
    {
      Sid: "OperatorSessions",
      Effect: "Allow",
      Action: [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ],
      Resource: "*",
    },
    // The boot script fetches the agent, by name; there is nothing to list.
    {
      Sid: "FetchAgent",
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: pulumi.interpolate`${args.agentBucketArn}/${args.agentKeyPrefix}*`,
    },
    // Servers read the registry and write records about themselves; whatever changes the registry is the control function's. What one
    // mounts without ClientWrite is read-only, whatever its mount options say
    // (https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html).
    mount("MountSharedStorage", "elasticfilesystem:ClientMount", [
      args.registryAccessPointArn,
      args.runtimeAccessPointArn,
    ]),
    mount("WriteRecords", "elasticfilesystem:ClientWrite", args.runtimeAccessPointArn),
    // A server says itself when it is ready and when it may end. No condition key tells the instances of a group apart
    // (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html).
    {
      Sid: "CompleteLifecycle",
      Effect: "Allow",
      Action: ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"],
      Resource: args.groupArn,
    },
    ...sendMetrics(args),
    ...(args.routed === undefined ? [] : routedRights(args.clusterName, args.routed)),
    ...(args.sessionLog === undefined ? [] : recordSessions(args.sessionLog)),
  );
}

/**
 * The action knows no resource, and one condition: the namespace. Each cluster has its own, so that no other cluster's alarms can be kept
 * quiet from here (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html).
 */
function sendMetrics({ clusterName, monitoring }: ServerRoleArgs): PolicyStatement[] {
  if (monitoring === "none") return [];
  return [
    {
      Sid: "SendMetrics",
      Effect: "Allow",
      Action: "cloudwatch:PutMetricData",
      Resource: "*",
      Condition: { StringEquals: { "cloudwatch:namespace": namespaceOf(clusterName) } },
    },
  ];
}

/**
 * The agent of Session Manager records a session with the server's own rights, and takes the session's key from the operator's end
 * (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html). It can add to the
 * log and not read or shorten it.
 */
function recordSessions({
  logGroupArn,
  keyArn,
}: NonNullable<ServerRoleArgs["sessionLog"]>): readonly PolicyStatement[] {
  return [
    {
      Sid: "RecordSessions",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      Resource: pulumi.interpolate`${logGroupArn}:*`,
    },
    // It looks whether the group is encrypted; the action knows no narrower resource.
    { Sid: "FindSessionLog", Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
    // The key's own policy lets it be used for sessions only.
    { Sid: "DecryptSessions", Effect: "Allow", Action: "kms:Decrypt", Resource: keyArn },
  ];
}
