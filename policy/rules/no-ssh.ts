import type { ResourceValidationPolicy } from "@pulumi/policy";
import { ingressOf } from "../ingress";
import { text } from "../read";

const SSH = 22;
const TAKES_KEY = ["aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"];
const KEY_PAIR = "aws:ec2/keyPair:KeyPair";

/** Servers are reached through Session Manager, which needs no open port and no key to lose. */
export const noSsh: ResourceValidationPolicy = {
  name: "no-ssh",
  description: "Operators reach servers through Session Manager: no SSH key, no open port 22, from nowhere.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Remove the rule or the key; open a session with: aws ssm start-session --target INSTANCE",
  validateResource: ({ type, props }, report) => {
    if (type === KEY_PAIR) report("is an SSH key pair");
    if (TAKES_KEY.includes(type) && text(props, "keyName") !== undefined) report("gives servers an SSH key");
    for (const { protocol, from, to } of ingressOf(type, props)) {
      const reaches = ["tcp", "6", "-1", "all"].includes(protocol) && from <= SSH && SSH <= to;
      if (reaches) report(`opens TCP port ${SSH}`);
    }
  },
};
