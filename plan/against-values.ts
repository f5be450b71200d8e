import type { Json, JsonObject, Plan, PlannedResource } from "./types";
import { isObject } from "./values";

/** One input that differs, by its path (`healthCheck.interval`, `metricQueries[1].period`). */
export interface PropertyChange {
  readonly path: string;
  /** `undefined` where the property is only on the other side. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Lists whose order says nothing: sets in the provider's schema, by the names that Pulumi gives them everywhere. */
const SETS = new Set([
  "alarmActions",
  "aliases",
  "availabilityZones",
  "cidrBlocks",
  "enabledMetrics",
  "initialLifecycleHooks",
  "insufficientDataActions",
  "ipv6CidrBlocks",
  "managedPolicyArns",
  "metricQueries",
  "okActions",
  "routeTableIds",
  "securityGroupIds",
  "securityGroups",
  "stepAdjustments",
  "subnetIds",
  "subnetMappings",
  "subnets",
  "suspendedProcesses",
  "tags",
  "targetGroupArns",
  "vpcSecurityGroupIds",
  "vpcZoneIdentifiers",
]);

/** Outputs that name a resource to others; their values are made up in a resolved plan, and may be made up otherwise by another version. */
const NAMING = [
  "id",
  "arn",
  "arnSuffix",
  "allocationId",
  "dnsName",
  "hex",
  "keyId",
  "name",
  "publicIp",
] as const;
/** Shorter texts than this occur in others by chance. */
const SHORTEST_NAME = 6;
/** What Pulumi puts after an automatic name. */
const GENERATED = /-[0-9a-f]{7}$/;

/**
 * A resource's inputs in a form in which equal means equal: made-up ids and generated names replaced by what they stand for,
 * policy documents and user data in plain form, files by their content.
 */
export function comparable(plan: Plan): (resource: PlannedResource) => JsonObject {
  const symbols = symbolsOf(plan);
  return (resource) =>
    Object.fromEntries(
      Object.entries(resource.inputs).map(([key, value]) => [key, normal(value, key, symbols)]),
    );
}

/** Every path at which two values differ. */
export function differences(before: Json | undefined, after: Json | undefined, path = ""): PropertyChange[] {
  if (before === undefined || after === undefined || !sameKind(before, after))
    return sorted(before) === sorted(after) ? [] : [{ path, before, after }];
  if (Array.isArray(before) && Array.isArray(after) && SETS.has(path.split(".").at(-1) ?? path))
    return setDifference(before, after, path);
  if (Array.isArray(before) && Array.isArray(after) && (isStatements(before) || isStatements(after)))
    return statementDifferences(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) =>
      differences(before[index], after[index], `${path}[${index}]`),
    ).flat();
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => differences(before[key], after[key], path === "" ? key : `${path}.${key}`));
  }
  return before === after ? [] : [{ path, before, after }];
}

const sidOf = (statement: Json): string | undefined => {
  const sid = isObject(statement) ? statement["Sid"] : undefined;
  return typeof sid === "string" ? sid : undefined;
};

/** Statements of a policy that all have a name of their own. */
function isStatements(list: readonly Json[]): boolean {
  const names = list.map(sidOf);
  return names.length > 0 && !names.includes(undefined) && new Set(names).size === names.length;
}

/** By name, so that a statement that is gone does not look like a change of all behind it. */
function statementDifferences(before: Json[], after: Json[], path: string): PropertyChange[] {
  const by = (list: Json[]) => new Map(list.map((statement) => [sidOf(statement) ?? "", statement]));
  const [old, now] = [by(before), by(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .flatMap((sid) => differences(old.get(sid), now.get(sid), `${path}[${sid}]`));
}

/** What a set lost and what it gained, as one change. */
function setDifference(before: Json[], after: Json[], path: string): PropertyChange[] {
  const without = (list: Json[], others: Json[]): Json[] => {
    const there = new Set(others.map(sorted));
    return list.filter((element) => !there.has(sorted(element)));
  };
  const lost = without(before, after);
  const gained = without(after, before);
  return lost.length + gained.length === 0 ? [] : [{ path, before: lost, after: gained }];
}

/** JSON with the keys of every object in one order. */
export function sorted(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "";
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${sorted(value[key])}`).join(",")}}`;
}

function sameKind(a: Json, b: Json): boolean {
  return Array.isArray(a) === Array.isArray(b) && isObject(a) === isObject(b);
}

type Symbols = readonly (readonly [text: string, symbol: string])[];

/** Texts that stand for one resource only, the longest first, so that an ARN is not taken apart by the id in it. */
function symbolsOf(plan: Plan): Symbols {
  const owners = new Map<string, Set<string>>();
  for (const { type, name, id, outputs, inputs, custom } of plan.resources) {
    if (!custom) continue;
    for (const [key, value] of Object.entries({ ...outputs, id })) {
      const named = NAMING.some((naming) => naming === key) && typeof value === "string";
      if (!named || value.length < SHORTEST_NAME) continue;
      // A name that the program gives is its own; one that it leaves to Pulumi is made up.
      const generated = value.startsWith(`${name}-`) && GENERATED.test(value);
      if (!generated && Object.values(inputs).includes(value)) continue;
      owners.set(value, (owners.get(value) ?? new Set()).add(`<${type.split(":").at(-1)} ${name}>`));
    }
  }
  return [...owners]
    .filter(([, names]) => names.size === 1)
    .map(([text, names]) => [text, [...names].join()] as const)
    .sort(([a], [b]) => b.length - a.length);
}

function normal(value: Json, key: string, symbols: Symbols): Json {
  if (typeof value === "string") return normalText(value, key, symbols);
  if (Array.isArray(value)) {
    return value.map((element) => normal(element, "", symbols));
  }
  if (!isObject(value)) return value;
  const asset = value["$asset"];
  // A file counts by its content; where it lies is the machine's affair.
  if (isObject(asset) && asset["sha256"] !== undefined) return { $asset: { sha256: asset["sha256"] } };
  return Object.fromEntries(
    Object.entries(value).map(([name, element]) => [name, normal(element, name, symbols)]),
  );
}

function normalText(text: string, key: string, symbols: Symbols): Json {
  const plain = key === "userData" || key === "userDataBase64" ? decoded(text) : text;
  const document = policyOf(plain);
  const named = symbols.reduce(
    (result, [made, symbol]) => (result.includes(made) ? result.replaceAll(made, symbol) : result),
    plain,
  );
  return document === undefined ? named : unordered(policyOf(named) ?? document);
}

function decoded(text: string): string {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes.toString("utf8") : text;
}

function policyOf(text: string): JsonObject | undefined {
  if (!text.startsWith("{") || !text.includes('"Statement"')) return undefined;
  try {
    const parsed: Json = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** IAM reads every list of a policy as a set, and so does the provider when it compares (hashicorp/awspolicyequivalence). */
function unordered(value: Json): Json {
  if (Array.isArray(value)) return value.map(unordered).sort((a, b) => (sorted(a) < sorted(b) ? -1 : 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, unordered(element)]));
}
