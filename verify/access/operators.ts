import { ADMINISTRATOR, asker, defaultKeyPolicy, type Pair } from "./ask";
import type { Caller } from "./evaluate";
import type { Context } from "./match";
import type { Places } from "./places";

/** What operators may and may not do, and the key and log of their sessions. */
export function operatorPairs(places: Places): Pair[] {
  return [
    ...takingPairs(places),
    ...startPairs(places),
    ...ownPairs(places),
    ...otherPairs(places),
    ...keyPairs(places),
  ];
}

const NAME = "alice";

/** Taking the role. */
function takingPairs({ arn, account }: Places): Pair[] {
  const role = arn("wgc-operators-role");
  const user = (of: string): Caller => ({ kind: "user", arn: `arn:aws:iam::${of}:user/${NAME}` });
  const take = asker(user(account), ADMINISTRATOR);
  const good: Context = {
    "aws:MultiFactorAuthPresent": "true",
    "aws:MultiFactorAuthAge": "60",
    "aws:username": NAME,
    "sts:RoleSessionName": NAME,
  };
  const without = (...keys: string[]): Context =>
    Object.fromEntries(Object.entries(good).filter(([key]) => !keys.includes(key)));
  const action = "sts:AssumeRole";
  return [
    {
      who: "user",
      allowed: take("take the operators' role, MFA a minute ago", action, role, good),
      denied: [
        take("without MFA", action, role, without("aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge")),
        take("with MFA that failed", action, role, { ...good, "aws:MultiFactorAuthPresent": "false" }),
        take("with MFA of two hours ago", action, role, { ...good, "aws:MultiFactorAuthAge": "7200" }),
        take("under another's name", action, role, { ...good, "sts:RoleSessionName": "bob" }),
        asker(user(account), [])("without a right of one's own", action, role, good),
        asker(user("999999999999"), ADMINISTRATOR)("from another account", action, role, good),
        asker({ kind: "role", arn: `arn:aws:iam::${account}:role/admin` }, ADMINISTRATOR)(
          "from a role, whose sessions have no MFA",
          action,
          role,
          without("aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:username"),
        ),
      ],
    },
  ];
}

/** Beginning sessions: AWS asks about the server and about the document. */
function startPairs({ arn, role, here, cluster }: Places): Pair[] {
  const ask = asker(role("wgc-operators-role"));
  const who = "operator";
  const server = here("ec2", "instance/i-0123456789abcdef0");
  const tagged = (name: string): Context => ({
    "ssm:resourceTag/wgc:cluster": name,
    "ssm:SessionDocumentAccessCheck": "true",
  });
  const action = "ssm:StartSession";
  const aws = (name: string) =>
    ask(`with ${name}`, action, `arn:aws:ssm:us-east-1::document/${name}`, tagged(cluster));
  const unnamed = { ...tagged(cluster), "ssm:SessionDocumentAccessCheck": "false" };
  return [
    {
      who,
      allowed: ask("begin a session on a server", action, server, tagged(cluster)),
      denied: [
        ask("on another cluster's server", action, server, tagged("wgc-other")),
        ask("on a machine without the tag", action, server, { "ssm:SessionDocumentAccessCheck": "true" }),
        ask(
          "on a machine that is no instance",
          action,
          here("ssm", "managed-instance/mi-0"),
          tagged(cluster),
        ),
        ask("without naming a document", action, server, unnamed),
        ask("run a command instead", "ssm:SendCommand", server, tagged(cluster)),
        ask("log in over SSH", "ec2-instance-connect:SendSSHPublicKey", server, tagged(cluster)),
        ask("tag a machine", "ec2:CreateTags", server),
        ask("end a server", "ec2:TerminateInstances", server),
      ],
    },
    ...["shell", "health", "drain", "undrain"].map((kind) => ({
      who,
      allowed: ask(`with the document ${kind}`, action, arn(`wgc-operators-${kind}`), tagged(cluster)),
      denied: [
        ask("of another cluster", action, here("ssm", `document/${kind}-wgc-other`), tagged(cluster)),
        ask("rewrite it", "ssm:UpdateDocument", arn(`wgc-operators-${kind}`)),
      ],
    })),
    {
      who,
      allowed: ask("with the document shell, named", action, arn("wgc-operators-shell"), tagged(cluster)),
      denied: [
        ...["AWS-StartSSHSession", "AWS-StartPortForwardingSession", "AWS-StartNonInteractiveCommand"].map(
          aws,
        ),
        ask(
          "with the account's default document",
          action,
          here("ssm", "document/SSM-SessionManagerRunShell"),
          tagged(cluster),
        ),
        ask("unnamed", action, arn("wgc-operators-shell"), unnamed),
      ],
    },
  ];
}

