/** What a scenario of the failover benchmark is; each lives in a file of its own in scenarios/. */
import type { ServerStatus } from "../../lab/status";
import type { Cluster } from "../cluster";
import type { Random } from "../random";
import { NotMeasured } from "./samples";
import type { Move } from "./types";

export interface Incident {
  readonly cluster: Cluster;
  /** The server that it happens to; undefined where it happens to all. */
  readonly victim: ServerStatus | undefined;
  /** The server whose clients are looked at: mostly the victim. Undefined where it happens to all. */
  readonly carrier: ServerStatus | undefined;
  /** When it was made, on the lab's clock. */
  readonly since: number;
  readonly random: Random;
}

export interface Scenario {
  /** One line for `--help` and the docs. */
  readonly what: string;
  /** Whether it happens to one server's clients or to all. */
  readonly hits: "server" | "all";
  /** Who makes the client's packets go elsewhere: then a silent client need not be waited for, or must send first. */
  readonly movedBy: "balancer" | "client";
  /** Makes the cluster ready, and names the server that it must happen to and the one whose clients are looked at, where that matters. */
  prepare?(cluster: Cluster): Promise<{ victim: string; carrier: string }>;
  /** Makes it happen; resolves when it is over. */
  strike(incident: Incident): Promise<unknown>;
  /** How a client was moved. @param over what {@link strike} returned */
  moves(incident: Incident, client: string, over: Promise<unknown>): Promise<Move[]>;
  /** Puts the cluster back in order. */
  mend?(incident: Incident): Promise<unknown>;
}

/** Health checks, deregistration delay and what a busy machine adds. */
const REROUTE_LIMIT_MS = 120_000;

interface Reroute {
  /** The flow was taken from the server between these two times. */
  readonly began: number;
  readonly at: number;
  readonly from: string;
}

const reroute = (cluster: Cluster, name: string, since: number, limit: number): Promise<Reroute | null> =>
  cluster.call<Reroute | null>("reroute", { name, since, limit });

/** Counted from the earlier time, so that what comes after the re-route is never made shorter than it was. */
const moveOf = ({ began, at, from }: Reroute): Move => ({ at: began, done: at, from });

/** The load balancer's first re-route of the client. */
export async function firstReroute({ cluster, since }: Incident, client: string): Promise<Move[]> {
  const move = await reroute(cluster, client, since, REROUTE_LIMIT_MS);
  if (!move)
    throw new NotMeasured(`the load balancer did not move ${client} within ${REROUTE_LIMIT_MS / 1000} s`);
  return [moveOf(move)];
}

/** All re-routes of the client until it was over. */
export async function allReroutes(
  { cluster, since }: Incident,
  client: string,
  over: Promise<unknown>,
): Promise<Move[]> {
  await over;
  const moves: Move[] = [];
  for (let from = since; ; ) {
    const move = await reroute(cluster, client, from, 0);
    if (!move) break;
    moves.push(moveOf(move));
    from = move.at + 0.001;
  }
  if (moves.length === 0) throw new NotMeasured(`the load balancer never moved ${client}`);
  return moves;
}

/** Nothing of the client is re-routed. */
export async function unmoved(_: Incident, __: string, over: Promise<unknown>): Promise<Move[]> {
  await over;
  return [];
}

/** The server whose clients are looked at. */
export function carrierOf({ carrier }: Incident): ServerStatus {
  if (!carrier) throw new Error("this incident is about all clients");
  return carrier;
}

/** The server that it happens to. */
export function victimOf({ victim }: Incident): ServerStatus {
  if (!victim) throw new Error("this incident has no victim");
  return victim;
}
