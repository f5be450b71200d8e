import pc from "picocolors";
import type { CostEstimate } from "./cost";
import { countResources } from "./count";
import type { JsonObject, Plan, PlannedResource } from "./types";
import { isObject } from "./values";

type Colors = ReturnType<typeof pc.createColors>;

interface Line {
  readonly text: string;
  readonly children: Line[];
}

/** Draws a plan as a tree by component, with counts, the stack's outputs and the cost; plain text unless `color` is on. */
export function renderTree(plan: Plan, cost: CostEstimate, color = false): string {
  const paint = pc.createColors(color);
  const mode =
    plan.mode === "preview" ? "preview: what AWS decides is unknown" : "resolved with stand-in ids";
  const head = `${paint.bold(`${plan.project} / ${plan.stack}`)}  ${plan.region}  ${paint.dim(`(${mode})`)}`;
  const roots = childrenOf(plan, null).map((resource) => branch(plan, resource, paint));
  const parts = [
    head,
    ...drawAll(roots),
    "",
    paint.bold(countResources(plan).text),
    ...outputLines(plan.outputs, paint),
    "",
    ...costLines(cost, paint),
  ];
  return `${parts.join("\n")}\n`;
}

function childrenOf(plan: Plan, parent: string | null): PlannedResource[] {
  return plan.resources.filter((resource) => resource.parent === parent);
}

/** All resources below one, at any depth, that belong to no other component. */
function ownResources(plan: Plan, parent: string): PlannedResource[] {
  return childrenOf(plan, parent)
    .filter((child) => child.custom)
    .flatMap((child) => [child, ...ownResources(plan, child.urn)]);
}

function branch(plan: Plan, resource: PlannedResource, paint: Colors): Line {
  if (resource.custom) return leaf(resource.type, [resource], paint);
  const own = ownResources(plan, resource.urn);
  const byType = new Map<string, PlannedResource[]>();
  for (const child of own) byType.set(child.type, [...(byType.get(child.type) ?? []), child]);
  const nested = childrenOf(plan, resource.urn).filter((child) => !child.custom);
  const all = plan.resources.filter((other) => other.custom && isBelow(plan, other, resource.urn)).length;
  return {
    text: `${paint.cyan(resource.name)} ${paint.dim(resource.type)} ${all}`,
    children: [
      ...nested.map((child) => branch(plan, child, paint)),
      ...[...byType].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, list]) => leaf(type, list, paint)),
    ],
  };
}

function isBelow(plan: Plan, resource: PlannedResource, ancestor: string): boolean {
  const parents = new Map(plan.resources.map((other) => [other.urn, other.parent]));
  for (let parent = resource.parent; parent !== null; parent = parents.get(parent) ?? null) {
    if (parent === ancestor) return true;
  }
  return false;
}

/** How many names a line shows before it counts the rest. */
const NAMES_SHOWN = 6;

function leaf(type: string, resources: readonly PlannedResource[], paint: Colors): Line {
  const names = resources.map((resource) => `${resource.name}${marks(resource)}`);
  const rest = names.length - NAMES_SHOWN;
  const shown = names.slice(0, NAMES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  const times = resources.length > 1 ? `${resources.length} × ` : "";
  return { text: `${times}${shortType(type)}  ${paint.dim(shown)}`, children: [] };
}

function marks(resource: PlannedResource): string {
  const notes = [
    ...(resource.protect ? ["protected"] : []),
    ...(resource.external ? ["only read"] : []),
    ...(resource.ignoreChanges.length > 0 ? [`ignores ${resource.ignoreChanges.join(", ")}`] : []),
  ];
  return notes.length === 0 ? "" : ` (${notes.join("; ")})`;
}

/** `aws:lb/loadBalancer:LoadBalancer` → `lb.LoadBalancer`, the name that the program's author wrote. */
function shortType(type: string): string {
  const [, module = "", name = ""] = type.split(":");
  return `${module.split("/")[0]}.${name}`;
}

function drawAll(lines: readonly Line[], indent = ""): string[] {
  return lines.flatMap((line, index) => {
    const last = index === lines.length - 1;
    return [
      `${indent}${last ? "└─ " : "├─ "}${line.text}`,
      ...drawAll(line.children, `${indent}${last ? "   " : "│  "}`),
    ];
  });
}

function outputLines(outputs: JsonObject, paint: Colors): string[] {
  const entries = Object.entries(outputs);
  if (entries.length === 0) return [];
  const width = Math.max(...entries.map(([key]) => key.length));
  return [
    "",
    paint.bold("outputs"),
    ...entries.map(([key, value]) => `  ${key.padEnd(width)}  ${showValue(value)}`),
  ];
}

function showValue(value: JsonObject[string]): string {
  if (isObject(value) && value["$unknown"] === true) return "(known after deployment)";
  if (isObject(value) && "$secret" in value) return "(secret)";
  if (Array.isArray(value)) return value.map(showValue).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function costLines(cost: CostEstimate, paint: Colors): string[] {
  const problem = cost.problem === undefined ? [] : [`  ${paint.yellow(cost.problem)}`];
  if (cost.monthly === null) return [`${paint.bold("cost")}  not estimated: ${cost.problem ?? "no prices"}`];
  const rows = cost.items.map(
    (item) =>
      `  ${money(item.monthly)}  ${item.quantity} × ${item.what}${item.quantity > 1 ? ` at $${item.each.toFixed(2)}` : ""}`,
  );
  return [
    `${paint.bold(`cost  $${cost.monthly.toFixed(2)} a month`)} + traffic  ${paint.dim(`(${cost.region}, on demand, 730 h)`)}`,
    ...rows,
    ...problem,
    ...cost.usage.map((line) => paint.dim(`     + usage  ${line}`)),
  ];
}

function money(dollars: number): string {
  return `$${dollars.toFixed(2)}`.padStart(9);
}
