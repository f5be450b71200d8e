import { type Health, isSound } from "./health";

/** So many checks in a row make a server healthy, or unhealthy, to the load balancer, and one takes no longer (components/endpoint.ts). */
export const CHECKS = { good: 2, bad: 2, timeoutMs: 2000 } as const;

/** This server's part among the others, where one of them takes the traffic. */
export interface Turn {
  /** Why this server takes no traffic although nothing is wrong with it. */
  readonly standby: string | undefined;
  /** Why it still does although another one is active, or it drains. */
  readonly handingOn: string | undefined;
}

/**
 * What the load balancer is told: a server that stands by is in order, and gets no traffic; the one that was active before gets it until
 * the load balancer has found the next one healthy, even if it drains, or did a moment ago, unless something is wrong with it. Pure.
 */
export function inService(health: Health, { standby, handingOn }: Turn): Health {
  if (handingOn !== undefined && (health.healthy || isSound(health))) {
    const status = health.status === "draining" ? "draining" : "standby";
    return { ...health, status, healthy: true, reasons: [handingOn, ...health.reasons] };
  }
  if (standby === undefined || !health.healthy) return health;
  return { ...health, status: "standby", healthy: false, reasons: [standby, ...health.reasons] };
}
