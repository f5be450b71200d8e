import pc from "picocolors";
import type { Plan } from "../../plan";
import { Analyzer, type PackInfo, type Said } from "./analyzer";
import { startPack } from "./process";

/** One broken rule at one resource. */
export interface Violation {
  readonly rule: string;
  readonly mandatory: boolean;
  /** URN of the resource; empty for the stack as a whole. */
  readonly urn: string;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** A rule that needed a value which nobody knows before the deployment. */
export interface NotEvaluated {
  readonly rule: string;
  readonly urn: string;
  readonly reason: string;
}

/** What a policy pack says of a plan. */
export interface PolicyReport {
  readonly pack: string;
  readonly version: string;
  readonly rules: number;
  readonly violations: readonly Violation[];
  readonly notEvaluated: readonly NotEvaluated[];
}

/** Runs a policy pack over a plan, in a process of its own as Pulumi does. */
export async function checkPolicies(plan: Plan, folder: string): Promise<PolicyReport> {
  const pack = await startPack(folder, plan.stack, plan.project, plan.mode === "preview");
  try {
    const analyzer = new Analyzer(pack.address);
    try {
      const info = await analyzer.configure();
      return sort(info, await analyzer.analyze(plan));
    } finally {
      analyzer.close();
    }
  } finally {
    await pack.stop();
  }
}

/** Pulumi's own words for a rule that met an unknown value (`@pulumi/policy`, server.ts); there is no field for it. */
const UNKNOWN = /^can't run policy '[^']*' from policy pack '[^']*' during preview: /;

/** Tells violations from rules that could not be evaluated; identical lines of one rule and resource count once. */
export function sort(info: PackInfo, said: readonly Said[]): PolicyReport {
  const violations = new Map<string, Violation>();
  const notEvaluated = new Map<string, NotEvaluated>();
  for (const { rule, urn, message, mandatory } of said) {
    const { why, fix } = info.rules.find(({ name }) => name === rule) ?? { why: "", fix: "" };
    const key = JSON.stringify([rule, urn, message]);
    if (UNKNOWN.test(message)) notEvaluated.set(key, { rule, urn, reason: message.replace(UNKNOWN, "") });
    // The SDK puts the rule's description before the message.
    else violations.set(key, { rule, mandatory, urn, what: message.replace(why, "").trim(), why, fix });
  }
  return {
    pack: info.name,
    version: info.version,
    rules: info.rules.length,
    violations: [...violations.values()],
    notEvaluated: [...notEvaluated.values()],
  };
}

/** True when the plan must not be deployed. */
export function isRefused({ violations }: PolicyReport): boolean {
  return violations.some(({ mandatory }) => mandatory);
}

/** Draws a report for people: what, why and what to do, by rule. */
export function renderPolicyReport(report: PolicyReport, color = false): string {
  const paint = pc.createColors(color);
  const broken = [...new Set(report.violations.map(({ rule }) => rule))];
  const lines = broken.flatMap((rule) => {
    const own = report.violations.filter((violation) => violation.rule === rule);
    const [first] = own;
    const level = first?.mandatory ? paint.red("mandatory") : paint.yellow("advisory");
    return [
      `${paint.bold(rule)} ${level}`,
      ...own.map(({ urn, what }) => `  ${paint.red("✗")} ${name(urn)} ${what}`),
      `    why  ${first?.why ?? ""}`,
      `    do   ${first?.fix ?? ""}`,
    ];
  });
  const open = new Map<string, NotEvaluated[]>();
  for (const one of report.notEvaluated) open.set(one.rule, [...(open.get(one.rule) ?? []), one]);
  const unknown = [...open].map(
    ([rule, list]) =>
      `  ${paint.yellow("?")} ${rule}: could not be evaluated for ${[...new Set(list.map(({ urn }) => name(urn)))].join(", ")} (${list[0]?.reason ?? ""})`,
  );
  const verdict = isRefused(report) ? paint.red("refused") : paint.green("accepted");
  const counts = `${report.rules} rules, ${report.violations.length} violations, ${report.notEvaluated.length} not evaluated`;
  return [
    `${paint.bold(`policy  ${verdict}`)}  ${paint.dim(`(${report.pack} ${report.version}: ${counts})`)}`,
    ...lines,
    ...unknown,
    "",
  ].join("\n");
}

/** `lb.LoadBalancer wgc-endpoint-nlb`, or "the stack". */
function name(urn: string): string {
  const [, , types = "", own = ""] = urn.split("::");
  const [, module = "", type = ""] = (types.split("$").at(-1) ?? "").split(":");
  return own === "" ? "the stack" : `${module.split("/")[0]}.${type} ${own}`;
}
