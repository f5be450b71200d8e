/** `wgc bench`: measures the cluster on this machine. Nothing here judges; numbers are printed, good or bad. */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { benchApply } from "../bench/apply/bench";
import { APPLY_HEAD, applyRows, DIRECTORY_HEAD, directoryRows } from "../bench/apply/report";
import { benchChange } from "../bench/change/bench";
import { CHANGE_HEAD, changeRows, othersLine } from "../bench/change/report";
import { benchDetection } from "../bench/detection/bench";
import { SERVER_FAULTS } from "../bench/detection/faults";
import { DETECTION_HEAD, detectionRows } from "../bench/detection/report";
import { FailoverBench, type FailoverReport } from "../bench/failover/bench";
import {
  DEFAULTS,
  type FailoverWords,
  failoverOptions,
  PASSIVE_DEFAULTS,
  wholeNumber,
} from "../bench/failover/options";
import { CONNECTIONS_HEAD, connectionRows, HEAD, rows } from "../bench/failover/report";
import { scenarios } from "../bench/failover/scenarios";
import { ADDRESSING, LOADS, SCENARIOS, TAKEOVER, TOPOLOGIES } from "../bench/failover/types";
import { machineFacts } from "../bench/machine";
import { benchMesh } from "../bench/mesh/bench";
import { MOST_OTHERS } from "../bench/mesh/others";
import { MESH_HEAD, meshRows } from "../bench/mesh/report";
import { type Finding, longerSeries, publish, published } from "../bench/published";
import { benchRegistry } from "../bench/registry/bench";
import { REGISTRY_HEAD, registryRows } from "../bench/registry/report";
import { benchThroughput } from "../bench/throughput/bench";
import { THROUGHPUT_HEAD, throughputRows } from "../bench/throughput/report";
import { HEALTH_MODELS } from "../bench/variant";
import { UserError } from "../config/errors";
import { print, say, table } from "./output";
import { openWorkshop } from "./workshop";

interface Common {
  json?: boolean;
  write?: boolean;
  yes?: boolean;
}

/** Publishes the findings where `--write` asks for it. */
async function write(
  project: string,
  words: Common,
  wireguard: string,
  findings: readonly Finding[],
): Promise<void> {
  if (words.write !== true || findings.length === 0) return;
  const command = `./wgc ${process.argv.slice(2).join(" ")}`;
  publish(project, findings, {
    date: new Date().toISOString(),
    command,
    machine: await machineFacts(project, wireguard),
  });
  say("docs/benchmarks.md and docs/benchmarks.jsonl have the results");
}

async function failover(project: string, words: FailoverWords & Common): Promise<void> {
  const options = failoverOptions(words);
  if (words.write && options.health !== "nlb")
    throw new UserError(
      "only results with the planned health checks are published; leave out --health or --write",
    );
  const longer = words.write ? longerSeries(published(project), options) : [];
  if (longer.length > 0)
    throw new UserError(
      `--runs ${options.runs}: docs/benchmarks.md has more runs of ${longer.join(", ")}, which these would replace; ask for as many, or leave out --write`,
    );
  const workshop = await openWorkshop(project, words.yes === true);
  const folder = join(project, ".wgc", "bench");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `failover-${new Date().toISOString().replaceAll(":", "-")}.jsonl`);
  say(`every sample goes to ${file}`);
  const bench = new FailoverBench(
    workshop,
    options,
    (run, { samples, outcomes }) => {
      for (const one of [...samples, ...outcomes])
        appendFileSync(file, `${JSON.stringify({ ...run, ...one })}\n`);
    },
    (results, wireguard) =>
      write(
        project,
        words,
        wireguard,
        results.map((result) => ({ bench: "failover", ...result })),
      ),
  );
  const report = await bench.run();
  if (words.json) for (const result of report.results) print(JSON.stringify(result));
  else if (options.addressing === "routed" || options.loads.includes("tcp"))
    print(table(CONNECTIONS_HEAD, connectionRows(report.results)));
  else print(table(HEAD, rows(report.results)));
  complain(report);
}

