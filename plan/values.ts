import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Json, JsonObject } from "./types";

/**
 * Values as Pulumi's SDK sends them over gRPC ("wire") and as a plan shows them. The signatures are part of Pulumi's
 * protocol (sdk/nodejs/runtime/rpc.ts); they cannot change without breaking every engine.
 */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";
const RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e";
const OUTPUT_VALUE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** What a plan shows in the place of a secret; its length says nothing about the secret's. */
export const REDACTED = "[redacted]";

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Marks a value as secret for the SDK, so that everything computed from it is a secret too. */
export function secretValue(value: Json): Json {
  return { [SIGNATURE]: SECRET, value };
}

/** A reference that the SDK turns into a live resource object. */
export function resourceReference(urn: string, id: string): Json {
  return { [SIGNATURE]: RESOURCE, urn, id };
}

/** The bare value, for stand-ins: secrets and output values unwrapped, unknowns left as {@link UNKNOWN}. */
export function bare(value: Json): Json {
  if (Array.isArray(value)) return value.map(bare);
  if (!isObject(value)) return value;
  switch (value[SIGNATURE]) {
    case SECRET:
      return bare(value["value"] ?? null);
    case OUTPUT_VALUE:
      return "value" in value ? bare(value["value"] ?? null) : UNKNOWN;
    case RESOURCE:
      return value["id"] === "" ? UNKNOWN : (value["id"] ?? value["urn"] ?? null);
    case undefined:
      return mapValues(value, bare);
    default:
      return value;
  }
}

/** {@link bare} for a resource's whole set of properties. */
export function bareObject(values: JsonObject): JsonObject {
  return mapValues(values, bare);
}

/** True when the value, or anything inside it, is marked secret. */
export function holdsSecret(value: Json): boolean {
  if (Array.isArray(value)) return value.some(holdsSecret);
  if (!isObject(value)) return false;
  if (value[SIGNATURE] === SECRET || (value[SIGNATURE] === OUTPUT_VALUE && value["secret"] === true))
    return true;
  return Object.values(value).some(holdsSecret);
}

/** The value as a plan shows it; files are named with their digest, relative to `baseDir`. */
export function present(value: Json, baseDir: string): Json {
  if (value === UNKNOWN) return { $unknown: true };
  if (Array.isArray(value)) return value.map((element) => present(element, baseDir));
  if (!isObject(value)) return value;
  switch (value[SIGNATURE]) {
    case SECRET:
      return { $secret: REDACTED };
    case OUTPUT_VALUE:
      if (value["secret"] === true) return { $secret: REDACTED };
      return "value" in value ? present(value["value"] ?? null, baseDir) : { $unknown: true };
    case RESOURCE:
      return { $resource: value["urn"] ?? "" };
    case ASSET:
      return { $asset: describeFile(value, baseDir) };
    case ARCHIVE:
      return isObject(value["assets"])
        ? { $archive: { assets: presentObject(value["assets"], baseDir) } }
        : { $archive: describeFile(value, baseDir) };
    default:
      return presentObject(value, baseDir);
  }
}

/** {@link present} for a resource's whole set of properties. */
export function presentObject(value: JsonObject, baseDir: string): JsonObject {
  return mapValues(value, (element) => present(element, baseDir));
}

function describeFile(value: JsonObject, baseDir: string): JsonObject {
  const { path, text, uri } = value;
  if (typeof text === "string") return { text, sha256: sha256(text) };
  if (typeof path !== "string") return { uri: uri ?? "" };
  const file = resolve(baseDir, path);
  return existsSync(file) && statSync(file).isFile()
    ? { path, sha256: sha256(readFileSync(file)) }
    : { path };
}

/** Paths of every value that is unknown, such as `vpcZoneIdentifiers[1]`. */
export function unknownPaths(value: Json, path = ""): string[] {
  if (value === UNKNOWN) return [path];
  if (Array.isArray(value))
    return value.flatMap((element, index) => unknownPaths(element, `${path}[${index}]`));
  if (!isObject(value)) return [];
  if (value[SIGNATURE] === OUTPUT_VALUE && !("value" in value)) return [path];
  if (value[SIGNATURE] === RESOURCE) return [];
  if (value[SIGNATURE] !== undefined) return unknownPaths(value["value"] ?? null, path);
  return Object.entries(value).flatMap(([key, element]) =>
    unknownPaths(element, path === "" ? key : `${path}.${key}`),
  );
}

/** Every text inside a value with its path; secrets are looked into, so callers must not print what they get. */
export function texts(value: Json, path = ""): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((element, index) => texts(element, `${path}[${index}]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, element]) =>
    texts(element, path === "" ? key : `${path}.${key}`),
  );
}

export function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function mapValues(value: JsonObject, change: (element: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, change(element)]));
}
