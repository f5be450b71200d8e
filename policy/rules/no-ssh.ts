import type { ResourceValidationPolicy } from "@pulumi/policy";
import { ingressOf, isPublic } from "../ingress";
import { field, text } from "../read";

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
    for (const { protocol, from, to, ranges } of ingressOf(type, props)) {
      if (isRouted(props, protocol, ranges)) continue;
      const reaches = ["tcp", "6", "-1", "all"].includes(protocol) && from <= SSH && SSH <= to;
      if (reaches) report(`opens TCP port ${SSH}`);
    }
  },
};

/**
 * A router's interface takes in packets of every kind for others. Such a rule says so in a tag, names private ranges, and is no way to the
 * server itself: its own filter drops what is for it.
 */
function isRouted(props: unknown, protocol: string, ranges: readonly string[]): boolean {
  const marked = text(field(props, "tags"), "wgc:routed") === "true";
  return marked && protocol === "-1" && ranges.length > 0 && !ranges.some(isPublic);
}
