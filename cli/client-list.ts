/** `wgc client list`, `show` and `export`: looking, changing nothing. */
import { type Command, Option } from "commander";
import { type ClientState, type ClientView, clientStates, type Results } from "../control/answers";
import type { Input } from "../control/protocol";
import { clientJson, shownJson } from "./client-json";
import { collectTag, parseMoment, parseNumber } from "./client-options";
import { clientDetails, clientTable } from "./client-table";
import { EXIT, EXIT_HELP, UsageError } from "./exit-codes";
import { announced, type Control, type Operator, type TargetOptions } from "./operator";
import { withControl, withTarget } from "./target";

/** Most clients that one request brings. */
const PAGE = 1000;
/** What a table shows without `--all`: more is not read by anybody. */
const SHOWN = 100;

interface ListOptions extends TargetOptions {
  readonly state?: ClientState;
  readonly tag?: Readonly<Record<string, string>>;
  readonly expiresBefore?: string;
  readonly search?: string;
  readonly limit?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

type Filter = Omit<Input<"list">, "after" | "limit">;

function filterOf(options: ListOptions, now: Date): Filter {
  const before =
    options.expiresBefore === undefined
      ? undefined
      : parseMoment("--expires-before", options.expiresBefore, now);
  if (before === null) throw new UsageError("--expires-before never: give a time; 'never' comes before none");
  return {
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(before === undefined ? {} : { expiresBefore: before }),
    ...(options.search === undefined ? {} : { search: options.search }),
  };
}

/** As many clients as wanted, page by page. */
export async function readClients(
  control: Control,
  filter: Filter,
  most: number,
): Promise<{ clients: ClientView[]; total: number; broken: Set<string> }> {
  const clients: ClientView[] = [];
  const broken = new Set<string>();
  let after: string | undefined;
  for (;;) {
    const limit = Math.min(PAGE, most - clients.length);
    const page = { ...filter, limit, ...(after === undefined ? {} : { after }) };
    const { result } = await control.call("list", page);
    clients.push(...result.clients);
    for (const name of result.broken ?? []) broken.add(name);
    after = result.next;
    if (after !== undefined && clients.length < most) continue;
    // A page knows its own broken clients, and counts those of the pages before.
    const counted = [...broken].filter((name) => result.broken?.includes(name) !== true);
    return { clients, total: result.total - counted.length, broken };
  }
}

/** Names of broken clients that a warning has. */
const NAMED = 5;

/** Says which clients an answer lacks, and that it does by the exit code too: nobody shall take it for complete. */
function warnOfBroken({ terminal, exit }: Operator, broken: ReadonlySet<string>): void {
  if (broken.size === 0) return;
  const names = [...broken].slice(0, NAMED).join(", ") + (broken.size > NAMED ? ", ..." : "");
  const what =
    broken.size === 1 ? "1 client is left out: its file" : `${broken.size} clients are left out: their files`;
  terminal.err(`${what} cannot be read (${names}); look with: ./wgc registry check\n`);
  exit(EXIT.findings);
}

async function list(operator: Operator, options: ListOptions): Promise<void> {
  if (options.all && options.limit !== undefined) throw new UsageError("give only one of --all and --limit");
  const filter = filterOf(options, operator.now());
  const everything = options.all === true || (options.json === true && options.limit === undefined);
  const shown = options.limit === undefined ? SHOWN : parseNumber("--limit", options.limit, 1, 1_000_000);
  const most = everything ? Number.POSITIVE_INFINITY : shown;
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const { clients, total, broken } = await announced(
      terminal,
      `asking ${label}`,
      readClients(control, filter, most),
    );
    warnOfBroken(operator, broken);
    if (options.json) {
      terminal.out(
        `${JSON.stringify({ total, clients: clients.map(clientJson), broken: [...broken] }, null, 2)}\n`,
      );
      return;
    }
    if (clients.length === 0) {
      const filtered = Object.keys(filter).length > 0;
      terminal.out(
        filtered ? "no client matches\n" : "no clients yet; add one with: ./wgc client add NAME\n",
      );
      return;
    }
    terminal.out(`${clientTable(clients, operator.now(), terminal.columns)}\n`);
    const rest = total - clients.length;
    terminal.err(
      `${total === 1 ? "1 client" : `${total} clients`}${rest > 0 ? `, ${rest} not shown (--all shows them)` : ""}\n`,
    );
  });
}

