/** `wgc cost`: what a stack costs a month, and what the same users would cost on AWS Client VPN. */
import type { Command } from "commander";
import pc from "picocolors";
import { UserError } from "../config/errors";
import { runPlan } from "../plan";
import { type CostEstimate, estimateCost } from "../plan/cost";
import { compareCosts } from "../plan/cost-against";
import { prices } from "../plan/prices";
import { estimateUsage, type UsageCost } from "../plan/usage-cost";
import { markdownComparison, readEarlierCost, renderComparison } from "./cost-against";
import { UsageError } from "./exit-codes";
import { print, printJson, table } from "./output";
import { addOverride } from "./plan-command";

interface CostOptions {
  readonly stack: string;
  readonly json?: boolean;
  readonly against?: string;
  readonly markdown?: boolean;
  readonly clients?: number;
  readonly gb: number;
  readonly hours: number;
  readonly config: Readonly<Record<string, string>>;
}

/** A working month: 22 days of 8 hours. */
const WORKING_HOURS = 176;
const MOST_HOURS = 744;

const EXAMPLES = `
Examples:
  ./wgc cost                                    the dev stack by resource, with list prices
  ./wgc cost --stack prod --clients 100 --gb 5  with traffic, beside AWS Client VPN
  ./wgc cost --config wgc:instanceType=c7g.large --json
  ./wgc cost --stack prod --json > before.json  keep it, change something, then
  ./wgc cost --stack prod --against before.json see what the change costs

Traffic is GB a month and client, both directions together. All of it counts as data out to the internet: right where clients
reach the internet through the tunnel, an upper bound where they reach only the VPC.`;

/** Adds `wgc cost`. */
export function addCostCommand(program: Command, project: string): void {
  program
    .command("cost")
    .description("show what a stack costs a month, by resource, and the same users on AWS Client VPN")
    .option("--stack <name>", "stack whose Pulumi.<name>.yaml is used", "dev")
    .option(
      "--clients <number>",
      "clients, for traffic and the comparison",
      numberFrom("--clients", 1, 100_000),
    )
    .option("--gb <number>", "GB a month that each client moves", numberFrom("--gb", 0, 100_000), 1)
    .option(
      "--hours <number>",
      "hours a month that each client is connected",
      numberFrom("--hours", 1, MOST_HOURS),
      WORKING_HOURS,
    )
    .option("--config <key=value>", "override one config value (repeatable)", addOverride, {})
    .option("--against <file>", "compare with what --json printed before")
    .option("--markdown", "with --against: print Markdown, for a comment")
    .option("--json", "print one JSON document")
    .addHelpText("after", EXAMPLES)
    .action((options: CostOptions) => showCost(project, options));
}

function numberFrom(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new UsageError(`${option} ${text}: it must be a number from ${least} to ${most}`);
  };
}

async function showCost(project: string, options: CostOptions): Promise<void> {
  const plan = await runPlan({
    projectDir: project,
    stack: options.stack,
    mode: "resolved",
    config: options.config,
  });
  const cost = estimateCost(plan);
  refuseGaps(cost);
  if (options.against !== undefined) return showDifference(cost, options.against, options);
  if (options.markdown) throw new UsageError("--markdown goes with --against FILE");
  const { clients, gb, hours } = options;
  const usage =
    clients === undefined
      ? undefined
      : estimateUsage(plan, cost, { clients, gbPerClient: gb, hoursPerClient: hours });
  if (options.json) printJson({ project: plan.project, stack: plan.stack, ...cost, withUse: usage });
  else print(renderCost(plan.stack, cost, usage));
}

function showDifference(cost: CostEstimate, file: string, { stack, json, markdown }: CostOptions): void {
  const comparison = compareCosts(readEarlierCost(file, { stack, region: cost.region }), cost);
  if (json) printJson({ stack, region: cost.region, ...comparison });
  else print((markdown ? markdownComparison : renderComparison)(stack, comparison));
}

/** A sum that leaves something out looks like one that does not, so there is none. */
function refuseGaps({ region, problem }: CostEstimate): void {
  if (problem === undefined) return;
  const instances = Object.keys(prices[region]?.perHour.instances ?? {}).join(", ");
  const known = instances === "" ? "" : `; prices are known for ${instances}`;
  throw new UserError(
    `no cost for this stack: ${problem}${known}. Add the price, its source and its date to plan/prices.ts`,
  );
}

function renderCost(stack: string, cost: CostEstimate, usage: UsageCost | undefined): string {
  const fixed = cost.items.map(({ what, quantity, unit, monthly }) => [what, quantity, unit, money(monthly)]);
  const parts = [
    pc.bold(`${stack}, ${cost.region}: ${money(cost.monthly ?? 0)} a month without traffic`),
    table(["what", "number", "list price", "a month"], fixed),
  ];
  if (usage === undefined) {
    parts.push(
      ...cost.usage.map((line) => `+ ${line}`),
      "with traffic, and beside AWS Client VPN: --clients N --gb N",
    );
  } else parts.push(...renderUsage(cost, usage));
  return [...parts, pc.dim(`prices: ${cost.source ?? ""}`)].join("\n");
}

function renderUsage(cost: CostEstimate, { usage, items, monthly, clientVpn }: UsageCost): string[] {
  const rows = (list: UsageCost["items"]) =>
    list.map(({ what, quantity, unit, monthly: each }) => [what, quantity, unit, money(each)]);
  const who = `${usage.clients} clients, ${usage.gbPerClient} GB each, ${usage.hoursPerClient} hours each`;
  const head = ["what", "number", "list price", "a month"];
  return [
    "",
    pc.bold(`use: ${who}`),
    table(head, [
      ["without traffic", 1, "", money(cost.monthly ?? 0)],
      ...rows(items),
      ["this cluster", "", "", money(monthly)],
    ]),
    "",
    pc.bold("the same on AWS Client VPN"),
    table(head, [...rows(clientVpn.items), ["AWS Client VPN", "", "", money(clientVpn.monthly)]]),
    "",
    `difference: ${money(clientVpn.monthly - monthly)} a month`,
  ];
}

function money(dollars: number): string {
  return `${dollars < 0 ? "-" : ""}$${Math.abs(dollars).toFixed(2)}`;
}
