import { asker, defaultKeyPolicy, type Pair } from "./ask";
import { mount, TLS } from "./mount";
import type { Places } from "./places";

/** What a server may do, and what not. */
export function serverPairs(places: Places): Pair[] {
  const { arn, role, here } = places;
  const ask = asker(role("wgc-server-role"));
  const bucket = arn("wgc-agent-bucket");
  const files = arn("wgc-storage-efs");
  const [registry, runtime] = [arn("wgc-storage-registry"), arn("wgc-storage-runtime")];
  const who = "server";
  const [fetch, mountIt, write] = [
    "s3:GetObject",
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientWrite",
  ];
  const channels = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"];
  return [
    {
      who,
      allowed: ask("fetch the agent", fetch, `${bucket}/agent/0.js`, TLS),
      denied: [
        ask("from another bucket", fetch, "arn:aws:s3:::another-bucket/agent/0.js", TLS),
        ask("something else in the bucket", fetch, `${bucket}/other/0.js`, TLS),
        ask("without TLS", fetch, `${bucket}/agent/0.js`, { "aws:SecureTransport": "false" }),
        ask("replace the agent", "s3:PutObject", `${bucket}/agent/0.js`, TLS),
      ],
    },
    {
      who,
      allowed: ask("mount the registry", mountIt, files, mount(registry)),
      denied: [
        ask("mount the whole file system", mountIt, files, TLS),
        ask(
          "mount through another access point",
          mountIt,
          files,
          mount(here("elasticfilesystem", "access-point/fsap-0")),
        ),
        ask("without TLS", mountIt, files, { ...mount(registry), "aws:SecureTransport": "false" }),
        ask("not through a mount target", mountIt, files, {
          ...mount(registry),
          "elasticfilesystem:AccessedViaMountTarget": "false",
        }),
        ask(
          "mount another file system",
          mountIt,
          here("elasticfilesystem", "file-system/fs-0"),
          mount(registry),
        ),
        ask("write into the registry", write, files, mount(registry)),
      ],
    },
    {
      who,
      allowed: ask("write its records", write, files, mount(runtime)),
      denied: [
        ask("as root", "elasticfilesystem:ClientRootAccess", files, mount(runtime)),
        ask("in another file system", write, here("elasticfilesystem", "file-system/fs-0"), mount(runtime)),
      ],
    },
    {
      who,
      allowed: ask("report to Session Manager", "ssm:UpdateInstanceInformation", "*"),
      denied: [
        ask("begin a session", "ssm:StartSession", here("ec2", "instance/i-0123456789abcdef0")),
        ask("read parameters", "ssm:GetParameter", here("ssm", "parameter/secret")),
      ],
    },
    ...["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"].map((name) => ({
      who,
      allowed: ask(
        `say that it is ready, or may end (${name})`,
        `autoscaling:${name}`,
        arn("wgc-servers-group"),
      ),
      denied: [
        ask(
          "in another group",
          `autoscaling:${name}`,
          here("autoscaling", "autoScalingGroup:0:autoScalingGroupName/another"),
        ),
        ask("change the group", "autoscaling:SetDesiredCapacity", arn("wgc-servers-group")),
      ],
    })),
    ...channels.map((name) => ({
      who,
      allowed: ask(`serve a session (${name})`, `ssmmessages:${name}`, "*"),
      denied: [],
    })),
    ...sessionPairs(places),
  ];
}

/** What servers do for operators' sessions. */
function sessionPairs({ account, arn, role, here }: Places): Pair[] {
  const ask = asker(role("wgc-server-role"));
  const who = "server";
  const log = `${arn("wgc-sessions-log")}:log-stream:alice-0`;
  const control = `${arn("wgc-control-log")}:log-stream:0`;
  const session = {
    "kms:EncryptionContext:aws:ssm:SessionId": "alice-0",
    "kms:EncryptionContext:aws:ssm:TargetId": "i-0",
  };
  return [
    ...["CreateLogStream", "DescribeLogStreams", "PutLogEvents"].map((name) => ({
      who,
      allowed: ask(`record a session (${name})`, `logs:${name}`, log),
      denied: [ask("in another log", `logs:${name}`, control)],
    })),
    {
      who,
      allowed: ask("look for the session log", "logs:DescribeLogGroups", here("logs", "log-group:*")),
      denied: [
        ask("read it", "logs:GetLogEvents", log),
        ask("shorten it", "logs:DeleteLogStream", log),
        ask("delete it", "logs:DeleteLogGroup", arn("wgc-sessions-log")),
      ],
    },
    {
      who,
      allowed: ask("take up a session's key", "kms:Decrypt", arn("wgc-sessions-key"), session),
      denied: [
        ask("decrypt anything else", "kms:Decrypt", arn("wgc-sessions-key"), {}),
        ask("with the file system's key", "kms:Decrypt", arn("wgc-storage-key"), session),
        {
          ...ask("with another application's key", "kms:Decrypt", here("kms", "key/another"), session),
          of: defaultKeyPolicy(account),
        },
      ],
    },
  ];
}
