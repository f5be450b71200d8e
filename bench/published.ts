/**
 * The published results: docs/benchmarks.jsonl holds one line for each result, with what it was measured on, when and by which
 * command; the tables in docs/benchmarks.md are rendered from it. A new result takes the place of the one it repeats.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import type { ApplyResult, DirectoryResult } from "./apply/bench";
import { APPLY_HEAD, applyRows, DIRECTORY_HEAD, directoryRows } from "./apply/report";
import type { ChangeResult } from "./change/bench";
import { CHANGE_HEAD, changeRows, othersLine } from "./change/report";
import type { DetectionResult } from "./detection/bench";
import { SERVER_FAULTS } from "./detection/faults";
import { DETECTION_HEAD, detectionRows } from "./detection/report";
import { CONNECTIONS_HEAD, connectionRows, HEAD, rows } from "./failover/report";
import {
  ADDRESSING,
  type FailoverOptions,
  type FailoverResult,
  LOADS,
  SCENARIOS,
  TAKEOVER,
  TOPOLOGIES,
  type Topology,
} from "./failover/types";
import type { MachineFacts } from "./machine";
import type { MeshResult } from "./mesh/bench";
import { MESH_HEAD, meshRows } from "./mesh/report";
import { REGISTRY_TASKS, type RegistryResult } from "./registry/bench";
import { REGISTRY_HEAD, registryRows } from "./registry/report";
import type { ThroughputResult } from "./throughput/bench";
import { THROUGHPUT_HEAD, throughputRows } from "./throughput/report";

/** One result of any benchmark. */
export type Finding =
  | ({ readonly bench: "failover" } & FailoverResult)
  | ({ readonly bench: "throughput" } & ThroughputResult)
  | ({ readonly bench: "apply" } & ApplyResult)
  | ({ readonly bench: "directory" } & DirectoryResult)
  | ({ readonly bench: "change" } & ChangeResult)
  | ({ readonly bench: "detection" } & DetectionResult)
  | ({ readonly bench: "registry" } & RegistryResult)
  | ({ readonly bench: "mesh" } & MeshResult);

/** How a result came about. */
export interface Origin {
  readonly date: string;
  readonly command: string;
  readonly machine: MachineFacts;
}

export type PublishedResult = Finding & Origin;

const topologyOf = ({ topology }: FailoverResult): Topology => topology ?? "active-active";

/** What makes a result the repetition of another one. */
function keyOf(result: Finding): string {
  switch (result.bench) {
    case "failover":
      return [
        ...[result.bench, result.addressing, result.scenario, result.load, result.takeover],
        ...[result.health, topologyOf(result)],
      ].join("/");
    case "throughput":
      return `${result.bench}/${result.direction}`;
    case "registry":
      return `${result.bench}/${result.clients}/${result.what}`;
    case "detection":
      return `${result.bench}/${result.fault}`;
    case "apply":
      return `${result.bench}/${result.clients}`;
    case "mesh":
      return `${result.bench}/${result.servers}/${result.clients}`;
    case "directory":
    case "change":
      return result.bench;
  }
}

/** The old results with the new ones in their places. Pure. */
export function mergeResults(
  old: readonly PublishedResult[],
  fresh: readonly PublishedResult[],
): PublishedResult[] {
  const merged = new Map(old.map((result) => [keyOf(result), result]));
  for (const result of fresh) merged.set(keyOf(result), result);
  return [...merged.values()];
}

/** The scenarios that have been published with more runs than these would be: a quick look must not take their place. Pure. */
export function longerSeries(
  old: readonly PublishedResult[],
  { addressing, topology, scenarios, loads, takeover, health, runs }: FailoverOptions,
): string[] {
  const longer = of(old, "failover").filter(
    (row) =>
      row.addressing === addressing &&
      topologyOf(row) === topology &&
      row.health === health &&
      scenarios.includes(row.scenario) &&
      loads.includes(row.load) &&
      takeover.includes(row.takeover) &&
      row.runs + (row.failed_runs ?? 0) > runs,
  );
  return [...new Set(longer.map(({ scenario }) => scenario))];
}

