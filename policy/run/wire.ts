import type { Json, JsonObject, Plan, PlannedResource } from "../../plan";

/** Pulumi's protocol for values that are not JSON (sdk/nodejs/runtime/rpc.ts); the same in every engine. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/**
 * A plan's values as the engine sends them to a policy pack. A secret, which a plan does not hold, goes as unknown: a rule that
 * looks at it could not be evaluated, instead of judging a placeholder. A resource goes as its id.
 */
export function toWire(plan: Plan): (values: JsonObject) => JsonObject {
  const ids = new Map(plan.resources.map(({ urn, id, custom }) => [urn, custom ? id || UNKNOWN : urn]));
  const convert = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(convert);
    if (typeof value !== "object" || value === null) return value;
    if (value["$unknown"] === true || "$secret" in value) return UNKNOWN;
    if ("$resource" in value) return ids.get(String(value["$resource"])) ?? UNKNOWN;
    if ("$asset" in value) return file(ASSET, value["$asset"] ?? null);
    if ("$archive" in value) return archive(value["$archive"] ?? null);
    return convertAll(value);
  };
  const convertAll = (values: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, convert(value)]));
  const archive = (value: Json): Json =>
    isObject(value) && isObject(value["assets"])
      ? { [SIGNATURE]: ARCHIVE, assets: convertAll(value["assets"]) }
      : file(ARCHIVE, value);
  return convertAll;
}

/** What a policy pack is told about a resource: inputs before it is made, everything known of it afterwards. */
export function propertiesOf({ inputs, outputs }: PlannedResource, when: "before" | "after"): JsonObject {
  return when === "before" ? inputs : { ...inputs, ...outputs };
}

function file(signature: string, value: Json): Json {
  const { path, text, uri } = isObject(value) ? value : {};
  return {
    [SIGNATURE]: signature,
    ...(path === undefined ? {} : { path }),
    ...(text === undefined ? {} : { text }),
    ...(uri === undefined ? {} : { uri }),
  };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
