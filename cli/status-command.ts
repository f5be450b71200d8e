/** `wgc status`: what each server has applied. */
import type { Command } from "commander";
import pc from "picocolors";
import type { NodeView } from "../control/answers";
import type { ServerJson } from "./client-json";
import { span } from "./client-table";
import { SILENT_SECONDS } from "./client-wait";
import { EXIT_HELP } from "./exit-codes";
import { announced, type Operator, type TargetOptions } from "./operator";
import { table, visible } from "./output";
import { withControl, withTarget } from "./target";

/** What `wgc status --json` prints. */
export interface StatusJson {
  readonly cluster: string;
  readonly endpoint: string;
  readonly revision: number;
  /** Whether every server that is there has everything and is healthy; false where none is there. */
  readonly current: boolean;
  readonly servers: readonly ServerJson[];
}

function serverJson(node: NodeView, revision: number): ServerJson {
  return {
    ...node,
    serverKey: node.serverKey ?? null,
    nextServerKey: node.nextServerKey ?? null,
    behind: Math.max(0, revision - node.revision),
    silent: node.ageSeconds > SILENT_SECONDS,
  };
}

/** A server's age for a table: its record is seconds old, or it has been away for longer. */
function age(seconds: number): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : span(seconds * 1000);
}

function row(server: ServerJson): string[] {
  const health = server.healthy ? pc.green("healthy") : pc.red("unhealthy");
  return [
    server.instance,
    String(server.revision),
    server.behind === 0 ? "-" : pc.yellow(String(server.behind)),
    String(server.peers),
    server.silent ? pc.red("silent") : health,
    server.version,
    age(server.ageSeconds),
  ];
}

/** One sentence about all servers. */
export function summary(status: StatusJson): string {
  const live = status.servers.filter((server) => !server.silent);
  const parts = [
    ...(status.servers.length === 0 ? ["no server has reported yet"] : []),
    ...state(
      "behind",
      live.filter((server) => server.behind > 0),
    ),
    ...state(
      "unhealthy",
      live.filter((server) => !server.healthy),
    ),
    ...state(
      "silent",
      status.servers.filter((server) => server.silent),
    ),
  ];
  if (parts.length > 0) return parts.join("; ");
  return live.length === 1 ? "the one server has everything" : `all ${live.length} servers have everything`;
}

function state(what: string, servers: readonly ServerJson[]): string[] {
  if (servers.length === 0) return [];
  return [`${servers.length} ${what}: ${servers.map((server) => server.instance).join(", ")}`];
}

async function status(operator: Operator, options: TargetOptions & { json?: boolean }): Promise<void> {
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const { revision, result } = await announced(terminal, `asking ${label}`, control.call("status", {}));
    const servers = result.nodes.map((node) => serverJson(node, revision));
    const live = servers.filter((server) => !server.silent);
    const current = live.length > 0 && live.every((server) => server.behind === 0 && server.healthy);
    const document: StatusJson = {
      cluster: result.cluster,
      endpoint: result.endpoint,
      revision,
      current,
      servers,
    };
    if (options.json) {
      terminal.out(`${JSON.stringify(document, null, 2)}\n`);
      return;
    }
    terminal.out(`${visible(result.cluster)} · ${result.endpoint} · revision ${revision}\n\n`);
    const head = ["server", "revision", "behind", "peers", "health", "version", "age"];
    if (servers.length > 0) terminal.out(`${table(head, servers.map(row))}\n\n`);
    const said = servers.flatMap(({ instance, problems, silent }) =>
      silent ? [] : problems.map((problem) => visible(`${instance}: ${problem}`)),
    );
    if (said.length > 0) terminal.out(`${said.join("\n")}\n\n`);
    terminal.out(`${current ? pc.green(summary(document)) : pc.yellow(summary(document))}\n`);
  });
}

/** Adds `wgc status`. */
export function addStatusCommand(program: Command, operator: Operator): void {
  withTarget(program.command("status").description("show what each server of a cluster has applied"))
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
A server writes its record at least every ten seconds; after ${SILENT_SECONDS} it counts as silent: it is gone, or the registry's file
system does not answer it.

Examples:
  $ ./wgc status --stack prod
  $ ./wgc status --lab --json
${EXIT_HELP}`,
    )
    .action((options: TargetOptions & { json?: boolean }) => status(operator, options));
}
