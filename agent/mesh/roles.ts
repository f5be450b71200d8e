import type { MemberState } from "./message";

/** A live server, as far as it matters for who does what. */
export interface Candidate {
  readonly instance: string;
  readonly zone: string;
  readonly state: MemberState;
  readonly nextHop: boolean;
  /** Heard without a break for a while: one that has only just come (back) gets nothing yet. */
  readonly steady: boolean;
  readonly owns: readonly string[];
}

/** Being the one server that takes traffic, where only one does. */
export const ACTIVE = "active";

/** The role of being next hop of a zone's routes. */
export const zoneRole = (zone: string): string => `zone:${zone}`;

/**
 * Who holds a role: whoever holds it already, as long as it can; else the first in order of the names. Pure, and the same on every
 * server that hears the same others. Two holders at once are harmless, and end as soon as they hear each other: the first one stays.
 *
 * A server that drains or is not healthy still passes packets on, but is taken only where there is no other.
 *
 * @param zone servers of this zone come first
 */
export function holderOf(role: string, candidates: readonly Candidate[], zone?: string): string | undefined {
  const able = candidates.filter(({ steady, nextHop }) => steady && (zone === undefined || nextHop));
  const pools = [
    able.filter((one) => one.state === "ready" && one.zone === zone),
    able.filter((one) => one.state === "ready"),
    able.filter((one) => one.owns.includes(role)),
    able,
  ];
  const pool = pools.find((one) => one.length > 0) ?? [];
  const holders = pool.filter(({ owns }) => owns.includes(role));
  return (holders.length > 0 ? holders : pool).map(({ instance }) => instance).sort()[0];
}
