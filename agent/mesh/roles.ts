import type { MemberState } from "./message";
import { NO_SENIORITY } from "./standing";

/** A live server, as far as it matters for who does what. */
export interface Candidate {
  readonly instance: string;
  readonly zone: string;
  readonly state: MemberState;
  readonly nextHop: boolean;
  /** Heard without a break for a while: one that has only just come (back) gets nothing yet. */
  readonly steady: boolean;
  readonly owns: readonly string[];
  /** Since when it holds each of them. */
  readonly since: readonly number[];
  /** Roles for which its last call may be still to take effect, though it has given them up. */
  readonly calling: readonly string[];
  /** Ready without a break for a while, or never anything else: one that goes up and down takes nothing back for its zone's sake. */
  readonly calm: boolean;
  /** Its clock and this server's are too far apart for its word to count, but for the roles that it has. */
  readonly apart: boolean;
}

/** Being the one server that takes traffic, where only one does. */
export const ACTIVE = "active";

/** The role of being next hop of a zone's routes. */
export const zoneRole = (zone: string): string => `zone:${zone}`;

/**
 * Who holds a role: whoever holds it already, as long as it can; else the first in order of the names. Pure, and the same on every
 * server that hears the same others. Two holders at once are harmless, and end as soon as they hear each other: the one that has held it
 * for longer stays, since that is where the traffic is; who was cut off says that it has held it for no time.
 *
 * A server that drains or is not healthy still passes packets on, but is taken only where there is no other. So is, as the active one,
 * a server that the network lets pass no packets on, because all routes lead to the active one.
 *
 * One whose clock is too far off keeps what it has, also for another zone, and gets nothing: so it is on both sides, whoever is right.
 *
 * @param zone servers of this zone come first
 */
export function holderOf(role: string, candidates: readonly Candidate[], zone?: string): string | undefined {
  const has = ({ owns }: Candidate): boolean => owns.includes(role);
  const able = candidates.filter(
    (one) => one.steady && (zone === undefined || one.nextHop) && (!one.apart || has(one)),
  );
  const ready = able.filter(({ state }) => state === "ready");
  const kept = able.some(({ apart }) => apart) ? able.filter(has) : [];
  const pools = [
    kept.filter((one) => one.state === "ready"),
    ready.filter((one) => one.zone === zone && (one.calm || has(one))),
    ready.filter((one) => one.nextHop),
    ready,
    able,
  ];
  const pool = pools.find((one) => one.length > 0) ?? [];
  const holders = pool.filter(has);
  const byName = (a: Candidate, b: Candidate): number => (a.instance < b.instance ? -1 : 1);
  const byAge = (a: Candidate, b: Candidate): number =>
    heldSince(a, role) - heldSince(b, role) || byName(a, b);
  const [first] = holders.length > 0 ? [...holders].sort(byAge) : [...pool].sort(byName);
  return first?.instance;
}

/**
 * The server that has held a role all the time, for one that was cut off and comes back: it gives in to that one at once, and does not
 * wait until it has heard it for long.
 */
export function wentOn(role: string, candidates: readonly Candidate[], zone?: string): string | undefined {
  const [first] = candidates
    .filter((one) => one.state === "ready" && (zone === undefined || one.nextHop))
    .filter((one) => one.owns.includes(role) && heldSince(one, role) < NO_SENIORITY)
    .sort((a, b) => heldSince(a, role) - heldSince(b, role));
  return first?.instance;
}

/** A server that does not say it is one of a former version; of two such the name decides. */
function heldSince({ owns, since }: Candidate, role: string): number {
  return since[owns.indexOf(role)] ?? NO_SENIORITY;
}
