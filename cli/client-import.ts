/** `wgc client import`: clients of another system, first as a report, then for real. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import pc from "picocolors";
import { UserError } from "../config/errors";
import type { ImportOutcome } from "../control/answers";
import type { ImportEntry } from "../control/protocol";
import { type ImportFormat, importFormats, type Parsed, parseImport } from "../import";
import { reasonOf } from "./client-files";
import { fitted } from "./client-table";
import { EXIT, EXIT_HELP } from "./exit-codes";
import { announced, type Control, type Operator, type TargetOptions } from "./operator";
import { visible } from "./output";
import { withControl, withTarget } from "./target";

interface ImportOptions extends TargetOptions {
  readonly format?: ImportFormat;
  readonly apply?: boolean;
  readonly json?: boolean;
}

/** Clients of one request: far below what an invocation takes, and soon enough done. */
const BATCH = 1000;
/** 100,000 clients are less; whatever is larger is no list of clients. */
const MOST_BYTES = 200_000_000;

/** What is printed as JSON. */
export interface ImportJson {
  readonly file: string;
  readonly format: ImportFormat;
  readonly applied: boolean;
  readonly revision: number;
  readonly counts: Readonly<Record<ImportOutcome["outcome"], number>>;
  readonly clients: readonly ImportOutcome[];
  readonly notes: readonly string[];
}

