/**
 * What a role may do with an EFS access point, worked out from the plan's own policies as AWS does: something in the role must allow it,
 * and nothing in the role or in the file system's policy may deny it
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). Only what such policies need is known
 * here; anything else is an error, because a guess would let the lab allow what AWS refuses, or the other way round.
 */
import { UserError } from "../config/errors";
import type { PlannedResource } from "../plan";
import { type PlanView, record, text, texts } from "./plan-view";

/** What a mount through an access point gives. */
export type MountRight = "none" | "read" | "write";

/** What EFS says about a mount with the options that servers use: TLS, through a mount target, by an access point. */
interface Mount {
  readonly fileSystemArn: string;
  readonly accessPointArn: string;
}

/** Who mounts what. */
export interface Mounting {
  /** Name of the role. */
  readonly role: string;
  readonly fileSystem: PlannedResource;
  readonly accessPoint: PlannedResource;
}

/** What a role gets that mounts a file system through an access point. */
export function mountRight(view: PlanView, { role, fileSystem, accessPoint }: Mounting): MountRight {
  const mount = { fileSystemArn: text(fileSystem, "arn"), accessPointArn: text(accessPoint, "arn") };
  const identity = view
    .all("aws:iam/rolePolicy:RolePolicy")
    .filter((policy) => text(policy, "role") === role)
    .flatMap(statementsOf);
  const guards = view
    .all("aws:efs/fileSystemPolicy:FileSystemPolicy")
    .filter((policy) => text(policy, "fileSystemId") === fileSystem.id)
    .flatMap(statementsOf);
  const may = (action: string): boolean => {
    const said = [...identity, ...guards].filter((statement) => matches(statement, action, mount));
    return said.length > 0 && said.every(({ Effect }) => Effect === "Allow");
  };
  if (!may("elasticfilesystem:ClientMount")) return "none";
  return may("elasticfilesystem:ClientWrite") ? "write" : "read";
}

type Statement = Readonly<Record<string, unknown>>;

function statementsOf(policy: PlannedResource): Statement[] {
  const document: unknown = JSON.parse(text(policy, "policy"));
  const statements = record(document)["Statement"];
  return (Array.isArray(statements) ? statements : [statements]).map((statement) => {
    const known = record(statement);
    const odd = Object.keys(known).find((key) => !KNOWN_KEYS.has(key));
    if (odd !== undefined)
      throw new UserError(`${policy.urn}: the lab does not understand ${odd} in a policy`);
    return known;
  });
}

const KNOWN_KEYS = new Set(["Sid", "Effect", "Principal", "Action", "Resource", "Condition"]);

function matches(statement: Statement, action: string, mount: Mount): boolean {
  const { Action, Resource, Condition } = statement;
  return (
    // Actions are compared without regard to case (IAM user guide, "IAM JSON policy elements: Action").
    texts(Action).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    // A file system's policy may leave its resource out: it is the file system.
    (Resource === undefined || texts(Resource).some((pattern) => like(pattern, mount.fileSystemArn))) &&
    Object.entries(record(Condition)).every(([operator, keys]) =>
      Object.entries(record(keys)).every(([key, values]) => holds(operator, key, texts(values), mount)),
    )
  );
}

/** Whether a condition holds for the mount. */
function holds(operator: string, key: string, wanted: readonly string[], mount: Mount): boolean {
  const facts: Readonly<Record<string, string>> = {
    "aws:SecureTransport": "true",
    "elasticfilesystem:AccessPointArn": mount.accessPointArn,
    "elasticfilesystem:AccessedViaMountTarget": "true",
  };
  const fact = facts[key];
  if (fact === undefined) throw new UserError(`the lab does not know the condition key ${key} of EFS mounts`);
  switch (operator) {
    case "Bool":
    case "StringEquals":
    case "ArnEquals":
      return wanted.includes(fact);
    case "StringNotEquals":
    case "ArnNotEquals":
      return !wanted.includes(fact);
    case "StringLike":
    case "ArnLike":
      return wanted.some((pattern) => like(pattern, fact));
    default:
      throw new UserError(`the lab does not know the condition operator ${operator}`);
  }
}

/** IAM's wildcards: `*` is any text, `?` any one character. */
function like(pattern: string, value: string): boolean {
  const parts = [...pattern].map((letter) =>
    letter === "*" ? ".*" : letter === "?" ? "." : letter.replace(/[\\^$.*+?()[\]{}|]/, "\\$&"),
  );
  return new RegExp(`^${parts.join("")}$`, "s").test(value);
}
