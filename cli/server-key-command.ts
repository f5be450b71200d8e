/** `wgc server-key`: another key pair for the servers, while clients go on working. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { ServerKeyStatus, ServerKeyView } from "../control/answers";
import type { Input } from "../control/protocol";
import { EXIT, EXIT_HELP } from "./exit-codes";
import { announced, confirmed, type Operator, type TargetOptions } from "./operator";
import { withControl, withTarget } from "./target";

type Action = NonNullable<Input<"serverKey">["action"]>;

interface KeyOptions extends TargetOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What `wgc server-key ... --json` prints. */
export interface ServerKeyJson {
  readonly revision: number;
  readonly phase: ServerKeyStatus["phase"];
  readonly current: ServerKeyView;
  readonly next: ServerKeyView | null;
  readonly startedAt: string | null;
  readonly moved: number;
  readonly waiting: number;
  readonly waitingFor: readonly string[];
  readonly serversWithout: readonly string[];
  readonly serversSilent: readonly string[];
}

/** Names that are listed; the rest is counted. */
const NAMED = 20;

function renderStatus(status: ServerKeyJson): string {
  const lines = [`current  ${status.current.publicKey}  ${status.current.endpoint}`];
  const servers = withoutKey(status);
  if (status.next === null) return [...lines, "no rotation is under way", ...servers].join("\n");
  lines.push(`next     ${status.next.publicKey}  ${status.next.endpoint}  since ${status.startedAt ?? "?"}`);
  const all = status.moved + status.waiting;
  lines.push("", `${status.moved} of ${all} active clients have used the next key`);
  if (status.waiting > 0) {
    const names = status.waitingFor.slice(0, NAMED);
    const more = status.waiting - names.length;
    lines.push(
      `not yet: ${names.join(", ")}${more > 0 ? ` and ${more} more (--json names up to 1,000)` : ""}`,
    );
  }
  return [...lines, ...servers].join("\n");
}

/** Servers that are without the key that counts, or will. */
function withoutKey({ next, serversWithout, serversSilent }: ServerKeyJson): string[] {
  const key = next === null ? "the key" : "the next key";
  return [
    ...(serversWithout.length === 0 ? [] : [`servers without ${key}: ${serversWithout.join(", ")}`]),
    ...(serversSilent.length === 0
      ? []
      : [
          `silent, and not known to have ${key}: ${serversSilent.join(", ")} (one that comes back without it is out of service and has to be replaced)`,
        ]),
  ];
}

/** What comes next, for the person who has just done a step. */
const NEXT: Readonly<Record<Action, string>> = {
  status: "",
  begin:
    "both keys are served now; give every client its new configuration (./wgc client config NAME), then: ./wgc server-key finish",
  finish:
    "the servers go over to the key within seconds; ./wgc server-key status names those that have not, ./wgc status says why",
  abort: "the next key is gone; clients that use it already need their former configuration back",
};

async function act(operator: Operator, action: Action, options: KeyOptions): Promise<void> {
  const { terminal } = operator;
  await withControl(operator, options, async ({ control, label }) => {
    const call = async (input: Input<"serverKey">): Promise<ServerKeyJson> => {
      const key = input.action === "status" ? {} : { requestKey: randomUUID() };
      const asked = control.call("serverKey", input, key);
      const { revision, result } = await announced(terminal, `asking ${label}`, asked);
      return { revision, ...result, next: result.next ?? null, startedAt: result.startedAt ?? null };
    };
    if (action === "finish" || action === "abort") {
      if (!options.yes && !terminal.interactive) await confirmed(terminal, false, "");
      const before = await call({ action: "status" });
      if (action === "finish") for (const line of withoutKey(before)) terminal.err(`${line}\n`);
      if (!options.yes && !(await confirmed(terminal, false, question(action, before))))
        return operator.exit(EXIT.error);
    }
    const status = await call({ action, ...(options.force ? { force: true } : {}) });
    if (options.json) terminal.out(`${JSON.stringify(status, null, 2)}\n`);
    else {
      terminal.out(`${renderStatus(status)}\n`);
      if (NEXT[action] !== "") terminal.err(`${NEXT[action]}\n`);
    }
  });
}

function question(action: "finish" | "abort", { moved, waiting }: ServerKeyJson): string {
  if (action === "abort") {
    const lost =
      moved === 1
        ? "The 1 client that uses the next key loses its"
        : `The ${moved} clients that use the next key lose their`;
    return `give the rotation up?${moved === 0 ? "" : ` ${lost} connection.`}`;
  }
  const left =
    waiting === 1
      ? "1 client has not moved and loses its"
      : `${waiting} clients have not moved and lose their`;
  return `finish the rotation?${waiting === 0 ? "" : ` ${left} connection.`} The current key is gone for good then.`;
}

/** Adds `wgc server-key` and its subcommands. */
export function addServerKeyCommand(program: Command, operator: Operator): void {
  const group = program
    .command("server-key")
    .description("replace the servers' key pair in steps, while clients go on working")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc server-key begin --stack prod\n  $ ./wgc server-key status --stack prod\n  $ ./wgc server-key finish --stack prod",
    );
  const steps: Readonly<Record<Action, string>> = {
    status: "show the key, and during a rotation who has not moved",
    begin: "make the next key and serve it beside the current one",
    finish:
      "the next key becomes the current one; refused while clients or servers are without it, unless --force",
    abort: "give the next key up",
  };
  for (const action of ["status", "begin", "finish", "abort"] as const) {
    const step = withTarget(group.command(action).description(steps[action])).option(
      "--json",
      "print as JSON",
    );
    if (action === "finish")
      step.option("--force", "also while clients have not moved, or servers have not got the next key");
    if (action === "finish" || action === "abort") step.option("-y, --yes", "do not ask");
    step
      .addHelpText("after", `\nExamples:\n  $ ./wgc server-key ${action} --stack prod\n${EXIT_HELP}`)
      .action((options: KeyOptions) => act(operator, action, options));
  }
}
