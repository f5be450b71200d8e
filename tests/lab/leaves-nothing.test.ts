import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackPlan } from "../support/plans";
import { nothingStaysAfter } from "./nothing-stays";
import { labProblem, quick, testUnless } from "./support";

const LIMIT = 60_000;
const problem = labProblem();
const folder = mkdtempSync(join(tmpdir(), "wgc-lab-"));
const planFile = join(folder, "plan.json");

if (problem === undefined) {
  beforeAll(async () => {
    const plan = await stackPlan("dev");
    writeFileSync(planFile, JSON.stringify(quick(plan)));
  }, LIMIT);
}
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const killed = (title: string, kill: (starter: ChildProcess, outermost: string) => void): void =>
  testUnless(
    problem,
    title,
    () => nothingStaysAfter({ name: `test-nothing-${process.pid}-${title.length}`, planFile }, kill),
    LIMIT,
  );

killed("kill -9 of the lab's outermost process leaves nothing behind", (_, outermost) => {
  process.kill(Number(outermost), "SIGKILL");
});

killed("kill -9 of the process that started the lab leaves nothing behind", (starter) => {
  starter.kill("SIGKILL");
});