interface ThroughputWords extends Common {
  runs: string;
  seconds: string;
  stack: string;
}

async function throughput(project: string, words: ThroughputWords): Promise<void> {
  const options = {
    runs: wholeNumber("runs", words.runs, 1, 1000),
    seconds: wholeNumber("seconds", words.seconds, 1, 600),
    stack: words.stack,
  };
  const workshop = await openWorkshop(project, words.yes === true);
  const { results, wireguard } = await benchThroughput(workshop, options);
  if (words.json) for (const result of results) print(JSON.stringify(result));
  else print(table(THROUGHPUT_HEAD, throughputRows(results)));
  await write(
    project,
    words,
    wireguard,
    results.map((result): Finding => ({ bench: "throughput", ...result })),
  );
}

interface ApplyWords extends Common {
  clients: string;
  seconds: string;
  stack: string;
}

async function apply(project: string, words: ApplyWords): Promise<void> {
  const clients = words.clients.split(",").map((text) => wholeNumber("clients", text.trim(), 10, 1_000_000));
  const options = { clients, seconds: wholeNumber("seconds", words.seconds, 1, 600), stack: words.stack };
  const workshop = await openWorkshop(project, words.yes === true);
  const { results, directory, wireguard } = await benchApply(workshop, options);
  const findings: Finding[] = [
    ...results.map((result): Finding => ({ bench: "apply", ...result })),
    ...(directory ? [{ bench: "directory" as const, ...directory }] : []),
  ];
  if (words.json) for (const finding of findings) print(JSON.stringify(finding));
  else {
    print(table(APPLY_HEAD, applyRows(results)));
    if (directory) print(`\n${table(DIRECTORY_HEAD, directoryRows(directory))}`);
  }
  await write(project, words, wireguard, findings);
}

interface ChangeWords extends Common {
  runs: string;
  clients: string;
  servers: string;
  stack: string;
}

async function change(project: string, words: ChangeWords): Promise<void> {
  const options = {
    runs: wholeNumber("runs", words.runs, 1, 1000),
    clients: wholeNumber("clients", words.clients, 0, 20_000),
    servers: wholeNumber("servers", words.servers, 2, 9),
    stack: words.stack,
  };
  const { result, wireguard } = await benchChange(await openWorkshop(project, words.yes === true), options);
  const finding: Finding = { bench: "change", ...result };
  if (words.json) print(JSON.stringify(finding));
  else print(`${table(CHANGE_HEAD, changeRows([result]))}\n\n${othersLine(result)}`);
  await write(project, words, wireguard, [finding]);
}

interface DetectionWords extends Common {
  fault?: string;
  runs: string;
  stack: string;
}

async function detection(project: string, words: DetectionWords): Promise<void> {
  const known = SERVER_FAULTS.map(({ name }) => name);
  const faults = words.fault?.split(",").map((text) => text.trim()) ?? known;
  for (const name of faults)
    if (!known.includes(name))
      throw new UserError(`--fault: '${name}' is not known; there are ${known.join(", ")}`);
  const options = { faults, runs: wholeNumber("runs", words.runs, 1, 1000), stack: words.stack };
  const workshop = await openWorkshop(project, words.yes === true);
  const { results, wireguard } = await benchDetection(workshop, options);
  const findings = results.map((result): Finding => ({ bench: "detection", ...result }));
  if (words.json) for (const finding of findings) print(JSON.stringify(finding));
  else print(table(DETECTION_HEAD, detectionRows(results)));
  await write(project, words, wireguard, findings);
}

interface MeshWords extends Common {
  clients: string;
  servers: string;
  seconds: string;
  stack: string;
}

async function mesh(project: string, words: MeshWords): Promise<void> {
  const options = {
    clients: wholeNumber("clients", words.clients, 100, 1_000_000),
    servers: wholeNumber("servers", words.servers, 3, MOST_OTHERS + 1),
    seconds: wholeNumber("seconds", words.seconds, 1, 600),
    stack: words.stack,
  };
  const { result, wireguard } = await benchMesh(await openWorkshop(project, words.yes === true), options);
  const finding: Finding = { bench: "mesh", ...result };
  if (words.json) print(JSON.stringify(finding));
  else print(table(MESH_HEAD, meshRows(result)));
  await write(project, words, wireguard, [finding]);
}

