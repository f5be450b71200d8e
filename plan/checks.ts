import type { Registration } from "./monitor";
import type { ResourceSchema } from "./sdk-schema";
import type { JsonObject } from "./types";
import { label } from "./urn";
import { bare, presentObject, texts, UNKNOWN, unknownPaths } from "./values";

/** Load balancer and target group names are at most 32 characters (ELBv2 API, CreateLoadBalancer / CreateTargetGroup). */
const NAME_LIMITS: Readonly<Record<string, number>> = {
  "aws:lb/loadBalancer:LoadBalancer": 32,
  "aws:lb/targetGroup:TargetGroup": 32,
};
/** EC2 takes 16 KB of user data before base64 (EC2 user guide, "Run commands on your Linux instance at launch"). */
const USER_DATA_LIMIT = 16 * 1024;
/** What a value that was never set leaves behind in a text. */
const TRACES = ["undefined", "[object Object]", "NaN"] as const;

export function where(request: Registration): string {
  return `${request.type} "${request.name}" (under ${label(request.parent)})`;
}

/** Faults of one registration that the SDK's own schema shows. */
export function schemaFaults(request: Registration, schema: ResourceSchema | undefined): string[] {
  if (schema === undefined) {
    return [
      `${where(request)}: the installed SDK has no such resource type; is it misspelt, or its @pulumi package missing?`,
    ];
  }
  return schema.required
    .filter((key) => request.inputs[key] === undefined || request.inputs[key] === null)
    .map((key) => `${where(request)}: missing required input "${key}"`);
}

/** Inputs of a resolved plan that have no value, with the resource that they come from. */
export function unresolvedFaults(request: Registration): string[] {
  return unknownPaths(request.inputs).map((path) => {
    const sources = request.propertyDependencies[path.split(/[.[]/)[0] ?? ""] ?? [];
    const list = sources.map(label).join(", ");
    const from = list === "" ? "" : `; it comes from ${list}, whose stand-in lacks that output`;
    return `${where(request)}: input "${path}" has no value in a resolved plan${from}`;
  });
}

export function nameFault(request: Registration, name: string): string[] {
  const limit = NAME_LIMITS[request.type];
  if (limit === undefined || name.length <= limit) return [];
  return [
    `${where(request)}: its name "${name}" has ${name.length} characters, AWS allows ${limit}; give a shorter one`,
  ];
}

/** User data that is too long for EC2, or into which a value that was never set was written. */
export function userDataFaults(request: Registration): string[] {
  const value = bare(request.inputs["userData"] ?? request.inputs["userDataBase64"] ?? null);
  if (typeof value !== "string" || value === UNKNOWN) return [];
  const decoded = Buffer.from(value, "base64");
  const data = decoded.toString("base64") === value ? decoded : Buffer.from(value);
  const faults = TRACES.flatMap((trace) => {
    const line = data
      .toString("utf8")
      .split("\n")
      .findIndex((candidate) => holdsWord(candidate, trace));
    return line < 0
      ? []
      : [`${where(request)}: user data line ${line + 1} holds "${trace}", a value that was never set`];
  });
  if (data.length <= USER_DATA_LIMIT) return faults;
  return [...faults, `${where(request)}: user data has ${data.length} bytes, EC2 allows ${USER_DATA_LIMIT}`];
}

/** Pulumi puts a sentence where a program turned an Output into text without `apply` or `interpolate`. */
export function outputTextFaults(urn: string, values: JsonObject): string[] {
  return texts(values)
    .filter(({ text }) => /Calling \[to(String|JSON)\] on an \[Output<T>\]/.test(text))
    .map(
      ({ path }) =>
        `${label(urn)}: "${path}" was made from an Output as if it were text; use pulumi.interpolate or apply`,
    );
}

/** Stack outputs of a resolved plan that have no value. */
export function stackOutputFaults(outputs: JsonObject): string[] {
  const unknown = unknownPaths(outputs).map(
    (path) => `stack output "${path}" has no value in a resolved plan`,
  );
  const traces = texts(presentObject(outputs, ".")).flatMap(({ path, text }) =>
    TRACES.filter((trace) => holdsWord(text, trace)).map(
      (trace) => `stack output "${path}" holds "${trace}": ${text}`,
    ),
  );
  return [...unknown, ...traces];
}

function holdsWord(text: string, word: string): boolean {
  const index = text.indexOf(word);
  const around = `${text.charAt(index - 1)}${text.charAt(index + word.length)}`;
  return index >= 0 && !/\w/.test(around);
}
