/**
 * Writes the table of allowed and denied requests into docs/verification.md, from the plan of prod.
 *
 * usage: npx tsx scripts/access-table.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Plan, runPlan } from "../plan";
import { renderAccess } from "../verify/access/table";

const project = join(__dirname, "..");
/** The page that holds the table. */
export const PAGE = join(project, "docs", "verification.md");
const [BEGIN, END] = ["<!-- access: scripts/access-table.ts -->\n", "\n<!-- end of access -->"];

/** The page with the table of a plan in its place. */
export function withTable(page: string, plan: Plan): string {
  const [head, rest] = page.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined)
    throw new Error(`docs/verification.md has no ${BEGIN.trim()} … ${END.trim()}`);
  return `${head}${BEGIN}${renderAccess(plan)}${END}${tail}`;
}

async function main(): Promise<void> {
  const plan = await runPlan({ projectDir: project, stack: "prod", mode: "resolved" });
  writeFileSync(PAGE, withTable(readFileSync(PAGE, "utf8"), plan));
}

if (require.main === module) void main();