interface RegistryWords extends Common {
  clients: string;
  runs: string;
  folder?: string;
}

async function registry(project: string, words: RegistryWords): Promise<void> {
  const results = await benchRegistry({
    clients: wholeNumber("clients", words.clients, 100, 1_000_000),
    runs: wholeNumber("runs", words.runs, 1, 10_000),
    ...(words.folder === undefined ? {} : { folder: words.folder }),
    say,
    project,
  });
  const findings = results.map((result): Finding => ({ bench: "registry", ...result }));
  if (words.json) for (const finding of findings) print(JSON.stringify(finding));
  else print(table(REGISTRY_HEAD, registryRows(results)));
  await write(project, words, "none", findings);
}

function complain({ failures }: FailoverReport): void {
  for (const { scenario, takeover, run, problem } of failures)
    say(`${scenario}, takeover ${takeover}, run ${run} gave no samples: ${problem}`);
  if (failures.length > 0) process.exitCode = 1;
}

/** A line for each thing that an option may name. */
const helpList = (items: readonly { readonly name: string; readonly what: string }[]): string =>
  items.map(({ name, what }) => `  ${name.padEnd(13)} ${what}`).join("\n");

/** What an option is when nothing is said, with each addressing. */
const defaultsOf = (option: "scenario" | "load" | "takeover"): string =>
  [
    ...ADDRESSING.map((mode) => `${mode}: ${DEFAULTS[mode][option].join(",")}`),
    ...(option === "load" ? [] : [`active-passive: ${PASSIVE_DEFAULTS[option].join(",")}`]),
  ].join("; ");

/** The options that all benchmarks have. @param what that a line of `--json` is about */
function withCommonOptions(command: Command, what: string): Command {
  return command
    .option("-s, --stack <name>", "stack to realise", "dev")
    .option("--json", `print one JSON line for each ${what}`)
    .option("--write", "put the results into docs/benchmarks.md")
    .option("-y, --yes", "install missing system packages without asking");
}

function addFailover(bench: Command, project: string): void {
  const command = bench
    .command("failover")
    .description("how long clients are without traffic when a server fails or goes, or they roam")
    .option(
      "--addressing <mode>",
      `${ADDRESSING.join(" or ")}: whether backends see clients' own addresses`,
      "masquerade",
    )
    .option(
      "--topology <kind>",
      `${TOPOLOGIES.join(" or ")}: whether all servers serve, or one while the others stand by`,
      "active-active",
    )
    .option("--scenario <names>", `what happens, with commas (${defaultsOf("scenario")})`)
    .option("--load <kinds>", `what clients do meanwhile: ${LOADS.join(", ")} (${defaultsOf("load")})`)
    .option("--takeover <on,off>", `session takeover: ${TAKEOVER.join(", ")} (${defaultsOf("takeover")})`)
    .option(
      "--health <model>",
      `health checks: ${HEALTH_MODELS.join(" (as planned) or ")} (every second)`,
      "nlb",
    )
    .option("--runs <n>", "incidents of each scenario", "20")
    .option("--clients <n>", "clients; with two loads half of them each", "8");
  withCommonOptions(command, "result")
    .addHelpText(
      "after",
      `\nScenarios:\n${helpList(SCENARIOS.map((name) => ({ name, what: scenarios[name].what })))}\n\nExamples:\n  $ ./wgc bench failover --scenario roam --runs 3 --health fast\n  $ ./wgc bench failover --scenario crash,drain --load busy --takeover on --json\n  $ ./wgc bench failover --addressing routed --runs 3\n  $ ./wgc bench failover --addressing routed --topology active-passive --scenario drain --runs 3`,
    )
    .action((options: FailoverWords & Common) => failover(project, options));
}

