import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Plan, runPlan } from "../../plan";

const PROJECT = join(__dirname, "../..");

/**
 * The plan of this checkout's own program, made once for all test files of a run: making one takes seconds of processor time.
 * Each caller has a copy of its own to change.
 */
export async function stackPlan(stack: string, config: Readonly<Record<string, string>> = {}): Promise<Plan> {
  const name = createHash("sha256")
    .update(JSON.stringify([stack, config]))
    .digest("hex")
    .slice(0, 16);
  // The folder is this run's own (temporary.js), so a plan of an older program is never found.
  const file = join(tmpdir(), `plan-${name}.json`);
  if (!existsSync(file)) {
    const plan = await runPlan({ projectDir: PROJECT, stack, mode: "resolved", config });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(plan));
    renameSync(`${file}.${process.pid}`, file); // other workers see all of it or nothing
  }
  return JSON.parse(readFileSync(file, "utf8"));
}
