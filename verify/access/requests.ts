/** Requests that the plan's policies must allow, each beside the nearest ones that they must deny. */
import type { Plan } from "../../plan";
import { ADMINISTRATOR, asker, type Pair } from "./ask";
import type { Caller } from "./evaluate";
import type { Context } from "./match";
import { monitoringPairs } from "./monitoring";
import { mount, TLS } from "./mount";
import { operatorPairs } from "./operators";
import { type Places, placesOf } from "./places";
import { serverPairs } from "./servers";

/** The whole table. */
export function pairsOf(plan: Plan): Pair[] {
  const places = placesOf(plan);
  return [
    ...trustPairs(places),
    ...serverPairs(places),
    ...controlPairs(places),
    ...flowLogPairs(places),
    ...storagePairs(places),
    ...monitoringPairs(places),
    ...operatorPairs(places),
  ];
}

function trustPairs({ arn, account, here }: Places): Pair[] {
  const service = (name: string, role: string, context: Context = {}) =>
    asker({ kind: "service", name: `${name}.amazonaws.com` })(
      `${name} takes the role`,
      "sts:AssumeRole",
      arn(role),
      context,
    );
  const flowLogs = (own: string) =>
    service("vpc-flow-logs", "wgc-network-flow-logs-role", {
      "aws:SourceAccount": own,
      "aws:SourceArn": here("ec2", "vpc-flow-log/fl-0123456789abcdef0").replace(account, own),
    });
  const foreign = (context: Context, says: string) => ({ ...flowLogs(account), says, context });
  return [
    {
      who: "server role",
      allowed: service("ec2", "wgc-server-role"),
      denied: [service("lambda", "wgc-server-role")],
    },
    {
      who: "control role",
      allowed: service("lambda", "wgc-control-rights-role"),
      denied: [service("ec2", "wgc-control-rights-role")],
    },
    {
      who: "flow log role",
      allowed: flowLogs(account),
      denied: [
        { ...flowLogs("999999999999"), says: "for another account's flow log" },
        foreign(
          { ...flowLogs(account).context, "aws:SourceAccount": "999999999999" },
          "in another account's name",
        ),
        foreign(
          { ...flowLogs(account).context, "aws:SourceArn": here("ec2", "vpc/vpc-0123456789abcdef0") },
          "for something else than a flow log",
        ),
      ],
    },
  ];
}

function controlPairs({ arn, role, here }: Places): Pair[] {
  const ask = asker(role("wgc-control-rights-role"));
  const who = "control function";
  const files = arn("wgc-storage-efs");
  const [registry, runtime] = [arn("wgc-storage-registry"), arn("wgc-storage-runtime")];
  const itself = { "lambda:SourceFunctionArn": arn("wgc-control-function") };
  const interfaces = [
    ...["AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface"],
    ...["DescribeNetworkInterfaces", "DescribeSubnets", "UnassignPrivateIpAddresses"],
  ];
  return [
    ...["ClientMount", "ClientWrite"].map((name) => ({
      who,
      allowed: ask(`change the registry (${name})`, `elasticfilesystem:${name}`, files, mount(registry)),
      denied: [
        ask("the whole file system", `elasticfilesystem:${name}`, files, TLS),
        ask("the servers' way", `elasticfilesystem:${name}`, files, mount(runtime)),
        ask(
          "another file system",
          `elasticfilesystem:${name}`,
          here("elasticfilesystem", "file-system/fs-0"),
          mount(registry),
        ),
      ],
    })),
    ...["CreateLogStream", "PutLogEvents"].map((name) => ({
      who,
      allowed: ask(`write its log (${name})`, `logs:${name}`, `${arn("wgc-control-log")}:log-stream:0`),
      denied: [ask("another log", `logs:${name}`, `${arn("wgc-network-flow-logs")}:log-stream:0`)],
    })),
    ...interfaces.map((name) => ({
      who,
      allowed: ask(`Lambda connects it (${name})`, `ec2:${name}`, "*"),
      denied: [ask("its own code does", `ec2:${name}`, "*", itself)],
    })),
  ];
}

function flowLogPairs({ arn, role, here }: Places): Pair[] {
  const ask = asker(role("wgc-network-flow-logs-role"));
  const who = "flow logs";
  const log = `${arn("wgc-network-flow-logs")}:log-stream:eni-0`;
  return [
    ...["CreateLogStream", "DescribeLogStreams", "PutLogEvents"].map((name) => ({
      who,
      allowed: ask(`write records (${name})`, `logs:${name}`, log),
      denied: [ask("into another log", `logs:${name}`, `${arn("wgc-control-log")}:log-stream:0`)],
    })),
    {
      who,
      allowed: ask("look for the log", "logs:DescribeLogGroups", here("logs", "log-group:*")),
      denied: [ask("delete it", "logs:DeleteLogGroup", arn("wgc-network-flow-logs"))],
    },
  ];
}

/** The file system's and the key's own policies, against callers that IAM would allow everything. */
function storagePairs({ arn, account, region }: Places): Pair[] {
  const user: Caller = { kind: "user", arn: `arn:aws:iam::${account}:user/administrator` };
  const admin = asker(user, ADMINISTRATOR);
  const reader = asker(user, []);
  const stranger = asker({ kind: "user", arn: "arn:aws:iam::999999999999:user/stranger" }, ADMINISTRATOR);
  const anybody = asker({ kind: "anonymous" });
  const [key, files] = [arn("wgc-storage-key"), arn("wgc-storage-efs")];
  const through = (service: string, caller = account) => ({
    "kms:ViaService": `${service}.${region}.amazonaws.com`,
    "kms:CallerAccount": caller,
  });
  const uses = ["CreateGrant", "Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptTo"];
  return [
    {
      who: "administrator",
      allowed: admin(
        "mount the registry",
        "elasticfilesystem:ClientMount",
        files,
        mount(arn("wgc-storage-registry")),
      ),
      denied: [
        admin("the whole file system", "elasticfilesystem:ClientMount", files, TLS),
        anybody(
          "somebody without an identity",
          "elasticfilesystem:ClientMount",
          files,
          mount(arn("wgc-storage-registry")),
        ),
      ],
    },
    {
      who: "administrator",
      allowed: admin("administer the file system's key", "kms:ScheduleKeyDeletion", key),
      denied: [
        admin("use it", "kms:Decrypt", key),
        reader("without IAM's leave", "kms:ScheduleKeyDeletion", key),
        stranger("from another account", "kms:ScheduleKeyDeletion", key),
      ],
    },
    ...uses.map((name) => ({
      who: "EFS for an administrator",
      allowed: admin(`use the key (${name})`, `kms:${name}`, key, through("elasticfilesystem")),
      denied: [
        admin("through S3", `kms:${name}`, key, through("s3")),
        admin("in another account's name", `kms:${name}`, key, through("elasticfilesystem", "999999999999")),
      ],
    })),
  ];
}
