import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, text } from "../read";

const GROUP = "aws:autoscaling/group:Group";
const TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate";

/**
 * An instance refresh cannot roll back to something that is resolved when an instance starts
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html).
 */
export const pinnedTemplate: ResourceValidationPolicy = {
  name: "pinned-template",
  description:
    "The group names a template version and the template an image by number, so that a refresh can roll back.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Use launchTemplate.version = String(template.latestVersion), and an image that is looked up when deploying.",
  validateResource: ({ type, props }, report) => {
    if (type === TEMPLATE && text(props, "imageId")?.startsWith("resolve:ssm:"))
      report("its image is looked up by EC2 at each start (resolve:ssm:)");
    if (type !== GROUP) return;
    const mix = field(field(props, "mixedInstancesPolicy"), "launchTemplate");
    const source = field(mix, "launchTemplateSpecification") ?? field(props, "launchTemplate");
    const version = text(source, "version");
    if (version === undefined || !/^\d+$/.test(version))
      report(`launchTemplate.version is ${version ?? "not set"}, not a number`);
  },
};
