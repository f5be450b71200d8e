import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { documentName, SESSIONS, sessionDocuments } from "./session-documents";
import type { SessionLog } from "./session-log";
import { mergeTags, type Place, type PolicyStatement, policy, refuse, type Tags } from "./support";

export interface OperatorAccessArgs {
  readonly clusterName: string;
  readonly place: Place;
  /** IAM users who may take the role, by ARN, or `account` for all whose own policy allows it; at least one. */
  readonly principals: readonly string[];
  readonly controlFunctionArn: pulumi.Input<string>;
  readonly healthPort: number;
  readonly log: SessionLog;
  readonly tags: Tags;
}

/** Seconds that a session of the role lasts, and how old the MFA code may be with which it begins. IAM's shortest maximum is an hour. */
export const OPERATOR_SECONDS = 3600;

/**
 * What people may do with a cluster: a role for IAM users with MFA. It invokes this cluster's control function and opens recorded
 * sessions to this cluster's servers; nothing else of the account is in its reach. There is no SSH.
 *
 * **Cost**: none.
 */
export class OperatorAccess extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: OperatorAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("OperatorAccess", [["principals", args.principals.length === 0, "must name at least one"]]);
    super("wgc:index:OperatorAccess", name, { clusterName: args.clusterName }, opts);
    const { logGroupName, keyArn } = args.log;
    sessionDocuments(name, { ...args, logGroupName, keyArn }, { parent: this });
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        description: `wgc ${args.clusterName}: operators, with MFA`,
        assumeRolePolicy: operatorTrust(args),
        maxSessionDuration: OPERATOR_SECONDS,
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-operator` }),
      },
      { parent: this },
    );
    new aws.iam.RolePolicy(
      `${name}-policy`,
      { role: role.name, policy: operatorPolicy(args) },
      { parent: this },
    );
    this.roleArn = role.arn;
    this.registerOutputs({ roleArn: this.roleArn });
  }
}

/**
 * Who may take the role: a named user, with an MFA code of the last hour, under the user's own name. `aws:MultiFactorAuthPresent` is
 * absent, not false, from requests with long-lived keys, and `Bool` does not match what is absent; nor does `NumericLessThan`
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html). The session's name is what
 * CloudTrail and the session log show, so nobody may choose another's
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html, sts:RoleSessionName).
 */
function operatorTrust({ principals, place }: OperatorAccessArgs): pulumi.Output<string> {
  const account = pulumi.interpolate`arn:${place.partition}:iam::${place.accountId}:root`;
  return policy({
    Sid: "UserWithMfaTakesRole",
    Effect: "Allow",
    Principal: { AWS: principals.map((each) => (each === "account" ? account : each)) },
    Action: "sts:AssumeRole",
    Condition: {
      Bool: { "aws:MultiFactorAuthPresent": "true" },
      NumericLessThan: { "aws:MultiFactorAuthAge": String(OPERATOR_SECONDS) },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own variable
      StringEquals: { "sts:RoleSessionName": "${aws:username}" },
    },
  });
}

function operatorPolicy(args: OperatorAccessArgs): pulumi.Output<string> {
  const { region, accountId, partition } = args.place;
  const here = (service: string, resource: string) =>
    pulumi.interpolate`arn:${partition}:${service}:${region}:${accountId}:${resource}`;
  // Without it the default document could be used without being named; it has to be in every statement about StartSession
  // (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-specify-session-document.html).
  const checked = { BoolIfExists: { "ssm:SessionDocumentAccessCheck": "true" } };
  const statements: readonly PolicyStatement[] = [
    {
      Sid: "InvokeControlFunction",
      Effect: "Allow",
      Action: "lambda:InvokeFunction",
      Resource: args.controlFunctionArn,
    },
    // The tag is in the launch template; operators cannot tag anything.
    {
      Sid: "StartSessionOnServers",
      Effect: "Allow",
      Action: "ssm:StartSession",
      Resource: here("ec2", "instance/*"),
      Condition: { ...checked, StringEquals: { "ssm:resourceTag/wgc:cluster": args.clusterName } },
    },
    // These documents and no others: AWS's own ones record nothing, forward ports or speak SSH.
    {
      Sid: "StartSessionWithDocuments",
      Effect: "Allow",
      Action: "ssm:StartSession",
      Resource: SESSIONS.map((session) => here("ssm", `document/${documentName(session, args.clusterName)}`)),
      Condition: checked,
    },
    // Session Manager tags each session with the id of who began it
    // (https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html, example 4).
    {
      Sid: "EndOwnSessions",
      Effect: "Allow",
      Action: ["ssm:ResumeSession", "ssm:TerminateSession"],
      Resource: here("ssm", "session/*"),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own variable
      Condition: { StringLike: { "ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}" } },
    },
    {
      Sid: "OpenOwnDataChannels",
      Effect: "Allow",
      Action: "ssmmessages:OpenDataChannel",
      Resource: here("ssm", OWN_SESSIONS),
    },
    {
      Sid: "EncryptSessions",
      Effect: "Allow",
      Action: "kms:GenerateDataKey",
      Resource: args.log.keyArn,
      Condition: { StringLike: { "kms:EncryptionContext:aws:ssm:TargetId": "i-*" } },
    },
    // Which servers there are; the action knows no narrower resource.
    { Sid: "FindServers", Effect: "Allow", Action: "autoscaling:DescribeAutoScalingGroups", Resource: "*" },
  ];
  return policy(...statements);
}

/** IAM's own variable, not this program's. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: see above
const OWN_SESSIONS = "session/${aws:userid}-*";
