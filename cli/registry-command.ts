/** `wgc registry`: whether the registry is whole, and who changed what. */
import type { Command } from "commander";
import pc from "picocolors";
import type { AuditEntryView, CheckFinding } from "../control/answers";
import { parseNumber } from "./client-options";
import { fitted } from "./client-table";
import { EXIT, EXIT_HELP } from "./exit-codes";
import { type Answer, announced, type Control, type Operator, type TargetOptions } from "./operator";
import { addRegistryInit } from "./registry-init";
import { withControl, withTarget } from "./target";

interface CheckOptions extends TargetOptions {
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** What `wgc registry check --json` prints. */
export interface CheckJson {
  readonly clients: number;
  readonly findings: readonly CheckFinding[];
  /** How many of them are left after this run. */
  readonly left: number;
  /** Where the audit log ends (`number:hash`). */
  readonly head: string | null;
}

async function check(operator: Operator, options: CheckOptions): Promise<void> {
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const asked = control.call("check", { repair: options.repair === true });
    const {
      clients,
      findings,
      head = null,
    } = (await announced(terminal, `checking the registry of ${label}`, asked)).result;
    const left = findings.filter((finding) => !finding.repaired);
    if (left.length > 0) operator.exit(EXIT.findings);
    if (options.json) {
      const document: CheckJson = { clients, findings, left: left.length, head };
      terminal.out(`${JSON.stringify(document, null, 2)}\n`);
      return;
    }
    for (const finding of findings) terminal.out(`${renderFinding(finding)}\n`);
    if (findings.length > 0) terminal.out("\n");
    terminal.out(`${conclusion(clients, findings, left)}\n`);
    if (head !== null) terminal.err(`${pc.dim(`audit log's head: ${head}`)}\n`);
  });
}

/** A finding on three lines at most: its texts are too long for columns. */
function renderFinding({ path, problem, remedy, repairable, repaired }: CheckFinding): string {
  const mark = repaired ? pc.green("repaired") : repairable ? pc.yellow("repairable") : pc.red("by hand");
  return [`${mark}  ${path}`, `  ${problem}`, ...(repaired ? [] : [`  ${pc.dim(remedy)}`])].join("\n");
}

function conclusion(
  clients: number,
  findings: readonly CheckFinding[],
  left: readonly CheckFinding[],
): string {
  const head = `${clients} client${clients === 1 ? "" : "s"} checked`;
  if (findings.length === 0) return `${head}, ${pc.green("all is well")}`;
  const repaired = findings.length - left.length;
  const repairable = left.filter((finding) => finding.repairable).length;
  const parts = [
    ...(repaired > 0 ? [`${repaired} repaired`] : []),
    ...(repairable > 0 ? [`${repairable} can be repaired with --repair`] : []),
    ...(left.length > repairable ? [`${left.length - repairable} need a person`] : []),
  ];
  return `${head}: ${parts.join(", ")}`;
}

interface AuditOptions extends TargetOptions {
  readonly after: string;
  readonly limit?: string;
  readonly head?: string;
  readonly json?: boolean;
}

/** What `wgc registry audit --json` prints. */
export interface AuditJson {
  readonly intact: boolean;
  readonly problem: string | null;
  /** The last entry that holds (`number:hash`). */
  readonly head: string | null;
  readonly entries: readonly (Omit<AuditEntryView, "client" | "invocation"> & {
    readonly client: string | null;
    readonly invocation: string | null;
  })[];
}

const AUDIT_PAGE = 1000;

/** Entries page by page; a chain that is broken somewhere is not intact, whichever page says so. */
async function readAudit(
  control: Control,
  after: number,
  most: number,
  kept: string | undefined,
): Promise<AuditJson> {
  const entries: AuditJson["entries"][number][] = [];
  let intact = true;
  let problem: string | null = null;
  let head: string | null = null;
  let from: number | undefined = after;
  while (from !== undefined && entries.length < most) {
    const limit = Math.min(AUDIT_PAGE, most - entries.length);
    const { result }: Answer<"audit"> = await control.call("audit", {
      after: from,
      limit,
      ...(kept === undefined ? {} : { head: kept }),
    });
    for (const { client = null, invocation = null, ...entry } of result.entries)
      entries.push({ ...entry, client, invocation });
    intact &&= result.intact;
    problem ??= result.problem ?? null;
    head = result.head ?? null;
    from = result.next;
  }
  return { intact, problem, head, entries };
}

function auditRow(entry: AuditJson["entries"][number]): string[] {
  const change = entry.before === entry.after ? String(entry.after) : `${entry.before} → ${entry.after}`;
  return [
    String(entry.sequence),
    entry.time.replace("T", " ").replace(/(\.\d+)?Z$/, ""),
    entry.operation,
    entry.client ?? "-",
    change,
    // The account is the same everywhere, and --json has it all.
    entry.who.replace(/^arn:[\w-]+:(iam|sts)::\d+:/, ""),
    entry.changed.join(" ") || "-",
  ];
}

async function audit(operator: Operator, options: AuditOptions): Promise<void> {
  const after = parseNumber("--after", options.after, 0, 999_999_999);
  const most =
    options.limit === undefined
      ? Number.POSITIVE_INFINITY
      : parseNumber("--limit", options.limit, 1, 999_999_999);
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const log = await announced(
      terminal,
      `reading the audit log of ${label}`,
      readAudit(control, after, most, options.head),
    );
    if (!log.intact) operator.exit(EXIT.findings);
    if (options.json) {
      terminal.out(`${JSON.stringify(log, null, 2)}\n`);
      return;
    }
    const head = ["no.", "time (UTC)", "operation", "client", "revision", "who", "changed"];
    if (log.entries.length > 0)
      terminal.out(`${fitted(head, log.entries.map(auditRow), terminal.columns)}\n\n`);
    else terminal.out("no entries\n\n");
    terminal.out(
      log.intact
        ? `${pc.green("the chain is intact")}: each entry follows from the one before it, up to the one that the registry names\n`
        : `${pc.red("the chain is broken")}: ${log.problem ?? "an entry was changed or removed"}\n`,
    );
    if (log.head !== null) terminal.out(`head: ${log.head}\n`);
    if (log.intact && options.head === undefined) terminal.err(`${pc.dim(KEEP)}\n`);
  });
}

/** What the chain alone cannot show; the way to see it. */
const KEEP =
  "who can write the registry's files can write the whole log anew: keep the head elsewhere and give it next time (--head); the deployed function also logs it";

/** Adds `wgc registry` and its subcommands. */
export function addRegistryCommand(program: Command, operator: Operator): void {
  const registry = program
    .command("registry")
    .description("make a registry folder, check a cluster's registry, and read its audit log")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc registry check --stack prod\n  $ ./wgc registry audit --stack prod --after 100",
    );
  addRegistryInit(registry, operator);
  withTarget(registry.command("check").description("look for files that are damaged, missing or left over"))
    .option("--repair", "mend what can be mended")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc registry check --stack prod\n  $ ./wgc registry check --stack prod --repair\n${EXIT_HELP}`,
    )
    .action((options: CheckOptions) => check(operator, options));
  withTarget(
    registry.command("audit").description("show who changed what and when, and whether the log is whole"),
  )
    .option("--after <number>", "begin after this entry", "0")
    .option("--limit <count>", "most entries to show (default: all)")
    .option("--head <number:hash>", "a head that was kept: that entry must still be the same")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc registry audit --stack prod\n  $ ./wgc registry audit --stack prod --after 1200 --json\n${EXIT_HELP}`,
    )
    .action((options: AuditOptions) => audit(operator, options));
}
