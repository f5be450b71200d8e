/** `wgc client revoke`, `restore`, `remove` and `update`. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { ClientView } from "../control/answers";
import type { Input } from "../control/protocol";
import { type ChangedJson, clientJson } from "./client-json";
import {
  collect,
  collectTag,
  parseDns,
  parseExpiry,
  parseRoutes,
  type RouteOptions,
  waitLimit,
  withWait,
} from "./client-options";
import { expiryPhrase, ipv6Note } from "./client-table";
import { renderWait, type WaitReport, waitIfAsked } from "./client-wait";
import { EXIT_HELP, UsageError } from "./exit-codes";
import { announced, type Control, confirmed, type Operator, type TargetOptions } from "./operator";
import { withControl, withTarget } from "./target";

interface ChangeOptions extends TargetOptions {
  readonly wait?: string | boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** What a change gave: the client after it, or nothing where it is gone. */
interface Outcome {
  readonly revision: number;
  readonly client: ClientView | undefined;
}

interface Change {
  /** Asked before, with what is known about the client. */
  question?(client: ClientView): string;
  make(control: Control, requestKey: string): Promise<Outcome>;
  /** What to say afterwards. */
  told(outcome: Outcome): string;
}

async function apply(
  operator: Operator,
  name: string,
  options: ChangeOptions,
  change: Change,
): Promise<void> {
  const { terminal } = operator;
  const limit = waitLimit(options.wait);
  // Where nobody can be asked, nothing has to be looked up for the question.
  if (change.question && !options.yes && !terminal.interactive) await confirmed(terminal, false, "");
  await withControl(operator, options, async ({ control, label }) => {
    if (change.question && !options.yes) {
      const { client } = (await announced(terminal, `asking ${label}`, control.call("show", { name })))
        .result;
      if (!(await confirmed(terminal, false, change.question(client)))) return operator.exit(1);
    }
    const since = operator.elapsed();
    const outcome = await announced(terminal, `asking ${label}`, change.make(control, randomUUID()));
    if (!options.json) {
      terminal.out(`${change.told(outcome)}\n`);
      const note = ipv6Note(outcome.client?.routes);
      if (note !== undefined) terminal.err(`${note}\n`);
    }
    const waiting = waitIfAsked(operator, control, outcome.revision, limit, since);
    const wait = await announced(terminal, "waiting for the servers", waiting);
    if (options.json) terminal.out(`${JSON.stringify(documentOf(name, outcome, wait), null, 2)}\n`);
    else if (wait !== null) terminal[wait.complete ? "out" : "err"](`${renderWait(wait)}\n`);
  });
}

/** `remove` leaves nothing but the name. */
function documentOf(
  name: string,
  { client, revision }: Outcome,
  wait: WaitReport | null,
): ChangedJson | { name: string; revision: number; wait: WaitReport | null } {
  return client === undefined ? { name, revision, wait } : { client: clientJson(client), revision, wait };
}

function revoke(name: string): Change {
  return {
    question: (client) =>
      `revoke ${name} (${client.addresses.join(", ")})? Its sessions end on every server within seconds; ./wgc client restore ${name} takes it back.`,
    async make(control, requestKey) {
      const { revision, result } = await control.call("revoke", { name }, { requestKey });
      return { revision, client: result.client };
    },
    told: ({ revision }) => `${name} revoked (revision ${revision})`,
  };
}

function restore(name: string, now: Date): Change {
  return {
    async make(control, requestKey) {
      const { revision, result } = await control.call("restore", { name }, { requestKey });
      return { revision, client: result.client };
    },
    told: ({ revision, client }) =>
      `${name} restored (revision ${revision})${client?.state === "expired" ? `, but it ${expiryPhrase(client, now)}: ./wgc client update ${name} --expires 30d` : ""}`,
  };
}

function remove(name: string): Change {
  return {
    question: (client) =>
      `remove ${name} for good? Its address ${client.addresses.join(", ")} and its keys become free; this cannot be taken back.`,
    async make(control, requestKey) {
      const { revision } = await control.call("remove", { name }, { requestKey });
      return { revision, client: undefined };
    },
    told: ({ revision }) => `${name} removed (revision ${revision})`,
  };
}

