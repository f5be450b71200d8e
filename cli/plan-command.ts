import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import { type Plan, runPlan } from "../plan";
import { estimateCost } from "../plan/cost";
import { renderGraph } from "../plan/graph";
import { renderTree } from "../plan/tree";

interface PlanOptions {
  readonly stack: string;
  readonly json?: boolean;
  readonly preview?: boolean;
  readonly graph?: string;
  readonly config: Readonly<Record<string, string>>;
}

const EXAMPLES = `
Examples:
  ./wgc plan                                  tree of what the dev stack makes, and what it costs
  ./wgc plan --stack prod --json > prod.json  every resource with its inputs, for scripts and reviews
  ./wgc plan --stack prod --graph prod.svg    picture of the architecture, drawn from the plan
  ./wgc plan --preview                        leave unknown what AWS decides, as "pulumi preview" does
  ./wgc plan --config wgc:maxServers=8        what if: override a config value for this plan

Runs the Pulumi program as it is, without the Pulumi CLI, an AWS account or the network. Values marked "secure:" in
Pulumi.<stack>.yaml cannot be decrypted without the stack's key; give a stand-in for them with --config.`;

/** Adds \`wgc plan\`: results go to stdout, progress to stderr. */
export function addPlanCommand(program: Command): void {
  program
    .command("plan")
    .description("show what the Pulumi program would make, without account or network")
    .option("--stack <name>", "stack whose Pulumi.<name>.yaml is used", "dev")
    .option("--json", "print the whole plan as JSON")
    .option("--preview", "leave unknown what AWS decides, instead of filling in stand-ins")
    .option("--graph <file.svg>", "also draw the architecture into this file")
    .option("--config <key=value>", "override one config value (repeatable)", addOverride, {})
    .addHelpText("after", EXAMPLES)
    .action(async (options: PlanOptions) => {
      await showPlan(options);
    });
}

function addOverride(text: string, previous: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new UserError(`--config ${text}: expected key=value, for example --config wgc:maxServers=8`);
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}

async function showPlan(options: PlanOptions): Promise<void> {
  const started = performance.now();
  const mode = options.preview ? "preview" : "resolved";
  const projectDir = join(__dirname, "..");
  const plan = await runPlan({ projectDir, stack: options.stack, mode, config: options.config });
  if (options.graph !== undefined) writeGraph(plan, options.graph);
  const cost = estimateCost(plan);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...plan, cost }, null, 2)}\n`
      : renderTree(plan, cost, process.stdout.isTTY === true),
  );
  for (const { severity, message } of plan.diagnostics) process.stderr.write(`${severity}: ${message}\n`);
  process.stderr.write(`planned in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

function writeGraph(plan: Plan, file: string): void {
  const path = resolve(file);
  try {
    writeFileSync(path, renderGraph(plan));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `the picture cannot be written to ${path}: ${reason}; give another file with --graph`,
      { cause: error },
    );
  }
  process.stderr.write(`picture: ${path}\n`);
}
