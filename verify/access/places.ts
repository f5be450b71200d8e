import type { Plan, PlannedResource } from "../../plan";
import type { Caller } from "./evaluate";

/** The callers and resources of a plan that the table of requests is about, and some that are not the cluster's. */
export interface Places {
  readonly account: string;
  readonly region: string;
  readonly cluster: string;
  /** ARN of a resource by its Pulumi name. */
  readonly arn: (name: string) => string;
  readonly role: (name: string) => Caller;
  /** ARN of something in this account and region. */
  readonly here: (service: string, resource: string) => string;
}

export function placesOf(plan: Plan): Places {
  const named = (name: string): PlannedResource => {
    const [found, ...others] = plan.resources.filter(
      (resource) => resource.name === name && typeof resource.outputs["arn"] === "string",
    );
    if (found === undefined || others.length > 0)
      throw new Error(
        `${found === undefined ? "no" : "more than one"} resource with an ARN is called ${name}`,
      );
    return found;
  };
  const arn = (name: string): string => String(named(name).outputs["arn"]);
  const account = arn("wgc-servers-group").split(":")[4] ?? "";
  const { region } = plan;
  return {
    account,
    region,
    cluster: String(plan.outputs["controlFunctionName"]).replace(/-control$/, ""),
    arn,
    role: (name) => ({ kind: "role", arn: arn(name) }),
    here: (service, resource) => `arn:aws:${service}:${region}:${account}:${resource}`,
  };
}
