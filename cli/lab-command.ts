/** `wgc lab`: a cluster that keeps running in the background, for hand work. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import pc from "picocolors";
import { oneOf } from "../bench/failover/options";
import { ADDRESSING } from "../bench/failover/types";
import { addressingConfig } from "../bench/variant";
import { UserError } from "../config/errors";
import { API_LATENCY_MS } from "../lab/aws/trouble";
import { ensureBootImage } from "../lab/boot/image";
import { enterLab, runFolder, tidyRunFolder } from "../lab/enter";
import { FAULTS, parseFault } from "../lab/faults";
import { checkMachine } from "../lab/machine-check";
import { NAT_KINDS, type NatKind } from "../lab/nat";
import type { Finished } from "../lab/process";
import { RpcClient } from "../lab/rpc";
import type { LabEvent, LabStatus } from "../lab/status";
import { runPlan } from "../plan";
import { duration, print, printJson, say, table } from "./output";
import { ensurePrograms } from "./system-packages";
import { commandInVm } from "./vm";

const NAME = "default";

/** Connects to the lab that `lab up` started. */
async function connect(project: string): Promise<RpcClient> {
  const socket = join(runFolder(project, NAME), "socket");
  try {
    return await RpcClient.connect(socket);
  } catch {
    throw new UserError("no lab is running; start one with: ./wgc lab up");
  }
}

async function up(
  project: string,
  options: { stack: string; addressing?: string; yes?: boolean; replace?: boolean; boot?: boolean },
): Promise<void> {
  const tools = await ensurePrograms({ project, yes: options.yes === true, optional: false });
  await checkMachine();
  const boot = options.boot ? await ensureBootImage(project, say) : undefined;
  say(`planning stack ${options.stack} ...`);
  const { stack, addressing } = options;
  const config =
    addressing === undefined
      ? {}
      : addressingConfig(project, stack, oneOf("addressing", addressing, ADDRESSING));
  const plan = await runPlan({ projectDir: project, stack, mode: "resolved", config });
  const lab = await enterLab(NAME, plan, {
    project,
    detached: true,
    replaceUnhealthy: options.replace === true,
    ...(tools ? { tools } : {}),
    ...(boot ? { boot } : {}),
  });
  lab.client.on<LabEvent>("log", (event) => say(event.text));
  try {
    await lab.client.call("up");
    say("waiting for the load balancer's health checks ...");
    await lab.client.call("healthy");
  } catch (error) {
    await lab.end();
    throw error;
  }
  print(renderStatus(await lab.client.call<LabStatus>("status")));
  lab.client.close();
  lab.process.unref();
  (lab.process.stdout as unknown as { unref(): void }).unref();
  (lab.process.stdin as unknown as { unref(): void }).unref();
}

/** The lab's state as tables: servers, clients, and the VPC's routes where there are any. */
export function renderStatus(status: LabStatus): string {
  const servers = status.servers.map((server) => {
    const state = server.cut ? `${server.state} (cut off)` : server.state;
    const health = server.health === "healthy" ? pc.green(server.health) : pc.yellow(server.health);
    return [server.name, server.zone, server.address, state, health, server.reason, server.flows];
  });
  const clients = status.clients.map((client) => [
    client.name,
    client.tunnelAddress,
    client.via,
    client.revoked ? "revoked" : (client.server ?? "-"),
    client.rtt === undefined ? "-" : `${client.rtt.toFixed(1)} ms`,
    client.silent === undefined ? "never" : `${duration(client.silent)} ago`,
  ]);
  const routes = status.routes.map(({ zone, table: id, subnets, destination, server }) => [
    zone,
    id,
    subnets.join(", "),
    destination,
    server ?? pc.yellow("nobody (black hole)"),
  ]);
  const head = `stack ${status.stack} · ${status.endpoint} · WireGuard: ${status.wireguard} · up ${duration(status.uptime)}`;
  const nobody = "no clients yet; add one with: ./wgc lab join alice";
  const api =
    status.api.state === "fine" && status.api.latency === API_LATENCY_MS
      ? []
      : [pc.yellow(`AWS's API: ${status.api.state}, takes ${duration(status.api.latency)}`), ""];
  return [
    head,
    "",
    ...api,
    table(["server", "zone", "address", "state", "health", "last check", "flows"], servers),
    "",
    clients.length === 0
      ? nobody
      : table(["client", "tunnel address", "via", "server", "round trip", "last answer"], clients),
    ...(routes.length === 0
      ? []
      : ["", table(["zone", "route table", "subnets", "destination", "leads to"], routes)]),
  ].join("\n");
}

/** Talks to the running lab and lets go of it afterwards, whatever happened. */
export async function withLab<T>(project: string, talk: (lab: RpcClient) => Promise<T>): Promise<T> {
  const lab = await connect(project);
  try {
    return await talk(lab);
  } finally {
    lab.close();
  }
}

async function down(project: string): Promise<void> {
  await withLab(project, (lab) => lab.call("down"));
  tidyRunFolder(runFolder(project, NAME));
  say("the lab is gone, with everything in it");
}