interface UpdateOptions extends ChangeOptions, RouteOptions {
  readonly expires?: string;
  readonly dns?: string;
  readonly tag?: Readonly<Record<string, string>>;
  readonly untag?: readonly string[];
}

function updateInput(name: string, options: UpdateOptions, now: Date): Input<"update"> {
  const routes = parseRoutes(options);
  const dns = parseDns(options.dns);
  const { tag = {}, untag = [] } = options;
  const both = untag.find((key) => Object.hasOwn(tag, key));
  if (both !== undefined) throw new UsageError(`--untag ${both}: --tag ${both}=... sets it at the same time`);
  const tags = { ...tag, ...Object.fromEntries(untag.map((key) => [key, null])) };
  const input: Input<"update"> = {
    name,
    ...(routes === undefined ? {} : { routes }),
    ...(dns === undefined ? {} : { dns }),
    ...(options.expires === undefined ? {} : { expiresAt: parseExpiry(options.expires, now) }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
  if (Object.keys(input).length > 1) return input;
  throw new UsageError(
    "say what is to change: --expires, --routes, --full-tunnel, --split-tunnel, --dns, --tag or --untag",
  );
}

function update(name: string, input: Input<"update">): Change {
  const inFile = input.routes !== undefined || input.dns !== undefined;
  return {
    async make(control, requestKey) {
      const { revision, result } = await control.call("update", input, { requestKey });
      return { revision, client: result.client };
    },
    told: ({ revision }) =>
      `${name} updated (revision ${revision})${inFile ? "; its device needs a new configuration: ./wgc client config" : ""}`,
  };
}

function finish(command: Command, examples: string): Command {
  return withTarget(withWait(command))
    .option("--json", "print what was done as JSON")
    .addHelpText("after", `\nExamples:\n${examples}\n${EXIT_HELP}`);
}

/** Adds `wgc client revoke`, `restore`, `remove` and `update`. */
export function addChangeCommands(client: Command, operator: Operator): void {
  finish(
    client.command("revoke <name>").description("end a client's access; its address stays its own"),
    "  $ ./wgc client revoke alice --stack prod\n  $ ./wgc client revoke alice --stack prod --yes --wait",
  )
    .option("-y, --yes", "do not ask")
    .action((name: string, options: ChangeOptions) => apply(operator, name, options, revoke(name)));
  finish(
    client.command("restore <name>").description("take a revocation back"),
    "  $ ./wgc client restore alice --stack prod --wait",
  ).action((name: string, options: ChangeOptions) =>
    apply(operator, name, options, restore(name, operator.now())),
  );
  finish(
    client.command("remove <name>").description("forget a client; its address and keys become free"),
    "  $ ./wgc client remove alice --stack prod",
  )
    .option("-y, --yes", "do not ask")
    .action((name: string, options: ChangeOptions) => apply(operator, name, options, remove(name)));
  finish(
    client.command("update <name>").description("change a client's routes, DNS, tags or expiry"),
    "  $ ./wgc client update alice --stack prod --expires 90d\n  $ ./wgc client update alice --lab --tag team=dev --untag trial --wait",
  )
    .option("--expires <when>", "30d, 2027-01-31 (that day included, UTC), or never")
    .option("--routes <ranges>", "what it reaches through the tunnel, separated by commas")
    .option("--full-tunnel", "everything through the tunnel (IPv4)")
    .option("--split-tunnel", "the cluster's own routes")
    .option("--dns <list>", "its DNS servers and search domains; 'cluster' for the cluster's own")
    .option("--tag <key=value>", "set a tag (repeatable)", collectTag)
    .option("--untag <key>", "take a tag away (repeatable)", collect)
    .action((name: string, options: UpdateOptions) =>
      apply(operator, name, options, update(name, updateInput(name, options, operator.now()))),
    );
}
