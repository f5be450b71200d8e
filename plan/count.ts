import type { Plan } from "./types";

/** How much a plan makes. */
export interface ResourceCount {
  /** What AWS and other providers are asked to make; what is only read does not count. */
  readonly resources: number;
  /** Groups that exist in the program only, the ones of packages included. */
  readonly components: number;
  /** Both as one phrase, the same wherever it is shown. Example: `67 resources in 9 components`. */
  readonly text: string;
}

/** Counts what a plan makes; everything that names the size of a plan takes it from here. */
export function countResources(plan: Pick<Plan, "resources">): ResourceCount {
  const resources = plan.resources.filter(({ custom, external }) => custom && !external).length;
  const components = plan.resources.filter(({ custom }) => !custom).length;
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
  return {
    resources,
    components,
    text: `${plural(resources, "resource")} in ${plural(components, "component")}`,
  };
}
