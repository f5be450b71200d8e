import pc from "picocolors";
import type { Action, Comparison, ResourceChange } from "./against";
import type { PropertyChange } from "./against-values";
import type { Json } from "./types";

type Colors = ReturnType<typeof pc.createColors>;

const SIGNS: Readonly<Record<Exclude<Action, "same">, string>> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
};
/** Longer values say more as a length. */
const LONGEST_VALUE = 60;
/** How many properties of one resource are shown. */
const PROPERTIES_SHOWN = 8;

/** True when something would be lost that cannot be had again. */
export function isDangerous({ changes }: Comparison): boolean {
  return changes.some(({ danger }) => danger !== undefined);
}

/** Draws a comparison for people: every resource that changes, with what and why, and a warning first of all. */
export function renderComparison(comparison: Comparison, file: string, color = false): string {
  const paint = pc.createColors(color);
  const changed = comparison.changes.filter(({ action }) => action !== "same");
  const { create, update, replace, delete: gone, same } = comparison.counts;
  const counts = `${create} to create, ${update} to update, ${replace} to replace, ${gone} to delete, ${same} the same`;
  const rolling = changed.filter(({ rolls }) => rolls).map(({ name }) => name);
  const unknown = comparison.unknownTypes.join(", ");
  return [
    `${paint.bold(`${comparison.project} / ${comparison.stack}`)}  ${paint.dim(`against ${file}`)}`,
    ...warnings(changed, paint),
    ...grouped(changed).flatMap((group) => lines(group, paint)),
    "",
    paint.bold(counts),
    rolling.length === 0
      ? "servers: none is replaced"
      : `servers: replaced one after the other (${rolling.join(", ")})`,
    ...(unknown === ""
      ? []
      : [paint.yellow(`plan/replace-table.ts has no entry for ${unknown}: shown as updates`)]),
    "",
  ].join("\n");
}

function warnings(changed: readonly ResourceChange[], paint: Colors): string[] {
  return changed
    .filter(({ danger }) => danger !== undefined)
    .map(({ type, name, action, danger }) =>
      paint.red(`WARNING: ${shortType(type)} ${name} would be ${action}d: ${danger}`),
    );
}

/** Resources to which the same happens stand together: a new tag is one paragraph, not fifty. */
function grouped(changed: readonly ResourceChange[]): ResourceChange[][] {
  const groups = new Map<string, ResourceChange[]>();
  for (const change of changed) {
    const alike = change.action === "update" ? JSON.stringify([change.changes, change.notes]) : change.urn;
    groups.set(alike, [...(groups.get(alike) ?? []), change]);
  }
  return [...groups.values()];
}

function lines(group: readonly ResourceChange[], paint: Colors): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const { type, name, action, changes, replacedBy, notes } = first;
  const who =
    group.length === 1
      ? `${shortType(type)} ${name}`
      : `${group.length} resources: ${group.map((one) => one.name).join(", ")}`;
  if (action === "same") return [];
  const paints = { create: paint.green, update: paint.yellow, replace: paint.magenta, delete: paint.red };
  const note = notes.length === 0 ? "" : paint.dim(`  (${notes.join("; ")})`);
  const rest = changes.length - PROPERTIES_SHOWN;
  return [
    `${paints[action](`${SIGNS[action]} ${action.padEnd(7)}`)} ${who}${note}`,
    ...changes
      .slice(0, PROPERTIES_SHOWN)
      .map(
        (change) =>
          `            ${describe(change)}${replacedBy.includes(change.path) ? paint.magenta("  ← replaces") : ""}`,
      ),
    ...(rest > 0 ? [paint.dim(`            and ${rest} more`)] : []),
  ];
}

function describe({ path, before, after }: PropertyChange): string {
  if (typeof before === "string" && typeof after === "string" && before.includes("\n"))
    return `${path}: ${lineChanges(before, after)}`;
  return `${path}: ${show(before)} → ${show(after)}`;
}

/** How many lines of a text changed, in words. */
function lineChanges(before: string, after: string): string {
  const old = before.split("\n");
  const now = after.split("\n");
  const added = now.filter((line) => !old.includes(line)).length;
  const removed = old.filter((line) => !now.includes(line)).length;
  return `${removed} lines removed, ${added} added`;
}

function show(value: Json | undefined): string {
  if (value === undefined) return "(not set)";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`;
}

function shortType(type: string): string {
  const [, module = "", name = ""] = type.split(":");
  return `${module.split("/")[0]}.${name}`;
}
