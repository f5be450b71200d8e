/** What a booted server's surroundings need to know of a plan, beside the lab's model. */
import type { Plan } from "../../plan";
import { PlanView, record, text } from "../plan-view";

export interface BootModel {
  region: string;
  account: string;
  /** How many hops the metadata service's answers go. */
  hopLimit: number;
  instanceType: string;
  image: string;
}

/** Reads it from a plan made in resolved mode. @throws UserError when the plan lacks it. */
export function readBootModel(plan: Plan): BootModel {
  const view = new PlanView(plan);
  const template = view.one("aws:ec2/launchTemplate:LaunchTemplate");
  const profileArn = record(template.inputs["iamInstanceProfile"])["arn"];
  const [zone = ""] = view.all("aws:ec2/subnet:Subnet").map((subnet) => text(subnet, "availabilityZone"));
  return {
    region: zone.replace(/[a-z]$/, ""),
    account: String(profileArn).split(":")[4] ?? "",
    // The API's default: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
    hopLimit: Number(record(template.inputs["metadataOptions"])["httpPutResponseHopLimit"] ?? 1),
    instanceType: text(template, "instanceType"),
    image: text(template, "imageId"),
  };
}
