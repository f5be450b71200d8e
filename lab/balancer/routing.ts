/** Which targets a new flow may go to: the rules of a Network Load Balancer for UDP, as a pure function. */
import type { HealthState } from "./health";

export interface RoutingTarget {
  address: string;
  zone: string;
  health: HealthState;
  /** Deregistered: keeps its flows for the deregistration delay, gets no new ones. */
  draining: boolean;
}

export interface RoutingDecision {
  /** Zone → addresses that new flows arriving in that zone may go to. */
  byZone: Record<string, string[]>;
  /** Zones in which no target is healthy, so that all targets get flows. */
  failOpen: string[];
}

/**
 * Cross-zone balancing counts the targets of all zones, otherwise each zone has only its own. Where no registered
 * target is healthy, the load balancer fails open and uses all of them:
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health.html
 */
export function decideRouting(
  zones: string[],
  targets: RoutingTarget[],
  crossZone: boolean,
): RoutingDecision {
  const decision: RoutingDecision = { byZone: {}, failOpen: [] };
  for (const zone of zones) {
    const registered = targets.filter((target) => !target.draining && (crossZone || target.zone === zone));
    const healthy = registered.filter((target) => target.health === "healthy");
    if (healthy.length === 0 && registered.length > 0) decision.failOpen.push(zone);
    decision.byZone[zone] = (healthy.length > 0 ? healthy : registered)
      .map((target) => target.address)
      .sort();
  }
  return decision;
}
