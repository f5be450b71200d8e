/** Plans as benchmarks want them: the stack's own, with takeover on or off, and with other health checks. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Plan, PlannedResource } from "../plan";

/** How servers are found dead: `nlb` as planned (every 5 s, two in a row), `fast` every second, for quick looks. */
export const HEALTH_MODELS = ["nlb", "fast"] as const;
export type HealthModel = (typeof HEALTH_MODELS)[number];

const DEFAULT_VPC = "10.0.0.0/16";

/**
 * The settings that give a stack an addressing: with `routed` every host of the VPC may open connections to clients, so that both
 * directions can be measured.
 */
export function addressingConfig(
  project: string,
  stack: string,
  addressing: "masquerade" | "routed",
): Record<string, string> {
  if (addressing === "masquerade") return { "wgc:addressing": "masquerade" };
  return { "wgc:addressing": "routed", "wgc:backendPrefixes": vpcCidrOf(project, stack) };
}

/** What the stack's file says, or the default. */
function vpcCidrOf(project: string, stack: string): string {
  const file = join(project, `Pulumi.${stack}.yaml`);
  const content: unknown = existsSync(file) ? parse(readFileSync(file, "utf8")) : {};
  const { config = {} } = (content ?? {}) as { config?: Record<string, unknown> };
  return String(config["wgc:vpcCidr"] ?? DEFAULT_VPC);
}

/**
 * A server takes itself for cut off after one and a half of its `healthCheckSeconds` without a sign of life, and looks for clients'
 * packets every 2 s only (agent/takeover/isolation.ts): with 1 s it would be wrong about that now and then.
 */
const FAST = {
  interval: 1,
  timeout: 1,
  deregistrationDelay: 4,
  drainSeconds: 4,
  healthCheckSeconds: 2.5,
} as const;

/** The plan with other inputs of the resources of one type. */
export function change(plan: Plan, type: string, edit: (inputs: Record<string, unknown>) => object): Plan {
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

/** An agent's configuration, as text in user data, with other numbers by name. */
export function withNumbers(text: string, numbers: Readonly<Record<string, number>>): string {
  return Object.entries(numbers).reduce(
    (changed, [name, value]) => changed.replace(new RegExp(`"${name}": [\\d.]+`), `"${name}": ${value}`),
    text,
  );
}

/** The plan with the health model; `nlb` is the plan as it is. */
export function withHealth(plan: Plan, health: HealthModel): Plan {
  if (health === "nlb") return plan;
  const { interval, timeout, deregistrationDelay, drainSeconds, healthCheckSeconds } = FAST;
  const checked = change(plan, "aws:lb/targetGroup:TargetGroup", (inputs) => ({
    healthCheck: { ...(inputs["healthCheck"] as object), interval, timeout },
    deregistrationDelay,
  }));
  const numbers = { drainSeconds, deregistrationDelaySeconds: deregistrationDelay, healthCheckSeconds };
  return withUserData(checked, (text) => withNumbers(text, numbers));
}

/** The plan with a group of another size. */
export function withGroup(plan: Plan, size: { minSize: number; desiredCapacity: number }): Plan {
  return change(plan, "aws:autoscaling/group:Group", () => size);
}
