/** `wgc cost --against FILE`: what a change of a stack costs. */
import { readFileSync } from "node:fs";
import pc from "picocolors";
import * as z from "zod";
import { UserError } from "../config/errors";
import type { CostComparison, EarlierCost } from "../plan/cost-against";
import { table } from "./output";

const earlierSchema = z.object({
  stack: z.string(),
  region: z.string(),
  monthly: z.number().nullable(),
  items: z.array(z.object({ what: z.string(), quantity: z.number(), monthly: z.number() })),
});

/** Reads what `wgc cost --json` printed. */
export function readEarlierCost(file: string, now: { stack: string; region: string }): EarlierCost {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UserError(`--against ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { success, data } = earlierSchema.safeParse(parsed);
  if (!success)
    throw new UserError(
      `--against ${file}: that is no cost estimate; make one with: ./wgc cost --json > ${file}`,
    );
  for (const key of ["stack", "region"] as const)
    if (data[key] !== now[key])
      throw new UserError(`--against ${file}: it is about the ${key} ${data[key]}, not about ${now[key]}`);
  return data;
}

/** The comparison for a terminal. */
export function renderComparison(stack: string, comparison: CostComparison): string {
  const { before, now, changes, difference } = comparison;
  const head = pc.bold(
    `${stack}: ${signed(difference)} a month (${money(before)} → ${money(now)}), before traffic`,
  );
  if (changes.length === 0) return head;
  return [head, table(["what", "before", "now", "a month"], rows(comparison))].join("\n");
}

/** The comparison as Markdown, for a comment. */
export function markdownComparison(stack: string, comparison: CostComparison): string {
  const { before, now, changes, difference } = comparison;
  const head = `**${stack}**: **${signed(difference)}** a month (${money(before)} → ${money(now)}), before traffic`;
  if (changes.length === 0) return `${head}\n`;
  const lines = [["what", "before", "now", "a month"], ["---", "---:", "---:", "---:"], ...rows(comparison)];
  return `${head}\n\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

function rows({ changes }: CostComparison): string[][] {
  const part = ({ quantity, monthly }: { quantity: number; monthly: number }) =>
    quantity === 0 ? "none" : `${quantity} × ${money(monthly / quantity)}`;
  return changes.map(({ what, before, now, difference }) => [
    what,
    part(before),
    part(now),
    signed(difference),
  ]);
}

function signed(dollars: number): string {
  return dollars === 0 ? "no change" : `${dollars < 0 ? "−" : "+"}${money(Math.abs(dollars))}`;
}

function money(dollars: number): string {
  return `$${dollars.toFixed(2)}`;
}
