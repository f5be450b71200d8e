import type { ResourceValidationPolicy } from "@pulumi/policy";
import { isOn, number } from "../read";
import { isTargetGroup, isUdp } from "../target-group";

/** Clients send keepalives, so a flow to a server that is gone would never idle out. */
const LONGEST_DELAY_SECONDS = 300;

/** The provider's documentation and ELB's disagree about the default, so it is said. */
export const flowsEnd: ResourceValidationPolicy = {
  name: "flows-end",
  description: "Flows to a server that left end with its deregistration delay, which is short.",
  enforcementLevel: "mandatory",
  remediationSteps: `Set connectionTermination: true and deregistrationDelay to at most ${LONGEST_DELAY_SECONDS}.`,
  validateResource: ({ type, props }, report) => {
    if (!isTargetGroup(type) || !isUdp(props)) return;
    if (!isOn(props, "connectionTermination")) report("connectionTermination is not set to true");
    const delay = number(props, "deregistrationDelay") ?? LONGEST_DELAY_SECONDS;
    if (delay > LONGEST_DELAY_SECONDS)
      report(`deregistrationDelay is ${delay} s, above ${LONGEST_DELAY_SECONDS}`);
  },
};
