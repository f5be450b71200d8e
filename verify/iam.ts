import type { Json, JsonObject, PlannedResource } from "../plan";
import { modelOf, services } from "./model";

/** Where a document hangs decides its grammar and its size. */
interface Place {
  readonly property: string;
  /** Identity policies say what their owner may do and name no principal; the others do. */
  readonly kind: "identity" | "resource";
  readonly most: number;
  readonly source: string;
}

const IAM_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";

/** IAM does not count white space; the others count everything, so nothing is left out here. */
export const places: Readonly<Record<string, Place>> = {
  "aws:iam/role:Role": { property: "assumeRolePolicy", kind: "resource", most: 2048, source: IAM_QUOTAS },
  "aws:iam/rolePolicy:RolePolicy": { property: "policy", kind: "identity", most: 10_240, source: IAM_QUOTAS },
  "aws:iam/policy:Policy": { property: "policy", kind: "identity", most: 6144, source: IAM_QUOTAS },
  "aws:s3/bucketPolicy:BucketPolicy": {
    property: "policy",
    kind: "resource",
    most: 20_480,
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html",
  },
  "aws:efs/fileSystemPolicy:FileSystemPolicy": {
    property: "policy",
    kind: "resource",
    most: 20_000,
    source: "https://docs.aws.amazon.com/efs/latest/ug/API_PutFileSystemPolicy.html",
  },
  "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": {
    property: "policyDocument",
    kind: "resource",
    most: 5120,
    source: "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html",
  },
  "aws:sns/topicPolicy:TopicPolicy": {
    property: "policy",
    kind: "resource",
    most: 30_720,
    source: "https://docs.aws.amazon.com/general/latest/gr/sns.html",
  },
  "aws:kms/key:Key": {
    property: "policy",
    kind: "resource",
    most: 32_768,
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html",
  },
};

/** Actions that no operation of the SDK is called like; each from the service authorization reference. */
const WITHOUT_OPERATION: Readonly<Record<string, readonly string[]>> = {
  elasticfilesystem: ["ClientMount", "ClientRootAccess", "ClientWrite"],
  lambda: ["InvokeFunction"],
  s3: ["ListBucket", "GetObjectVersion"],
  ssm: ["UpdateInstanceInformation"],
  ssmmessages: ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"],
};

const STATEMENT_KEYS = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
const OPERATOR =
  /^(For(Any|All)Values?:)?(String(Not)?(Equals|Like)(IgnoreCase)?|Numeric(Not)?Equals|(Numeric|Date)(Less|Greater)Than(Equals)?|Date(Not)?Equals|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?$|^Null$/;
/** A service's key, the tag that it is about, or what a caller of KMS says that it encrypts, which may hold colons. */
const CONDITION_KEY = /^(kms:EncryptionContext:[\w:/.-]+|[a-z0-9.-]+:[\w${}.-]+(\/[\w:/${}.-]+)?)$/i;
const ARN = /^arn:(aws|aws-cn|aws-us-gov|\*):[a-z0-9*-]+:[a-z0-9*-]*:(\d{12}|\*|aws)?:.+$/;

/** Faults of the policy document that a resource carries, if it carries one. */
export function policyFaults(resource: PlannedResource): string[] {
  const place = places[resource.type];
  const document = place === undefined ? undefined : resource.inputs[place.property];
  if (place === undefined || document === undefined) return [];
  const where = `${resource.name}.${place.property}`;
  if (typeof document !== "string") return [`${where} is no text`];
  const size = Buffer.byteLength(document);
  const tooLong = size > place.most ? [`${where} has ${size} bytes, at most ${place.most} are allowed`] : [];
  const parsed: Json = JSON.parse(document);
  if (!isObject(parsed)) return [`${where} is no JSON object`];
  return [...tooLong, ...documentFaults(parsed, place.kind).map((fault) => `${where}: ${fault}`)];
}

/** Faults of a document's grammar (IAM user guide, "Grammar of the IAM JSON policy language") and of the actions in it. */
export function documentFaults(document: JsonObject, kind: Place["kind"]): string[] {
  const statements = asList(document["Statement"]).filter(isObject);
  const sids = statements.flatMap(({ Sid }) => (typeof Sid === "string" ? [Sid] : []));
  const repeated = sids.filter((sid, index) => sids.indexOf(sid) !== index);
  return [
    ...Object.keys(document)
      .filter((key) => !["Version", "Id", "Statement"].includes(key))
      .map((key) => `unknown element ${key}`),
    ...(document["Version"] === "2012-10-17" ? [] : ["Version is not 2012-10-17"]),
    ...(statements.length > 0 ? [] : ["there is no statement"]),
    ...repeated.map((sid) => `two statements are called ${sid}`),
    ...statements.flatMap((statement, index) =>
      statementFaults(statement, kind).map((fault) => `${String(statement["Sid"] ?? index + 1)}: ${fault}`),
    ),
  ];
}

function statementFaults(statement: JsonObject, kind: Place["kind"]): string[] {
  const one = (...keys: string[]): number => keys.filter((key) => statement[key] !== undefined).length;
  const { Sid, Effect, Resource, Condition } = statement;
  const principals = one("Principal", "NotPrincipal");
  return [
    ...Object.keys(statement)
      .filter((key) => !STATEMENT_KEYS.has(key))
      .map((key) => `unknown element ${key}`),
    ...(Sid === undefined || /^[A-Za-z0-9]*$/.test(String(Sid))
      ? []
      : ["Sid has other characters than A-Z, a-z, 0-9"]),
    ...(Effect === "Allow" || Effect === "Deny" ? [] : [`Effect is ${JSON.stringify(Effect)}`]),
    ...(one("Action", "NotAction") === 1 ? [] : ["it needs exactly one of Action and NotAction"]),
    ...(principals === (kind === "resource" ? 1 : 0)
      ? []
      : [`it has ${principals} principals for a ${kind} policy`]),
    ...(kind === "resource" || one("Resource", "NotResource") === 1 ? [] : ["it names no resource"]),
    ...asList(statement["Action"] ?? statement["NotAction"]).flatMap(actionFaults),
    ...asList(Resource)
      .filter((arn) => arn !== "*" && !ARN.test(String(arn)))
      .map((arn) => `${String(arn)} is no ARN`),
    ...conditionFaults(Condition),
  ];
}

function conditionFaults(condition: Json | undefined): string[] {
  if (condition === undefined) return [];
  if (!isObject(condition)) return ["Condition is no object"];
  return Object.entries(condition).flatMap(([operator, keys]) => [
    ...(OPERATOR.test(operator) ? [] : [`there is no condition operator ${operator}`]),
    ...(isObject(keys) ? Object.keys(keys) : [])
      .filter((key) => !CONDITION_KEY.test(key))
      .map((key) => `${key} is no condition key`),
  ]);
}

/** An action exists when an operation is called like it, or a page of AWS says so; a wildcard must match something. */
function actionFaults(action: Json): string[] {
  const text = String(action);
  if (text === "*") return [];
  const [prefix = "", name = ""] = text.split(":");
  const known = knownActions(prefix);
  if (known.length === 0) return [`nothing is known of the service ${prefix} (${text})`];
  const pattern = new RegExp(`^${name.replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
  return known.some((one) => pattern.test(one)) ? [] : [`there is no action ${text}`];
}

function knownActions(prefix: string): string[] {
  const models = services.map(modelOf).filter(({ iamPrefix }) => iamPrefix === prefix);
  return [...models.flatMap(({ operations }) => operations), ...(WITHOUT_OPERATION[prefix] ?? [])];
}

function asList(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
