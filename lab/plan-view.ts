/** Reading a resolved plan for the lab: by type, by id, and with an error that names what is missing. */
import { UserError } from "../config/errors";
import type { Plan, PlannedResource } from "../plan";

export class PlanView {
  constructor(private readonly plan: Plan) {}

  all(type: string): PlannedResource[] {
    return this.plan.resources.filter((resource) => resource.type === type);
  }

  /** At least one. */
  some(type: string): PlannedResource[] {
    const found = this.all(type);
    return found.length > 0 ? found : [this.one(type)];
  }

  one(type: string): PlannedResource {
    const found = this.all(type);
    const [first] = found;
    if (!first || found.length !== 1) {
      throw new UserError(
        `the lab needs exactly one ${type} in the plan of stack ${this.plan.stack}, found ${found.length}; ` +
          "compare with: ./wgc plan",
      );
    }
    return first;
  }
}

/** A property that must be known, as text. */
export function text(resource: PlannedResource, property: string): string {
  const value = resource.inputs[property] ?? resource.outputs[property];
  if (typeof value !== "string" && typeof value !== "number") {
    throw new UserError(
      `${resource.urn}: the lab needs a plain value of ${property}, the plan has ${JSON.stringify(value)}`,
    );
  }
  return String(value);
}

/** A property that must be a known number. */
export function number(resource: PlannedResource, property: string): number {
  const value = Number(text(resource, property));
  if (!Number.isFinite(value)) {
    throw new UserError(`${resource.urn}: ${property} must be a number for the lab`);
  }
  return value;
}

/** The fields of an object; none of anything else. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** The texts of a list, or one text as a list. */
export function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((entry) => typeof entry === "string");
}
