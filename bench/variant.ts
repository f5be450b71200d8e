/** Plans as benchmarks want them: the stack's own, with takeover on or off, and with other health checks. */
import type { Plan, PlannedResource } from "../plan";

/** How servers are found dead: `nlb` as planned (every 5 s, two in a row), `fast` every second, for quick looks. */
export const HEALTH_MODELS = ["nlb", "fast"] as const;
export type HealthModel = (typeof HEALTH_MODELS)[number];

/**
 * A server takes itself for cut off after one and a half of its `healthCheckSeconds` without a sign of life, and looks for clients'
 * packets every 2 s only (agent/takeover/isolation.ts): with 1 s it would be wrong about that now and then.
 */
const FAST = {
  interval: 1,
  timeout: 1,
  deregistrationDelay: 3,
  drainSeconds: 4,
  healthCheckSeconds: 2.5,
} as const;

function change(plan: Plan, type: string, edit: (inputs: Record<string, unknown>) => object): Plan {
  const resources = plan.resources.map((resource: PlannedResource) =>
    resource.type === type
      ? { ...resource, inputs: { ...resource.inputs, ...edit(resource.inputs) } }
      : resource,
  );
  return { ...plan, resources };
}

/** The plan with other user data on its servers. */
export function withUserData(plan: Plan, edit: (text: string) => string): Plan {
  return change(plan, "aws:ec2/launchTemplate:LaunchTemplate", (inputs) => {
    const text = Buffer.from(String(inputs["userData"]), "base64").toString();
    return { userData: Buffer.from(edit(text)).toString("base64") };
  });
}

/** The plan with the health model; `nlb` is the plan as it is. */
export function withHealth(plan: Plan, health: HealthModel): Plan {
  if (health === "nlb") return plan;
  const { interval, timeout, deregistrationDelay, drainSeconds, healthCheckSeconds } = FAST;
  const checked = change(plan, "aws:lb/targetGroup:TargetGroup", (inputs) => ({
    healthCheck: { ...(inputs["healthCheck"] as object), interval, timeout },
    deregistrationDelay,
  }));
  return withUserData(checked, (text) =>
    text
      .replace(/"drainSeconds": \d+/, `"drainSeconds": ${drainSeconds}`)
      .replace(/"healthCheckSeconds": [\d.]+/, `"healthCheckSeconds": ${healthCheckSeconds}`),
  );
}

/** The plan with a group of another size. */
export function withGroup(plan: Plan, size: { minSize: number; desiredCapacity: number }): Plan {
  return change(plan, "aws:autoscaling/group:Group", () => size);
}
