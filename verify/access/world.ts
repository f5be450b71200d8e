import type { Plan, PlannedResource } from "../../plan";
import type { Ask } from "./ask";
import type { Policies } from "./evaluate";
import { arnParts } from "./match";
import { readStatements, type Statement } from "./statement";

/** Where each type keeps the policy of a resource. */
const RESOURCE_POLICIES = {
  "aws:efs/fileSystemPolicy:FileSystemPolicy": ["aws:efs/fileSystem:FileSystem", "fileSystemId"],
  "aws:s3/bucketPolicy:BucketPolicy": ["aws:s3/bucket:Bucket", "bucket"],
} as const;
const KEY = "aws:kms/key:Key";
const TOPIC = "aws:sns/topicPolicy:TopicPolicy";
const LOGS = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy";
const ROLE = "aws:iam/role:Role";
const ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy";
/** Policies that are somewhere else than in the plan; none is used here. */
const ELSEWHERE = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";

/** One policy document of a plan, and whose it is. */
export interface Document {
  /** Name of the Pulumi resource that carries it. */
  readonly name: string;
  readonly kind: "identity" | "resource";
  /** ARN of the role, key, bucket or file system. */
  readonly owner: string;
  readonly statements: readonly Statement[];
}

/** Every policy document of a resolved plan. */
export function documentsOf(plan: Plan): Document[] {
  const attached = plan.resources.find(({ type }) => type === ELSEWHERE);
  if (attached !== undefined) throw new Error(`${attached.name} attaches a policy that is not in the plan`);
  return plan.resources.flatMap((resource): Document[] => {
    const { type, name, inputs, outputs } = resource;
    const read = (kind: Document["kind"], owner: unknown, document: unknown): Document[] => [
      { name, kind, owner: String(owner), statements: readStatements(String(document)) },
    ];
    if (type === ROLE) return read("resource", outputs["arn"], inputs["assumeRolePolicy"]);
    if (type === KEY) return read("resource", outputs["arn"], inputs["policy"]);
    if (type === TOPIC) return read("resource", inputs["arn"], inputs["policy"]);
    // It belongs to the account, not to one log group.
    if (type === LOGS) return read("resource", logsOf(inputs["policyDocument"]), inputs["policyDocument"]);
    if (type === ROLE_POLICY)
      return read("identity", roleNamed(plan, String(inputs["role"])).outputs["arn"], inputs["policy"]);
    const carried = RESOURCE_POLICIES[type as keyof typeof RESOURCE_POLICIES];
    if (carried === undefined) return [];
    const [ownerType, property] = carried;
    const owner = plan.resources.find(({ type: each, id }) => each === ownerType && id === inputs[property]);
    return read("resource", owner?.outputs["arn"], inputs["policy"]);
  });
}

/** The account and region whose log groups such a policy is about, as the beginning of their ARNs. */
function logsOf(document: unknown): string {
  const [first] = readStatements(String(document)).flatMap(({ resources }) => resources);
  return arnParts(first ?? "")
    .slice(0, 5)
    .join(":");
}

function roleNamed(plan: Plan, name: string): PlannedResource {
  const role = plan.resources.find(({ type, id }) => type === ROLE && id === name);
  if (role === undefined) throw new Error(`there is no role ${name}`);
  return role;
}

/** The policies that decide about a request. */
export function policiesFor(
  documents: readonly Document[],
  { caller, resource, own: foreign = [], of }: Ask,
): Policies {
  const arn = caller.kind === "role" ? caller.arn : "";
  const identity = documents.filter(({ kind, owner }) => kind === "identity" && owner === arn);
  const own = documents.find(({ kind, owner }) => kind === "resource" && isPartOf(resource, owner));
  return {
    identity: [...identity.flatMap(({ statements }) => statements), ...foreign],
    resource: own?.statements ?? of,
  };
}

/** An object belongs to its bucket's policy, log groups to the account's. */
function isPartOf(resource: string, owner: string): boolean {
  const sign = owner.startsWith("arn:aws:s3:::") ? "/" : owner.startsWith("arn:aws:logs:") ? ":" : undefined;
  return resource === owner || (sign !== undefined && resource.startsWith(`${owner}${sign}`));
}
