/** What a failover benchmark is asked for and what it finds. */
import type { Spread } from "../statistics";
import type { HealthModel } from "../variant";

export const SCENARIOS = ["crash", "blackhole", "drain", "replace", "roam", "scale-in"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** `busy`: 100 requests a second; `idle`: only keepalives for at least 30 s, then one request. */
export const LOADS = ["busy", "idle"] as const;
export type Load = (typeof LOADS)[number];

export const TAKEOVER = ["on", "off"] as const;
export type TakeoverMode = (typeof TAKEOVER)[number];

export interface FailoverOptions {
  readonly scenarios: readonly ScenarioName[];
  readonly loads: readonly Load[];
  readonly takeover: readonly TakeoverMode[];
  readonly health: HealthModel;
  /** Incidents of each scenario with each setting of takeover. */
  readonly runs: number;
  /** Clients of each lab; with two loads each has half of them. */
  readonly clients: number;
  readonly stack: string;
}

/** A client's flow went from one server to another. */
export interface Move {
  /** Lab clock: right before the load balancer took the flow away, or (roam) when it routed the first packet of the new mapping. */
  readonly at: number;
  /** Address of the server that had the flow. */
  readonly from: string;
}

/** What one client had to do without in one move. Milliseconds. */
export interface Sample {
  readonly client: string;
  readonly outage: number;
  readonly afterReroute: number;
  readonly lost: number;
}

/** One row of the table. */
export interface FailoverResult {
  readonly scenario: ScenarioName;
  readonly load: Load;
  readonly takeover: TakeoverMode;
  readonly health: HealthModel;
  readonly runs: number;
  readonly samples: number;
  readonly outage_ms: Spread;
  readonly after_reroute_ms: Spread;
  /** Requests of one sample that were never answered. */
  readonly lost_packets: { readonly p50: number; readonly max: number };
}
