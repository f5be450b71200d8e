import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import { type Plan, runPlan } from "../plan";
import { type Comparison, comparePlans } from "../plan/against";
import { readPlanFile } from "../plan/against-file";
import { isDangerous, renderComparison } from "../plan/against-view";
import { estimateCost } from "../plan/cost";
import { renderGraph } from "../plan/graph";
import { loadProject } from "../plan/project";
import { renderTree } from "../plan/tree";
import { checkPolicies, isRefused, type PolicyReport, renderPolicyReport } from "../policy/run/report";

interface PlanOptions {
  readonly stack: string;
  readonly json?: boolean;
  readonly preview?: boolean;
  readonly graph?: string;
  readonly policy?: string | true;
  readonly against?: string;
  readonly config: Readonly<Record<string, string>>;
}

const EXAMPLES = `
Examples:
  ./wgc plan                                  tree of what the dev stack makes, and what it costs
  ./wgc plan --stack prod --json > prod.json  every resource with its inputs, for scripts and reviews
  ./wgc plan --stack prod --graph prod.svg    picture of the architecture, drawn from the plan
  ./wgc plan --preview                        leave unknown what AWS decides, as "pulumi preview" does
  ./wgc plan --config wgc:maxServers=8        what if: override a config value for this plan
  ./wgc plan --stack prod --policy            check it against the policy pack in policy/
  ./wgc plan --stack prod --against prod.json what a deployment would change since that plan

Exit codes: 0, or 1 for an error, 3 for a broken mandatory policy, 4 when --against finds that something would be replaced
or deleted that cannot be had again (4 wins over 3).

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
    .option("--policy [folder]", "also check the plan with a Pulumi policy pack (default: policy)")
    .option("--against <plan.json>", "compare with an earlier plan of this stack: what a deployment would do")
    .option("--config <key=value>", "override one config value (repeatable)", addOverride, {})
    .addHelpText("after", EXAMPLES)
    .action(async (options: PlanOptions) => {
      await showPlan(options);
    });
}

/** Collects `--config key=value` options. */
export function addOverride(
  text: string,
  previous: Readonly<Record<string, string>>,
): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new UserError(`--config ${text}: expected key=value, for example --config wgc:maxServers=8`);
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}

async function showPlan(options: PlanOptions): Promise<void> {
  const started = performance.now();
  const mode = options.preview ? "preview" : "resolved";
  const projectDir = join(__dirname, "..");
  const { stack, config } = options;
  // Looked at first: a wrong file should not cost the time of a plan.
  const { name: project, config: set } = loadProject(projectDir, stack, config);
  const region = set["aws:region"] ?? "";
  const earlier =
    options.against === undefined
      ? undefined
      : readPlanFile(options.against, { project, stack, mode, region });
  const pack = options.policy === undefined ? undefined : packFolder(projectDir, options.policy);
  const plan = await runPlan({ projectDir, stack, mode, config });
  if (options.graph !== undefined) writeGraph(plan, options.graph);
  const changes = earlier && comparePlans(earlier, plan);
  const policy = pack === undefined ? undefined : await checkPolicies(plan, pack);
  print(plan, options, changes, policy);
  for (const { severity, message } of plan.diagnostics) process.stderr.write(`${severity}: ${message}\n`);
  process.stderr.write(`planned in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  if (policy !== undefined && isRefused(policy)) process.exitCode = EXIT_POLICY;
  if (changes !== undefined && isDangerous(changes)) process.exitCode = EXIT_DANGER;
}

const EXIT_POLICY = 3;
const EXIT_DANGER = 4;

function packFolder(projectDir: string, option: string | true): string {
  const folder = option === true ? join(projectDir, "policy") : resolve(option);
  if (existsSync(join(folder, "PulumiPolicy.yaml"))) return folder;
  throw new UserError(
    `--policy ${folder}: there is no policy pack (no PulumiPolicy.yaml); leave the folder out for the project's own`,
  );
}

function print(
  plan: Plan,
  { json, against }: PlanOptions,
  changes: Comparison | undefined,
  policy: PolicyReport | undefined,
): void {
  const cost = estimateCost(plan);
  const color = process.stdout.isTTY === true;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...plan, cost, changes, policy }, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    changes === undefined ? renderTree(plan, cost, color) : renderComparison(changes, against ?? "", color),
  );
  if (policy !== undefined) process.stdout.write(`\n${renderPolicyReport(policy, color)}`);
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
