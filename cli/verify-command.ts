/** `wgc verify`: a smoke test of a deployed stack, or of the lab, from end to end. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, UsageError } from "./exit-codes";
import { finishFirst } from "./finish-first";
import { withLab } from "./lab-command";
import type { Operator, Target } from "./operator";
import { withControl } from "./target";
import { type VerifyReport, type VerifyWorld, verifyCluster } from "./verify/steps";

interface VerifyOptions {
  readonly stack?: string;
  readonly lab?: boolean;
  readonly drain?: boolean;
  readonly json?: boolean;
}

/** The lab's servers are told this port by the stacks' default. */
const LAB_HEALTH_PORT = 8080;

const PUT_BACK_FIRST =
  "what was begun is put back first, then this ends; once more ends it at once, and a drained server stays drained";

const HELP = `
Deploys nothing and changes nothing for good: a client is added for a quarter of an hour and removed at the end. Handshakes come
from this machine, in user space; servers are asked through Session Manager (AWS CLI and its Session Manager plugin).

Examples:
  $ ./wgc verify --stack dev
  $ ./wgc verify --stack dev --drain      also take a server out of service, with the client going on; its group may replace it then
  $ ./wgc verify --lab --drain --json

Exit codes:
  0  everything works
  1  it could not be tried; the message says what is wrong
  2  the command line is wrong
  3  something does not work; the report says what
  130, 143  interrupted; what was begun has been put back`;

/** Adds `wgc verify`. */
export function addVerifyCommand(program: Command, project: string, operator: Operator): void {
  program
    .command("verify")
    .description("try a deployed stack from end to end: endpoint, handshake, health of each server, drain")
    .option("-s, --stack <name>", "a deployed stack; needs AWS credentials, the Pulumi CLI and the AWS CLI")
    .option("--lab", "the running lab")
    .option("--drain", "also drain a server for a minute, and put it back")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action((options: VerifyOptions) => verify(project, operator, options));
}

async function verify(project: string, operator: Operator, options: VerifyOptions): Promise<void> {
  const { stack, lab } = options;
  if ((lab === true) === (stack !== undefined))
    throw new UsageError("say what to try: either --stack <name> or --lab");
  await withControl(operator, stack === undefined ? { lab: true } : { stack }, async (target) => {
    if (stack === undefined) {
      const { labWorld } = await import("./verify/lab-world.js");
      await withLab(project, (rpc) =>
        tryOut(operator, labWorld(rpc, target.control, LAB_HEALTH_PORT), options),
      );
    } else await tryOut(operator, await stackOf(project, stack, target), options);
  });
}

async function stackOf(project: string, stack: string, target: Target): Promise<VerifyWorld> {
  const { stackWorld } = await import("./verify/stack-world.js");
  return stackWorld(project, stack, target.control);
}

async function tryOut(operator: Operator, world: VerifyWorld, { drain, json }: VerifyOptions): Promise<void> {
  const name = `verify-${randomBytes(3).toString("hex")}`;
  const progress = (text: string): void => operator.terminal.err(`${pc.dim("wgc:")} ${text}\n`);
  await finishFirst(operator.terminal.err, PUT_BACK_FIRST, async (signal) => {
    const report = await verifyCluster(world, { name, drain: drain === true, progress, signal });
    operator.terminal.out(json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
    if (!report.ok) operator.exit(EXIT.findings);
  });
}

/** One line a step. */
export function renderReport({ label, ok, steps }: VerifyReport): string {
  const lines = steps.map(
    ({ step, ok: fine, found }) => `${fine ? pc.green("✓") : pc.red("✗")} ${step}: ${found}`,
  );
  return `${[...lines, ok ? `${label} works` : `${label} does not work`].join("\n")}\n`;
}