async function readImport(file: string, format: ImportFormat | undefined): Promise<Parsed> {
  let text: string;
  try {
    const bytes = await readFile(file === "-" ? "/dev/stdin" : file);
    if (bytes.length > MOST_BYTES)
      throw new UserError(`${file}: has ${bytes.length} bytes; that is no list of clients`);
    text = bytes.toString("utf8");
  } catch (error) {
    if (error instanceof UserError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new UserError(`${file} cannot be read: ${missing ? "there is no such file" : reasonOf(error)}`);
  }
  try {
    return parseImport(text, format === undefined ? {} : { format });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${file}: ${error.message}`) : error;
  }
}

/**
 * Addresses that nobody of one batch may get: those that later batches want to keep, and those that earlier ones would have been
 * given, of which a dry run leaves no trace in the registry. Who wants one first gets it, whatever comes later.
 */
function promisedTo(
  others: Iterable<string>,
  batch: readonly ImportEntry[],
  later: readonly ImportEntry[],
): string[] {
  const own = new Set(batch.flatMap(({ addresses }) => addresses));
  const wanted = later.flatMap(({ addresses }) => addresses).filter((address) => !own.has(address));
  return [...new Set([...others, ...wanted])];
}

/** Sends the entries in batches. */
async function send(
  control: Control,
  entries: readonly ImportEntry[],
  dryRun: boolean,
): Promise<{ outcomes: ImportOutcome[]; revision: number }> {
  const outcomes: ImportOutcome[] = [];
  const given: string[] = [];
  let revision = 0;
  for (let at = 0; at < entries.length; at += BATCH) {
    const clients = entries.slice(at, at + BATCH);
    const promised = promisedTo(given, clients, entries.slice(at + BATCH));
    const input = { clients, dryRun, ...(promised.length === 0 ? {} : { promised }) };
    try {
      const answer = await control.call("import", input, { requestKey: randomUUID() });
      outcomes.push(...answer.result.outcomes);
      if (dryRun) given.push(...answer.result.outcomes.flatMap(({ addresses }) => addresses));
      revision = answer.revision;
    } catch (error) {
      if (dryRun || at === 0) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UserError(
        `${at} of ${entries.length} clients are imported, then it failed: ${reason}; run the same command again: those that are there are left alone`,
        { cause: error },
      );
    }
  }
  return { outcomes, revision };
}

function reportOf(
  file: string,
  parsed: Parsed,
  applied: boolean,
  sent: { outcomes: ImportOutcome[]; revision: number },
): ImportJson {
  const unreadable = parsed.refused.map(
    ({ where, reason }): ImportOutcome => ({
      name: where,
      outcome: "refused",
      reasons: [reason],
      addresses: [],
    }),
  );
  const clients = [...sent.outcomes, ...unreadable];
  const count = (outcome: ImportOutcome["outcome"]): number =>
    clients.filter((client) => client.outcome === outcome).length;
  return {
    file,
    format: parsed.format,
    applied,
    revision: sent.revision,
    counts: {
      kept: count("kept"),
      changed: count("changed"),
      present: count("present"),
      refused: count("refused"),
    },
    clients,
    notes: parsed.notes,
  };
}

const COLOURS: Readonly<Record<ImportOutcome["outcome"], (text: string) => string>> = {
  kept: pc.green,
  changed: pc.yellow,
  present: pc.dim,
  refused: pc.red,
};

function printReport(operator: Operator, report: ImportJson): void {
  const { terminal } = operator;
  const rows = report.clients.map(({ name, outcome, addresses, reasons }) => [
    name,
    COLOURS[outcome](outcome),
    addresses.join(" ").replaceAll(/\/(32|128)\b/g, "") || "-",
    reasons.join("; "),
  ]);
  // Reasons are what this table is for: they are never cut.
  if (rows.length > 0)
    terminal.out(`${fitted(["client", "outcome", "address", "why"], rows, undefined)}\n\n`);
  for (const note of report.notes) terminal.out(`note: ${visible(note)}\n`);
  const { kept, changed, present, refused } = report.counts;
  terminal.out(
    `${kept} kept as they are, ${changed} changed, ${present} present already, ${refused} refused\n`,
  );
  if (!report.applied && kept + changed > 0)
    terminal.out(`nothing has been changed yet; add --apply to import ${kept + changed}\n`);
}

async function importFile(operator: Operator, file: string, options: ImportOptions): Promise<void> {
  const { terminal } = operator;
  const parsed = await readImport(file, options.format);
  await withControl(operator, options, async ({ control, label }) => {
    const dryRun = options.apply !== true;
    const what = `${dryRun ? "checking" : "importing"} ${parsed.entries.length} clients in ${label}`;
    const [sent, foreignKey] = await announced(
      terminal,
      what,
      Promise.all([send(control, parsed.entries, dryRun), otherServerKey(control, parsed)]),
    );
    const notes = foreignKey === undefined ? parsed.notes : [...parsed.notes, foreignKey];
    const report = reportOf(file, { ...parsed, notes }, !dryRun, sent);
    if (options.json) terminal.out(`${JSON.stringify(report, null, 2)}\n`);
    else printReport(operator, report);
    if (report.counts.refused > 0) operator.exit(EXIT.findings);
  });
}

/** Devices know their server by its key: with another one they need new configurations. */
async function otherServerKey(control: Control, parsed: Parsed): Promise<string | undefined> {
  if (parsed.serverPublicKey === undefined) return undefined;
  const { cluster } = (await control.call("export", { limit: 1 })).result;
  if (cluster.publicKey === parsed.serverPublicKey) return undefined;
  return "the cluster has another server key than the file: every device needs the new one and the new endpoint (./wgc client config NAME)";
}

/** Adds `wgc client import`. */
export function addImportCommand(client: Command, operator: Operator): void {
  withTarget(
    client
      .command("import <file>")
      .description(
        "take clients over from wg-quick, wg-easy or WireGuard Portal; without --apply it only reports",
      ),
  )
    .addOption(new Option("--format <name>", "what the file is (default: found out)").choices(importFormats))
    .option("--apply", "do it")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
Outcomes:
  kept      taken over as it is
  changed   taken over with something different, as 'why' says
  present   there already
  refused   left out, as 'why' says

Examples:
  $ ./wgc client import /etc/wireguard/wg0.conf --stack prod
  $ ./wgc client import wg0.json --stack prod --apply
${EXIT_HELP}`,
    )
    .action((file: string, options: ImportOptions) => importFile(operator, file, options));
}