/** Own sessions and others'. */
function ownPairs({ role, here }: Places): Pair[] {
  const ask = asker(role("wgc-operators-role"));
  const [own, other] = [`AROAEXAMPLE:${NAME}`, "AROAEXAMPLE:bob"];
  const session = here("ssm", "session/alice-0");
  const begunBy = (user: string): Context => ({
    "aws:userid": own,
    "ssm:resourceTag/aws:ssmmessages:session-id": user,
  });
  return [
    ...["TerminateSession", "ResumeSession"].map((name) => ({
      who: "operator",
      allowed: ask(`${name} of one's own`, `ssm:${name}`, session, begunBy(own)),
      denied: [
        ask("of somebody else's", `ssm:${name}`, session, begunBy(other)),
        ask(
          "in another region",
          `ssm:${name}`,
          session.replace(/:us-[a-z]+-\d:/, ":eu-west-1:"),
          begunBy(own),
        ),
      ],
    })),
    {
      who: "operator",
      allowed: ask(
        "open one's own data channel",
        "ssmmessages:OpenDataChannel",
        here("ssm", `session/${own}-0`),
        { "aws:userid": own },
      ),
      denied: [
        ask("somebody else's", "ssmmessages:OpenDataChannel", here("ssm", `session/${other}-0`), {
          "aws:userid": own,
        }),
      ],
    },
  ];
}

function otherPairs({ arn, role, here }: Places): Pair[] {
  const ask = asker(role("wgc-operators-role"));
  const who = "operator";
  const code = arn("wgc-control-function");
  return [
    {
      who,
      allowed: ask("call the control function", "lambda:InvokeFunction", code),
      denied: [
        ask("call another function", "lambda:InvokeFunction", here("lambda", "function:another")),
        ask("replace its code", "lambda:UpdateFunctionCode", code),
      ],
    },
    {
      who,
      allowed: ask("list the servers", "autoscaling:DescribeAutoScalingGroups", "*"),
      denied: [
        ask("change their number", "autoscaling:SetDesiredCapacity", arn("wgc-servers-group")),
        ask("mount the registry", "elasticfilesystem:ClientMount", arn("wgc-storage-efs"), {
          "aws:SecureTransport": "true",
          "elasticfilesystem:AccessedViaMountTarget": "true",
          "elasticfilesystem:AccessPointArn": arn("wgc-storage-registry"),
        }),
        ask("read the session log", "logs:GetLogEvents", `${arn("wgc-sessions-log")}:log-stream:alice-0`),
        ask("widen the role", "iam:PutRolePolicy", arn("wgc-operators-role")),
      ],
    },
  ];
}

/** The key of sessions and of their log. */
function keyPairs({ arn, account, region, role, here }: Places): Pair[] {
  const key = arn("wgc-sessions-key");
  const session: Context = {
    "kms:EncryptionContext:aws:ssm:SessionId": "alice-0",
    "kms:EncryptionContext:aws:ssm:TargetId": "i-0123456789abcdef0",
  };
  const ask = asker(role("wgc-operators-role"));
  const admin = asker({ kind: "user", arn: `arn:aws:iam::${account}:user/administrator` }, ADMINISTRATOR);
  const logs = asker({ kind: "service", name: `logs.${region}.amazonaws.com` });
  const group = (name: string): Context => ({ "kms:EncryptionContext:aws:logs:arn": name });
  const log = arn("wgc-sessions-log");
  return [
    {
      who: "operator",
      allowed: ask("make a session's key", "kms:GenerateDataKey", key, session),
      denied: [
        ask("without a session", "kms:GenerateDataKey", key, {
          "kms:EncryptionContext:aws:ssm:TargetId": "i-0",
        }),
        ask("for a machine that is no instance", "kms:GenerateDataKey", key, {
          ...session,
          "kms:EncryptionContext:aws:ssm:TargetId": "mi-0",
        }),
        ask("with the file system's key", "kms:GenerateDataKey", arn("wgc-storage-key"), session),
        {
          ...ask(
            "with another application's key",
            "kms:GenerateDataKey",
            here("kms", "key/another"),
            session,
          ),
          of: defaultKeyPolicy(account),
        },
        ask("decrypt another's", "kms:Decrypt", key, session),
      ],
    },
    {
      who: "administrator",
      allowed: admin("administer the sessions' key", "kms:ScheduleKeyDeletion", key),
      denied: [admin("use it without a session", "kms:Decrypt", key)],
    },
    ...["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptTo"].map((name) => ({
      who: "CloudWatch Logs",
      allowed: logs(`encrypt the session log (${name})`, `kms:${name}`, key, group(log)),
      denied: [logs("another log", `kms:${name}`, key, group(here("logs", "log-group:another")))],
    })),
  ];
}
