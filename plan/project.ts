import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../config/errors";

/** A Pulumi project and one of its stacks, as far as a plan needs them. */
export interface Project {
  readonly dir: string;
  readonly name: string;
  readonly stack: string;
  /** Fully qualified keys (`wgc:minServers`), values as the CLI passes them: text, or JSON for lists and objects. */
  readonly config: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
}

type Settings = Record<string, unknown>;

/**
 * Reads `Pulumi.yaml` and `Pulumi.<stack>.yaml` the way the Pulumi CLI does: the stack's value, else the project's default.
 * `secure:` values cannot be read without the stack's key, which a plan never asks for, so each of them needs an override;
 * an overridden one stays a secret.
 */
export function loadProject(
  dir: string,
  stack: string,
  overrides: Readonly<Record<string, string>> = {},
): Project {
  const project = readYaml(
    join(dir, "Pulumi.yaml"),
    `${dir} is no Pulumi project; run this where Pulumi.yaml is`,
  );
  const stackFile = `Pulumi.${stack}.yaml`;
  const stacks = readdirSync(dir).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);
  const known =
    stacks.length === 0 ? "this project has none yet" : `this project has ${stacks.sort().join(", ")}`;
  const settings = readYaml(join(dir, stackFile), `there is no stack "${stack}" (no ${stackFile}); ${known}`);
  const name = String(project["name"] ?? "");
  if (name === "")
    throw new UserError(`${join(dir, "Pulumi.yaml")} has no "name"; add one, for example "name: wgc"`);

  const qualify = (key: string): string => (key.includes(":") ? key : `${name}:${key}`);
  const values = new Map<string, unknown>();
  for (const [key, declared] of entries(project["config"])) {
    const value = isSettings(declared) ? (declared["value"] ?? declared["default"]) : declared;
    if (value !== undefined && value !== null) values.set(qualify(key), value);
  }
  for (const [key, value] of entries(settings["config"])) values.set(qualify(key), value);
  const secretKeys = [...values].filter(([, value]) => holdsSecure(value)).map(([key]) => key);
  for (const [key, value] of Object.entries(overrides)) values.set(qualify(key), value);

  const unreadable = [...values].filter(([, value]) => holdsSecure(value)).map(([key]) => key);
  if (unreadable.length > 0) throw unreadableSecrets(stackFile, unreadable);
  const config = Object.fromEntries([...values].map(([key, value]) => [key, asText(value)]));
  return { dir, name, stack, config, secretKeys };
}

function unreadableSecrets(stackFile: string, keys: readonly string[]): UserError {
  const list = keys.join(", ");
  const example = keys.map((key) => `--config ${key}=VALUE`).join(" ");
  return new UserError(
    `${stackFile}: ${list} ${keys.length === 1 ? "is" : "are"} encrypted ("secure:") and a plan works without the stack's key; ` +
      `give a value to plan with: ./wgc plan ${example}`,
  );
}

function readYaml(file: string, missing: string): Settings {
  if (!existsSync(file)) throw new UserError(missing);
  try {
    const parsed: unknown = parse(readFileSync(file, "utf8"));
    return isSettings(parsed) ? parsed : {};
  } catch (error) {
    throw new UserError(`${file} is not valid YAML: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function asText(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function holdsSecure(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsSecure);
  if (!isSettings(value)) return false;
  const keys = Object.keys(value);
  return (keys.length === 1 && typeof value["secure"] === "string") || Object.values(value).some(holdsSecure);
}

function isSettings(value: unknown): value is Settings {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entries(value: unknown): [string, unknown][] {
  return isSettings(value) ? Object.entries(value) : [];
}