function markdownTable(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

/** Where and how a result came about, in a line. */
function origin({ date, command, machine }: PublishedResult): string {
  const { cpu, cores, memory_gib, kernel, wireguard, node, wgc } = machine;
  return (
    `\`${command}\`, ${date.slice(0, 10)}, on ${cpu}, ${cores} cores, ${memory_gib} GiB, Linux ${kernel}, ` +
    `WireGuard: ${wireguard}, Node.js ${node}, wgc ${wgc}`
  );
}

const NOTHING = "Not measured yet.";

/**
 * A table with where and how its results came about. Where they came about in several ways, each row names its own by number.
 *
 * @param body one row for each result, or all rows of a single result
 */
function section(results: readonly PublishedResult[], head: readonly string[], body: string[][]): string {
  if (results.length === 0) return NOTHING;
  const origins = [...new Set(results.map(origin))];
  if (origins.length === 1) return `${markdownTable(head, body)}\n\n- ${origins[0]}`;
  const numbered = body.map((row, index) => {
    const result = results[index];
    return [...row, result === undefined ? "" : String(origins.indexOf(origin(result)) + 1)];
  });
  const list = origins.map((text, index) => `${index + 1}. ${text}`).join("\n");
  return `${markdownTable([...head, "measured by"], numbered)}\n\n${list}`;
}

const of = <B extends Finding["bench"]>(
  results: readonly PublishedResult[],
  bench: B,
): Extract<PublishedResult, { bench: B }>[] =>
  results.filter((result): result is Extract<PublishedResult, { bench: B }> => result.bench === bench);

/** The generated sections by name. Pure. */
export function sections(results: readonly PublishedResult[]): Record<string, string> {
  const order = <T>(known: readonly T[], value: T): number => known.indexOf(value);
  const failover = of(results, "failover")
    .filter(({ health }) => health === "nlb") // quick looks are not published
    .sort(
      (a, b) =>
        order(ADDRESSING, a.addressing) - order(ADDRESSING, b.addressing) ||
        order(TOPOLOGIES, topologyOf(a)) - order(TOPOLOGIES, topologyOf(b)) ||
        order(SCENARIOS, a.scenario) - order(SCENARIOS, b.scenario) ||
        order(LOADS, a.load) - order(LOADS, b.load) ||
        order(TAKEOVER, a.takeover) - order(TAKEOVER, b.takeover),
    );
  const isPlain = ({ addressing, load }: FailoverResult): boolean =>
    addressing === "masquerade" && load !== "tcp";
  const plain = failover.filter(isPlain);
  const connections = failover.filter((result) => !isPlain(result));
  const throughput = of(results, "throughput");
  const apply = of(results, "apply").sort((a, b) => a.clients - b.clients);
  const directory = of(results, "directory");
  const change = of(results, "change");
  const mesh = of(results, "mesh");
  const faults = SERVER_FAULTS.map(({ name }) => name);
  const detection = of(results, "detection").sort((a, b) => order(faults, a.fault) - order(faults, b.fault));
  const registry = of(results, "registry").sort(
    (a, b) => a.clients - b.clients || order(REGISTRY_TASKS, a.what) - order(REGISTRY_TASKS, b.what),
  );
  return {
    failover: section(plain, HEAD, rows(plain)),
    connections: section(connections, CONNECTIONS_HEAD, connectionRows(connections)),
    throughput: section(throughput, THROUGHPUT_HEAD, throughputRows(throughput)),
    apply: section(apply, APPLY_HEAD, applyRows(apply)),
    directory: section(directory, DIRECTORY_HEAD, directory.flatMap(directoryRows)),
    mesh: mesh.map((result) => section([result], MESH_HEAD, meshRows(result))).join("\n\n") || NOTHING,
    registry: section(registry, REGISTRY_HEAD, registryRows(registry)),
    detection: section(detection, DETECTION_HEAD, detectionRows(detection)),
    change: [section(change, CHANGE_HEAD, changeRows(change)), ...change.map(othersLine)].join("\n\n"),
  };
}

/**
 * The page with its generated sections replaced. Pure.
 *
 * @throws UserError when the page has no place for one of them
 */
export function renderPage(page: string, generated: Readonly<Record<string, string>>): string {
  return Object.entries(generated).reduce((text, [name, content]) => {
    const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from)
      throw new UserError(
        `docs/benchmarks.md has no place for ${name}; put the lines '${begin}' and '${end}' back`,
      );
    return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
  }, page);
}

/** Results of before there was another addressing do not name it. */
function complete(result: PublishedResult): PublishedResult {
  return result.bench === "failover" ? { ...result, addressing: result.addressing ?? "masquerade" } : result;
}

/** Reads lines of published results. Pure. */
export function parseResults(text: string): PublishedResult[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => complete(JSON.parse(line) as PublishedResult));
}

const dataOf = (project: string): string => join(project, "docs", "benchmarks.jsonl");

/** What has been published. */
export function published(project: string): PublishedResult[] {
  const data = dataOf(project);
  return existsSync(data) ? parseResults(readFileSync(data, "utf8")) : [];
}

/** Puts results into docs/benchmarks.jsonl and docs/benchmarks.md. */
export function publish(project: string, findings: readonly Finding[], origin: Origin): void {
  const page = join(project, "docs", "benchmarks.md");
  const all = mergeResults(
    published(project),
    findings.map((finding) => ({ ...finding, ...origin })),
  );
  const text = renderPage(readFileSync(page, "utf8"), sections(all)); // before anything is written
  writeFileSync(dataOf(project), all.map((result) => `${JSON.stringify(result)}\n`).join(""));
  writeFileSync(page, text);
}
