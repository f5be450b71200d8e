/** Anything that can be written as JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * `preview` leaves unknown what AWS decides, as `pulumi preview` does; `resolved` fills it in with deterministic
 * stand-ins, so that every value (user data too) is concrete.
 */
export const planModes = ["preview", "resolved"] as const;
export type PlanMode = (typeof planModes)[number];

/** One resource as the program registered it, with the values that it would have. */
export interface PlannedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string | null;
  /** True for a cloud resource, false for a component. */
  readonly custom: boolean;
  /** True for a resource that is only read (`X.get`), not managed. */
  readonly external: boolean;
  /** Empty in preview mode and for components. */
  readonly id: string;
  /** Unknown values are `{"$unknown": true}`, secrets `{"$secret": "[redacted]"}`, files `{"$asset": ...}`. */
  readonly inputs: JsonObject;
  outputs: JsonObject;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly aliases: readonly Json[];
  readonly provider: string;
}

export interface Diagnostic {
  readonly severity: "info" | "warning" | "error";
  readonly message: string;
  readonly urn?: string;
}

/** Everything that one run of the Pulumi program asks for. */
export interface Plan {
  readonly project: string;
  readonly stack: string;
  readonly mode: PlanMode;
  /** Region of the default AWS provider; empty when the program uses none. */
  readonly region: string;
  readonly resources: readonly PlannedResource[];
  readonly outputs: JsonObject;
  readonly diagnostics: readonly Diagnostic[];
}
