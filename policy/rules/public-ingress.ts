import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { groupProperty, type Ingress, ingressOf, isPublic } from "../ingress";
import { number, text } from "../read";

const BALANCER = "aws:lb/loadBalancer:LoadBalancer";
const LISTENER = "aws:lb/listener:Listener";
/** ICMP type 3 code 4, "fragmentation needed", without which path MTU discovery fails (RFC 1191). */
const FRAGMENTATION_NEEDED = { type: 3, code: 4 };

/** From the whole internet only WireGuard comes in, and only to the load balancer. */
export const publicIngress: StackValidationPolicy = {
  name: "public-ingress",
  description:
    "From the whole internet only UDP to a listener's port may come in, and only to the load balancer.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Narrow the range, or let the traffic in from the load balancer's security group instead.",
  validateStack: ({ resources }, report) => {
    const ports = resources.filter(isUdpListener).map(({ props }) => number(props, "port"));
    const front = new Set(
      resources
        .filter(({ type }) => type === BALANCER)
        .flatMap(({ propertyDependencies }) => urns(propertyDependencies["securityGroups"])),
    );
    for (const resource of resources) {
      const key = groupProperty(resource.type);
      const groups = key === undefined ? [resource.urn] : urns(resource.propertyDependencies[key]);
      const atFront = groups.some((group) => front.has(group));
      for (const rule of ingressOf(resource.type, resource.props)) {
        if (!rule.ranges.some(isPublic) || (atFront && isWanted(rule, ports))) continue;
        const where = atFront
          ? "to the load balancer"
          : "to a security group that is not the load balancer's";
        report(`lets ${describe(rule)} in from the whole internet, ${where}`, resource.urn);
      }
    }
  },
};

function isUdpListener({ type, props }: PolicyResource): boolean {
  return type === LISTENER && ["UDP", "TCP_UDP"].includes(text(props, "protocol") ?? "");
}

function urns(resources: readonly PolicyResource[] | undefined): string[] {
  return (resources ?? []).map(({ urn }) => urn);
}

function isWanted({ protocol, from, to }: Ingress, ports: readonly (number | undefined)[]): boolean {
  if (protocol === "icmp") return from === FRAGMENTATION_NEEDED.type && to === FRAGMENTATION_NEEDED.code;
  return protocol === "udp" && from === to && ports.includes(from);
}

function describe({ protocol, from, to }: Ingress): string {
  if (protocol === "-1" || protocol === "all") return "everything";
  return `${protocol} ${from === to ? from : `${from} to ${to}`}`;
}