function addThroughput(bench: Command, project: string): void {
  const command = bench
    .command("throughput")
    .description(
      "bulk TCP through the whole cluster, against one bare WireGuard hop on this machine, in turns",
    )
    .option("--runs <n>", "measurements of each way and direction", "10")
    .option("--seconds <n>", "length of one measurement", "5");
  withCommonOptions(command, "direction")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc bench throughput\n  $ ./wgc bench throughput --runs 3 --seconds 2 --json",
    )
    .action((options: ThroughputWords) => throughput(project, options));
}

function addApply(bench: Command, project: string): void {
  const command = bench
    .command("apply")
    .description(
      "how long a fresh server takes to apply many clients, what a change costs then, and what the agent uses",
    )
    .option("--clients <numbers>", "numbers of clients, with commas", "1000,10000,60000,100000")
    .option("--seconds <n>", "length of a look at the processor use", "10");
  withCommonOptions(command, "number of clients")
    .addHelpText("after", "\nExamples:\n  $ ./wgc bench apply\n  $ ./wgc bench apply --clients 10000 --json")
    .action((options: ApplyWords) => apply(project, options));
}

function addChange(bench: Command, project: string): void {
  const command = bench
    .command("change")
    .description("how soon a client that was added or revoked is so on every server, while others talk")
    .option("--runs <n>", "clients added and revoked", "50")
    .option("--clients <n>", "clients in the registry besides", "1000")
    .option("--servers <n>", "servers", "3");
  withCommonOptions(command, "run of the benchmark")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc bench change\n  $ ./wgc bench change --runs 5 --clients 100 --json",
    )
    .action((options: ChangeWords) => change(project, options));
}

function addDetection(bench: Command, project: string): void {
  const command = bench
    .command("detection")
    .description("how soon a broken server's health says so, and says again that it serves")
    .option("--fault <names>", "what breaks, with commas (default: all)")
    .option("--runs <n>", "how often each thing breaks", "20");
  withCommonOptions(command, "fault")
    .addHelpText(
      "after",
      `\nFaults:\n${helpList(SERVER_FAULTS)}\n\nExamples:\n  $ ./wgc bench detection --runs 3\n  $ ./wgc bench detection --fault forwarding,key --json`,
    )
    .action((options: DetectionWords) => detection(project, options));
}

function addMesh(bench: Command, project: string): void {
  const command = bench
    .command("mesh")
    .description(
      "one server among very many with routed addressing: routes to their clients, moves, heartbeats",
    )
    .option("--clients <n>", "clients, all of them at other servers", "100000")
    .option("--servers <n>", "servers; all but one are played", "100")
    .option("--seconds <n>", "length of each look", "20");
  withCommonOptions(command, "run of the benchmark")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc bench mesh\n  $ ./wgc bench mesh --clients 5000 --servers 10 --json",
    )
    .action((options: MeshWords) => mesh(project, options));
}

function addRegistry(bench: Command, project: string): void {
  bench
    .command("registry")
    .description("what a change, a page of the list and a check cost in a registry with many clients")
    .option("--clients <n>", "clients in the registry", "100000")
    .option("--runs <n>", "how often each thing is done", "50")
    .option("--folder <path>", "where the registry is made (a network file system, say)")
    .option("--json", "print one JSON line for each result")
    .option("--write", "put the results into docs/benchmarks.md")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc bench registry\n  $ ./wgc bench registry --clients 10000 --folder /mnt/nfs --json",
    )
    .action((options: RegistryWords) => registry(project, options));
}

/** Adds `wgc bench` and its subcommands. */
export function addBenchCommand(program: Command, project: string): void {
  const bench = program
    .command("bench")
    .description("measure failover, throughput, changes and the handling of many clients and servers")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc bench failover --runs 3 --health fast\n  $ ./wgc bench throughput\n  $ ./wgc bench apply",
    );
  addFailover(bench, project);
  addThroughput(bench, project);
  addApply(bench, project);
  addChange(bench, project);
  addDetection(bench, project);
  addMesh(bench, project);
  addRegistry(bench, project);
}
