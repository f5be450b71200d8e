import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, text } from "../read";
import { isTargetGroup, isUdp } from "../target-group";

/** UDP cannot be checked, and a TCP check of WireGuard's port always fails, because nothing listens there. */
export const healthCheckPort: ResourceValidationPolicy = {
  name: "health-check-port",
  description:
    "The health check of a UDP target group asks the agent: HTTP(S), on a port that is not the traffic's.",
  enforcementLevel: "mandatory",
  remediationSteps: 'Set healthCheck: { protocol: "HTTP", port: "8080", path: "/healthz" }.',
  validateResource: ({ type, props }, report) => {
    if (!isTargetGroup(type) || !isUdp(props)) return;
    const check = field(props, "healthCheck");
    const protocol = text(check, "protocol") ?? "the default (TCP)";
    if (!["HTTP", "HTTPS"].includes(protocol))
      report(`healthCheck.protocol is ${protocol}, which says nothing about the agent`);
    const port = text(check, "port") ?? "traffic-port";
    if (port === "traffic-port" || port === text(props, "port"))
      report(`healthCheck.port is ${port}: WireGuard's own port, which answers no check`);
  },
};
