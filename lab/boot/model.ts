/** What a booted server's surroundings need to know of a plan, beside the lab's model. */
import type { Plan, PlannedResource } from "../../plan";
import { PlanView, record, text } from "../plan-view";

/** A lifecycle hook of the servers' group. */
export interface LabHook {
  name: string;
  transition: string;
}

export interface BootModel {
  region: string;
  account: string;
  /** Role of the servers. */
  role: string;
  /** How many hops the metadata service's answers go. */
  hopLimit: number;
  group: string;
  hooks: LabHook[];
  instanceType: string;
  image: string;
}

/** Reads it from a plan made in resolved mode. @throws UserError when the plan lacks it. */
export function readBootModel(plan: Plan): BootModel {
  const view = new PlanView(plan);
  const template = view.one("aws:ec2/launchTemplate:LaunchTemplate");
  const profileArn = record(template.inputs["iamInstanceProfile"])["arn"];
  const profile = view
    .all("aws:iam/instanceProfile:InstanceProfile")
    .find((candidate) => candidate.outputs["arn"] === profileArn);
  const group = view.one("aws:autoscaling/group:Group");
  const [zone = ""] = view.all("aws:ec2/subnet:Subnet").map((subnet) => text(subnet, "availabilityZone"));
  return {
    region: zone.replace(/[a-z]$/, ""),
    account: String(profileArn).split(":")[4] ?? "",
    role: profile ? text(profile, "role") : "",
    // The API's default: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
    hopLimit: Number(record(template.inputs["metadataOptions"])["httpPutResponseHopLimit"] ?? 1),
    group: text(group, "name"),
    hooks: [...initialHooks(group), ...laterHooks(view)],
    instanceType: text(template, "instanceType"),
    image: text(template, "imageId"),
  };
}

function initialHooks(group: PlannedResource): LabHook[] {
  const hooks = (group.inputs["initialLifecycleHooks"] ?? []) as Record<string, unknown>[];
  return hooks.map((hook) => ({
    name: String(hook["name"]),
    transition: String(hook["lifecycleTransition"]),
  }));
}

function laterHooks(view: PlanView): LabHook[] {
  return view
    .all("aws:autoscaling/lifecycleHook:LifecycleHook")
    .map((hook) => ({ name: text(hook, "name"), transition: text(hook, "lifecycleTransition") }));
}
