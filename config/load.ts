import type { Fault } from "./check";
import { crossFaults, initialServers, warningsFor } from "./checks";
import { defaultClientRoutes, routedPrefixesOf } from "./checks-routed";
import { UserError } from "./errors";
import { type SettingKey, type Settings, settingsSchema } from "./schema";

/** The namespace of this project's settings. */
export const NAMESPACE = "wgc";

/** Where a configuration comes from: the stack's name and all its values as text, keys with their namespace. */
export interface ConfigSource {
  readonly stack: string;
  readonly values: Readonly<Record<string, string>>;
}

/** A stack's settings, checked and complete. */
export interface ClusterSettings extends Settings {
  /** AWS region, from `aws:region`. */
  readonly region: string;
}

/** The outcome of reading a configuration. */
export interface LoadedConfig {
  readonly settings: ClusterSettings;
  readonly warnings: readonly string[];
}

const KEYS = Object.keys(settingsSchema.shape) as SettingKey[];
const REGION = /^[a-z]{2}(-[a-z]+)+-\d+$/;

/**
 * Reads, checks and completes a stack's settings.
 * @throws UserError that lists every fault at once, each with the command that mends it.
 */
export function loadSettings(source: ConfigSource): LoadedConfig {
  const given = ownValues(source.values);
  const problems: string[] = [...regionProblems(source.values)];
  const valid: Record<string, unknown> = {};
  for (const key of KEYS) {
    const result = settingsSchema.shape[key].safeParse(given[key]);
    if (result.success) valid[key] = result.data;
    else problems.push(fieldProblem(key, given[key] ?? "", result.error.issues[0]?.message ?? "valid"));
  }
  // The cast is sound: every key holds its own schema's output or is missing.
  for (const fault of crossFaults(valid as Partial<Settings>))
    problems.push(crossProblem(fault, given[fault.key]));
  problems.push(...clusterNameProblems(source, valid["clusterName"]));
  problems.push(...zoneProblems(source.values, valid["availabilityZones"]));
  for (const key of Object.keys(given)) if (!isSetting(key)) problems.push(unknownKeyProblem(key));
  if (problems.length > 0) throw new UserError(report(source.stack, problems));

  const settings = settingsSchema.parse(given);
  const complete: ClusterSettings = {
    ...settings,
    clusterName: settings.clusterName || defaultClusterName(source.stack),
    clientRoutes: settings.clientRoutes.length > 0 ? settings.clientRoutes : defaultClientRoutes(settings),
    routedPrefixes: routedPrefixesOf(settings),
    desiredServers: initialServers(settings),
    region: source.values["aws:region"] ?? "",
  };
  return { settings: complete, warnings: warningsFor(complete) };
}

function ownValues(values: ConfigSource["values"]): Record<string, string> {
  const own = Object.entries(values).filter(([key]) => key.startsWith(`${NAMESPACE}:`));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(NAMESPACE.length + 1), value]));
}

function isSetting(key: string): key is SettingKey {
  return Object.hasOwn(settingsSchema.shape, key);
}

function defaultClusterName(stack: string): string {
  return `${NAMESPACE}-${stack}`;
}

const show = (value: string): string => (/^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value));
/** A value with spaces or JSON is quoted for the shell; it has no quotes of that kind itself. */
const quoted = (value: string): string => (/[\s[{]/.test(value) ? `'${value}'` : value);
const set = (key: string, value: string): string => `\n    pulumi config set ${key} ${quoted(value)}`;

function fieldProblem(key: SettingKey, value: string, allowed: string): string {
  const example = String(settingsSchema.shape[key].meta()?.["example"] ?? "");
  const name = `${NAMESPACE}:${key}`;
  return `${name} is ${show(value)}: it must be ${allowed}${set(name, example)}`;
}

function crossProblem(fault: Fault, value: string | undefined): string {
  const name = `${NAMESPACE}:${fault.key}`;
  const meta = settingsSchema.shape[fault.key].meta();
  const shown = value === undefined ? `${show(String(meta?.["default"] ?? ""))} (its default)` : show(value);
  return `${name} is ${shown}: it ${fault.problem}${set(name, fault.mend)}`;
}

function regionProblems(values: ConfigSource["values"]): readonly string[] {
  const region = values["aws:region"];
  if (region !== undefined && REGION.test(region)) return [];
  const found = region === undefined ? "not set" : show(region);
  return [`aws:region is ${found}: it must be an AWS region like us-east-1${set("aws:region", "us-east-1")}`];
}

/** A zone's name is its region's and a letter. */
function zoneProblems(values: ConfigSource["values"], zones: unknown): readonly string[] {
  const region = values["aws:region"];
  if (region === undefined || !REGION.test(region) || !Array.isArray(zones)) return [];
  const wrong = zones.filter((zone) => String(zone).slice(0, -1) !== region);
  if (wrong.length === 0) return [];
  const key = `${NAMESPACE}:availabilityZones`;
  return [
    `${key} is ${zones.join(",")}: ${wrong.join(", ")} ${wrong.length === 1 ? "is" : "are"} not in aws:region ${region}${set(key, '""')}`,
  ];
}

/** An empty cluster name becomes wgc-<stack>, which a stack with a long or unusual name makes invalid. */
function clusterNameProblems(source: ConfigSource, name: unknown): readonly string[] {
  const derived = defaultClusterName(source.stack);
  const result = settingsSchema.shape.clusterName.safeParse(derived);
  if (name !== "" || result.success) return [];
  const allowed = settingsSchema.shape.clusterName.meta()?.["allowed"];
  const key = `${NAMESPACE}:clusterName`;
  return [
    `${key} is empty, and ${show(derived)} (from the stack's name) is no replacement: it must be ${allowed}${set(key, "wgc-dev")}`,
  ];
}

function unknownKeyProblem(key: string): string {
  const name = `${NAMESPACE}:${key}`;
  const nearest = KEYS.map((known) => ({
    known,
    distance: editDistance(key.toLowerCase(), known.toLowerCase()),
  }))
    .filter(({ known, distance }) => distance <= Math.max(2, Math.floor(known.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]?.known;
  const hint = nearest === undefined ? "" : `; did you mean ${NAMESPACE}:${nearest}?`;
  return `${name} is no setting of this project${hint}\n    pulumi config rm ${name}`;
}

/** Levenshtein distance: single-character edits between two short words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const edits = [(row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1];
      next.push(Math.min(...edits));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function report(stack: string, problems: readonly string[]): string {
  const count = problems.length === 1 ? "1 fault" : `${problems.length} faults`;
  return [
    `the configuration of stack ${show(stack)} has ${count}:`,
    ...problems.map((problem) => `  - ${problem}`),
  ].join("\n");
}
