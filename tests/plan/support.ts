import { join } from "node:path";
import { type Plan, type PlanMode, type PlannedResource, runPlan } from "../../plan";

export const fixture = (name: string): string => join(__dirname, "fixtures", name);
export const root = join(__dirname, "..", "..");

export function planOf(
  name: string,
  config: Record<string, string> = {},
  mode: PlanMode = "resolved",
  stack = "dev",
): Promise<Plan> {
  return runPlan({ projectDir: fixture(name), stack, mode, config });
}

/** What a plan that must fail says; a plan that succeeds fails the test. */
export async function failureOf(kind: string, mode: PlanMode = "resolved", stack = "dev"): Promise<Error> {
  const config: Record<string, string> = kind === "" ? {} : { kind };
  return planOf("faults", config, mode, stack).then(
    () => {
      throw new Error(`the plan of "${kind}" succeeded`);
    },
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

export function ofType(plan: Plan, type: string): PlannedResource[] {
  return plan.resources.filter((resource) => resource.type === type);
}

export function countTypes(resources: readonly PlannedResource[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of resources) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}
