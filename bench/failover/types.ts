/** What a failover benchmark is asked for and what it finds. */
import type { Spread } from "../statistics";
import type { HealthModel } from "../variant";

export const ADDRESSING = ["masquerade", "routed"] as const;
export type Addressing = (typeof ADDRESSING)[number];

export const TOPOLOGIES = ["active-active", "active-passive"] as const;
export type Topology = (typeof TOPOLOGIES)[number];

/** Scenarios that are about the VPC's routes and the servers' mesh. */
export const ROUTED_SCENARIOS = [
  "crash-holder",
  "crash-owner",
  "crash-both",
  "owner-drain",
  "overlay-cut",
  "mesh-cut",
] as const;
export const SCENARIOS = [
  "crash",
  "blackhole",
  "drain",
  "replace",
  "roam",
  "scale-in",
  ...ROUTED_SCENARIOS,
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Scenarios that there are where one server serves: it has all clients, and none can go to another one. */
export const PASSIVE_SCENARIOS = ["crash", "blackhole", "drain", "replace"] as const;

/**
 * `busy`: 100 requests a second; `idle`: only keepalives for at least 30 s, then one request; `tcp`: TCP connections in both directions,
 * with 20 requests a second on each and besides, and idle ones that are used at the end.
 */
export const LOADS = ["busy", "idle", "tcp"] as const;
export type Load = (typeof LOADS)[number];

export const TAKEOVER = ["on", "off"] as const;
export type TakeoverMode = (typeof TAKEOVER)[number];

export interface FailoverOptions {
  readonly addressing: Addressing;
  readonly topology: Topology;
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
  /** Lab clock: when the flow was gone for certain; a request that left later went elsewhere. Default: {@link at}. */
  readonly done?: number;
  /** Address of the server that had the flow. */
  readonly from: string;
}

/** What one client had to do without in one move. Milliseconds. */
export interface Sample {
  readonly client: string;
  readonly outage: number;
  /** Undefined where nothing of the client was re-routed. */
  readonly afterReroute: number | undefined;
  readonly lost: number;
}

/** What became of one client's long connections in one incident. Milliseconds. */
export interface ConnectionOutcome {
  readonly client: string;
  /** TCP connections that there were, and names of those that did not survive, with what ended them. */
  readonly of: number;
  readonly lost: readonly string[];
  /** Longest time without an echo of each connection that survived and talked. */
  readonly gaps: readonly number[];
  /** Longest time without an answer to the backend's own datagrams: from each move, or from the incident where nothing was moved. */
  readonly backendToClient: readonly number[];
}

/** One row of the table. */
export interface FailoverResult {
  readonly addressing: Addressing;
  /** All servers serve where it is missing. */
  readonly topology?: Exclude<Topology, "active-active">;
  readonly scenario: ScenarioName;
  readonly load: Load;
  readonly takeover: TakeoverMode;
  readonly health: HealthModel;
  /** Those that gave samples; */
  readonly runs: number;
  /** and those that did not (see the report's failures): none where it is missing. */
  readonly failed_runs?: number;
  readonly samples: number;
  readonly outage_ms: Spread;
  /** Null where nothing is re-routed. */
  readonly after_reroute_ms: Spread | null;
  /** Requests of one sample that were never answered. */
  readonly lost_packets: { readonly p50: number; readonly max: number };
  /** With the load `tcp`: connections that there were, that were lost, and the longest gaps of the others. */
  readonly tcp_connections?: number;
  readonly tcp_lost?: number;
  readonly tcp_longest_gap_ms?: Spread | null;
  /** With the load `tcp` and routed addressing. */
  readonly backend_to_client_ms?: Spread | null;
}
