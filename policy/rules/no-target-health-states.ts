import type { ResourceValidationPolicy } from "@pulumi/policy";
import { list } from "../read";
import { isTargetGroup, isUdp } from "../target-group";

/** ELB refuses these attributes for UDP (API reference, TargetGroupAttribute), and only when they are applied. */
export const noTargetHealthStates: ResourceValidationPolicy = {
  name: "no-target-health-states",
  description:
    "A UDP target group has no targetHealthStates: ELB refuses them, but only during the deployment.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Remove targetHealthStates; a UDP flow moves with its next packet when its target turns unhealthy.",
  validateResource: ({ type, props }, report) => {
    if (!isTargetGroup(type) || !isUdp(props)) return;
    if (list(props, "targetHealthStates").length > 0) report("sets targetHealthStates on a UDP target group");
  },
};
