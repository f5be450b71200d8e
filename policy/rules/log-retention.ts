import type { ResourceValidationPolicy } from "@pulumi/policy";
import { number } from "../read";

const GROUP = "aws:cloudwatch/logGroup:LogGroup";

/** Without a number CloudWatch keeps, and bills, logs for ever. */
export const logRetention: ResourceValidationPolicy = {
  name: "log-retention",
  description: "Log groups say how long they keep what is in them; the default is for ever.",
  enforcementLevel: "mandatory",
  remediationSteps: "Set retentionInDays, for example 30.",
  validateResource: ({ type, props }, report) => {
    if (type !== GROUP) return;
    // 0 is the provider's word for "for ever".
    const days = number(props, "retentionInDays") ?? 0;
    if (days <= 0) report("has no retentionInDays, so it keeps everything for ever");
  },
};