interface ShowOptions extends TargetOptions {
  readonly json?: boolean;
}

async function show(operator: Operator, name: string, options: ShowOptions): Promise<void> {
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const { result } = await announced(terminal, `asking ${label}`, control.call("show", { name }));
    if (options.json) terminal.out(`${JSON.stringify(shownJson(result), null, 2)}\n`);
    else terminal.out(`${clientDetails(result, operator.now())}\n`);
  });
}

interface ExportOptions extends TargetOptions {
  readonly json?: boolean;
  readonly csv?: boolean;
}

type Exported = Pick<Results["export"], "cluster" | "clients"> & { readonly broken: ReadonlySet<string> };

async function readExport(control: Control): Promise<Exported> {
  const clients: ClientView[] = [];
  const broken = new Set<string>();
  let after: string | undefined;
  for (;;) {
    const { result } = await control.call("export", {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    clients.push(...result.clients);
    for (const name of result.broken ?? []) broken.add(name);
    after = result.next;
    if (after === undefined) return { cluster: result.cluster, clients, broken };
  }
}

async function exportAll(operator: Operator, options: ExportOptions): Promise<void> {
  if (options.json && options.csv) throw new UsageError("give only one of --json and --csv");
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const { cluster, clients, broken } = await announced(terminal, `asking ${label}`, readExport(control));
    warnOfBroken(operator, broken);
    if (options.csv) terminal.out(csvOf(clients));
    else
      terminal.out(
        `${JSON.stringify({ cluster, clients: clients.map(clientJson), broken: [...broken] }, null, 2)}\n`,
      );
    terminal.err(`${clients.length} clients, without secrets\n`);
  });
}

/** The columns of `export --csv`; lists are separated by blanks. */
export const CSV_COLUMNS = [
  "name",
  "state",
  "publicKey",
  "hasPresharedKey",
  "addresses",
  "routes",
  "dns",
  "createdAt",
  "expiresAt",
  "revokedAt",
  "tags",
] as const;

/** Clients as CSV (RFC 4180). */
export function csvOf(clients: readonly ClientView[]): string {
  const lines = clients.map((view) => {
    const client = clientJson(view);
    return CSV_COLUMNS.map((column) => {
      const value = client[column];
      if (value === null) return "";
      if (Array.isArray(value)) return csvCell(value.join(" "));
      return csvCell(typeof value === "object" ? JSON.stringify(value) : String(value));
    }).join(",");
  });
  return [CSV_COLUMNS.join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Adds `wgc client list`, `show` and `export`. */
export function addListCommands(client: Command, operator: Operator): void {
  withTarget(client.command("list").description("list clients"))
    .addOption(new Option("--state <state>", "only clients in this state").choices(clientStates))
    .option("--tag <key=value>", "only clients with this tag (repeatable: with all of them)", collectTag)
    .option("--expires-before <when>", "only clients whose access ends before: 30d, 2027-01-31")
    .option("--search <text>", "only clients with this in their name")
    .option("--limit <count>", `most clients to show (default ${SHOWN}; --json: all)`)
    .option("--all", "show all")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc client list --stack prod\n  $ ./wgc client list --stack prod --tag team=ops --expires-before 14d\n  $ ./wgc client list --lab --state revoked --json\n${EXIT_HELP}`,
    )
    .action((options: ListOptions) => list(operator, options));
  withTarget(client.command("show <name>").description("show everything about one client"))
    .option("--json", "print as JSON")
    .addHelpText("after", `\nExamples:\n  $ ./wgc client show alice --stack prod\n${EXIT_HELP}`)
    .action((name: string, options: ShowOptions) => show(operator, name, options));
  withTarget(client.command("export").description("print all clients, without private or preshared keys"))
    .option("--json", "print as JSON (the default)")
    .option("--csv", "print as CSV")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc client export --stack prod > clients.json\n  $ ./wgc client export --stack prod --csv > clients.csv\n${EXIT_HELP}`,
    )
    .action((options: ExportOptions) => exportAll(operator, options));
}
