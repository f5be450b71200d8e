/**
 * What a role may do, with an EFS access point or through the API of EC2, worked out from the plan's own policies as AWS does: something in the role must allow it,
 * and nothing in the role or in the file system's policy may deny it
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). Only what such policies need is known
 * here; anything else is an error, because a guess would let the lab allow what AWS refuses, or the other way round.
 */
import { UserError } from "../config/errors";
import type { PlannedResource } from "../plan";
import { type PlanView, record, text, texts } from "./plan-view";

/** What a mount through an access point gives. */
export type MountRight = "none" | "read" | "write";

/** Who mounts what. */
export interface Mounting {
  /** Name of the role. */
  readonly role: string;
  readonly fileSystem: PlannedResource;
  readonly accessPoint: PlannedResource;
}

/** What a role gets that mounts a file system through an access point. */
export function mountRight(view: PlanView, { role, fileSystem, accessPoint }: Mounting): MountRight {
  // What EFS says about a mount with the options that servers use: TLS, through a mount target, by an access point.
  const facts = {
    "aws:SecureTransport": "true",
    "elasticfilesystem:AccessPointArn": text(accessPoint, "arn"),
    "elasticfilesystem:AccessedViaMountTarget": "true",
  };
  const guards = view
    .all("aws:efs/fileSystemPolicy:FileSystemPolicy")
    .filter((policy) => text(policy, "fileSystemId") === fileSystem.id)
    .flatMap(statementsOf);
  const statements = [...identityOf(view, role), ...guards];
  const may = (action: string): boolean =>
    isAllowed(statements, { action, resource: text(fileSystem, "arn"), facts });
  if (!may("elasticfilesystem:ClientMount")) return "none";
  return may("elasticfilesystem:ClientWrite") ? "write" : "read";
}

/** The statements of a role's own policies. */
export function identityOf(view: PlanView, role: string): Statement[] {
  return view
    .all("aws:iam/rolePolicy:RolePolicy")
    .filter((policy) => text(policy, "role") === role)
    .flatMap(statementsOf);
}

export type Statement = Readonly<Record<string, unknown>>;

/** What somebody wants to do. */
export interface Wish {
  /** As in `ec2:ReplaceRoute`. */
  readonly action: string;
  /** ARN of what it is done to. */
  readonly resource: string;
  /** What conditions may ask about, by key. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Whether the statements together allow it.
 *
 * @throws UserError for a condition that the lab does not know
 */
export function isAllowed(statements: readonly Statement[], wish: Wish): boolean {
  const said = statements.filter((statement) => matches(statement, wish));
  return said.length > 0 && said.every(({ Effect }) => Effect === "Allow");
}

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

function matches(statement: Statement, { action, resource, facts }: Wish): boolean {
  const { Action, Resource, Condition } = statement;
  return (
    // Actions are compared without regard to case (IAM user guide, "IAM JSON policy elements: Action").
    texts(Action).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    // A file system's policy may leave its resource out: it is the file system.
    (Resource === undefined || texts(Resource).some((pattern) => like(pattern, resource))) &&
    Object.entries(record(Condition)).every(([operator, keys]) =>
      Object.entries(record(keys)).every(([key, values]) => holds(operator, key, texts(values), facts)),
    )
  );
}

/** A resource without a tag, and a call without an attribute, has no such key; then no condition about it holds (but a negative one). */
const mayBeMissing = (key: string): boolean => /^((aws|ec2):ResourceTag|ec2:Attribute)\//.test(key);

/** Whether a condition holds for what is wished. */
function holds(operator: string, key: string, wanted: readonly string[], facts: Wish["facts"]): boolean {
  const fact = facts[key];
  if (fact === undefined && !mayBeMissing(key))
    throw new UserError(`the lab does not know the condition key ${key} of EFS mounts and EC2 calls`);
  const is = (pattern: string): boolean => fact !== undefined && like(pattern, fact);
  switch (operator) {
    case "Bool":
    case "StringEquals":
    case "ArnEquals":
      return fact !== undefined && wanted.includes(fact);
    case "StringNotEquals":
    case "ArnNotEquals":
      return fact === undefined || !wanted.includes(fact);
    case "StringLike":
    case "ArnLike":
      return wanted.some(is);
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