/** Runs a program in a lab machine; this process ends with the program's exit code. */
async function execute(project: string, machine: string, command: string[]): Promise<void> {
  // `--` may end our own options; the program there does not want to see it.
  const program = command[0] === "--" ? command.slice(1) : command;
  if (program.length === 0)
    throw new UserError(`say what to run, as in: ./wgc lab exec ${machine} ping -c 3 10.0.0.200`);
  const result = await withLab(project, (lab) => lab.call<Finished>("exec", { machine, command: program }));
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.code;
}

/** Calls one method of the running lab, prints its story meanwhile, and shows what came back. */
async function act(project: string, method: string, params: unknown, json: boolean): Promise<void> {
  const result = await withLab(project, (lab) => {
    lab.on<LabEvent>("log", (event) => say(event.text));
    return lab.call(method, params);
  });
  if (json) printJson(result);
}

const faultHelp = (): string =>
  Object.entries(FAULTS)
    .map(
      ([kind, { argument, what }]) => `  ${`${kind}${argument ? ` <${argument}>` : ""}`.padEnd(20)} ${what}`,
    )
    .join("\n");

const natHelp = (): string =>
  Object.entries(NAT_KINDS)
    .map(([kind, what]) => `  ${kind.padEnd(20)} ${what}`)
    .join("\n");

/** Adds `wgc lab` and its subcommands. */
export function addLabCommand(program: Command, project: string): void {
  const lab = program
    .command("lab")
    .description("keep a whole cluster running on this machine, for hand work")
    .enablePositionalOptions() // what follows the machine's name in `lab exec` belongs to the program there
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc lab up\n  $ ./wgc lab join alice\n  $ ./wgc lab fault crash s1",
    );
  lab
    .command("up")
    .description("plan a stack and start it in the background")
    .option("-s, --stack <name>", "stack to realise", "dev")
    .option("--addressing <mode>", `${ADDRESSING.join(" or ")}, whatever the stack says`)
    .option("--boot", "each server boots Debian under systemd, through cloud-init (root; slower)")
    .option("--replace", "let the group replace unhealthy servers, as on AWS")
    .option("-y, --yes", "install missing system packages without asking")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc lab up\n  $ ./wgc lab up --stack prod --replace\n  $ ./wgc lab up --addressing routed\n  $ sudo ./wgc lab up --boot",
    )
    .action((options) => up(project, options));
  lab
    .command("status")
    .description("show servers, clients, and which server each route table leads to")
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExamples:\n  $ ./wgc lab status\n  $ ./wgc lab status --json")
    .action(async (options: { json?: boolean }) => {
      const status = await withLab(project, (lab) => lab.call<LabStatus>("status"));
      options.json ? printJson(status) : print(renderStatus(status));
    });
  lab
    .command("exec <machine> <command...>")
    .description("run a program in a machine of the lab: a server, a client, 'backend' or 'internet'")
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc lab exec s1 wg show\n  $ ./wgc lab exec alice ping -c 3 10.0.0.200",
    )
    .action((machine: string, command: string[]) => execute(project, machine, command));
  lab
    .command("fault <kind> [arguments...]")
    .description("make something go wrong, or end it")
    .addHelpText(
      "after",
      `\nFaults:\n${faultHelp()}\n\nExamples:\n  $ ./wgc lab fault crash s1\n  $ ./wgc lab fault start s1`,
    )
    .action((kind: string, words: string[]) => act(project, "fault", parseFault([kind, ...words]), false));
  lab
    .command("join <client>")
    .description("add a client to the registry and connect it")
    .addOption(
      new Option("--nat <kind>", "what stands between it and the internet")
        .choices(Object.keys(NAT_KINDS))
        .default("strict"),
    )
    .option("--json", "print what it took as JSON")
    .addHelpText(
      "after",
      `\nKinds of --nat:\n${natHelp()}\n\nExamples:\n  $ ./wgc lab join alice\n  $ ./wgc lab join bob --nat full-cone --json`,
    )
    .action((name: string, options: { nat: NatKind; json?: boolean }) =>
      act(project, "join", { name, nat: options.nat }, options.json === true),
    );
  lab
    .command("roam <client>")
    .description(
      "let the client's router forget its mapping: its packets come from another port, to another server",
    )
    .option("--json", "print what happened, with times on the lab's clock, as JSON")
    .addHelpText("after", "\nExamples:\n  $ ./wgc lab roam alice\n  $ ./wgc lab roam alice --json")
    .action((name: string, options: { json?: boolean }) =>
      act(project, "roam", { name }, options.json === true),
    );
  lab
    .command("revoke <client>")
    .description("revoke a client")
    .option("--json", "print what it took as JSON")
    .addHelpText("after", "\nExamples:\n  $ ./wgc lab revoke alice")
    .action((name: string, options: { json?: boolean }) =>
      act(project, "revoke", { name }, options.json === true),
    );
  lab
    .command("vm <command...>")
    .description("run a command of this checkout in a virtual machine, whose kernel has WireGuard")
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc lab vm ./wgc demo\n  $ ./wgc lab vm sh -c 'ip link add wg0 type wireguard && wg'",
    )
    .action((command: string[]) => commandInVm(project, command));
  lab
    .command("down")
    .description("end the lab and everything in it")
    .addHelpText("after", "\nExamples:\n  $ ./wgc lab down")
    .action(() => down(project));
}
