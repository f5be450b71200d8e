import { isAlive, type SessionRecord } from "../../registry/sessions";

/** A session and the server that holds it. */
export interface HeldSession extends SessionRecord {
  readonly instance: string;
  /** When this server learned of it, in monotonic milliseconds: its wall clock may be set back meanwhile. */
  readonly learned: number;
}

/** What to do about a stray packet. */
export type Verdict =
  /** Clients with a session of that index: one, or nearly never more, as indices are random 32-bit numbers. */
  | { readonly kind: "take"; readonly sessions: readonly HeldSession[] }
  /** Nobody's index as far as is known here. */
  | { readonly kind: "unknown" }
  | { readonly kind: "ignore"; readonly reason: "newer session" | "not a current client" };

/**
 * Who holds which client's session, as all servers recorded it. Pure: time comes in as an argument (milliseconds of the wall
 * clock, unless said otherwise).
 *
 * INVARIANTS: only the newest session of a client is ever taken over; records older than a session lives are forgotten; what
 * a record costs does not depend on how many there are.
 */
export class SessionDirectory {
  private readonly byIndex = new Map<number, HeldSession[]>();
  private readonly newestOf = new Map<string, HeldSession>();

  /** Public keys of clients with a session anywhere. */
  get clients(): Iterable<string> {
    return this.newestOf.keys();
  }

  /** Clients with a session anywhere. */
  get size(): number {
    return this.newestOf.size;
  }

  /**
   * Takes records over; returns the public keys whose newest session is another one now.
   * @param learned monotonic milliseconds
   */
  add(instance: string, records: readonly SessionRecord[], now: number, learned: number): string[] {
    const changed: string[] = [];
    for (const record of records) {
      if (!isAlive(record, now)) continue;
      const known = this.byIndex.get(record.index) ?? [];
      const session: HeldSession = { ...record, instance, learned };
      if (known.some((s) => s.publicKey === record.publicKey && !isNewer(session, s))) continue;
      this.byIndex.set(record.index, [...known.filter((s) => s.publicKey !== record.publicKey), session]);
      const newest = this.newestOf.get(record.publicKey);
      if (newest !== undefined && !isNewer(session, newest)) continue;
      this.newestOf.set(record.publicKey, session);
      changed.push(record.publicKey);
    }
    return changed;
  }

  /** Whether any server recorded the index. */
  knows(index: number): boolean {
    return this.byIndex.has(index);
  }

  /** The client's newest session anywhere. */
  newest(publicKey: string): HeldSession | undefined {
    return this.newestOf.get(publicKey);
  }

  /** For a server's log: its sessions with clients that have no newer one elsewhere, older ones too (see {@link judge}). */
  heldBy(instance: string): HeldSession[] {
    const held = (session: HeldSession) =>
      session.instance === instance && this.newestOf.get(session.publicKey)?.instance === instance;
    return [...this.byIndex.values()].flatMap((sessions) => sessions.filter(held));
  }

  /**
   * Judges a stray packet by its receiver index. A session counts while no other server has a newer one of the same client;
   * an older one of the same server does too, for a client may still use it when the server dies in the middle of a rekey.
   *
   * @param isCurrent whether the client may be connected at all
   */
  judge(index: number, isCurrent: (publicKey: string) => boolean): Verdict {
    const known = this.byIndex.get(index);
    if (known === undefined) return { kind: "unknown" };
    const newest = known.filter(
      (session) => this.newestOf.get(session.publicKey)?.instance === session.instance,
    );
    const sessions = newest.filter(({ publicKey }) => isCurrent(publicKey));
    if (sessions.length > 0) return { kind: "take", sessions };
    return { kind: "ignore", reason: newest.length > 0 ? "not a current client" : "newer session" };
  }

  /**
   * Forgets sessions that have ended, and those that are dated by a clock which has been far ahead and is right again; returns the
   * public keys of clients that have none any more.
   */
  prune(now: number): string[] {
    for (const [index, sessions] of this.byIndex) {
      const left = sessions.filter((session) => isAlive(session, now));
      if (left.length === 0) this.byIndex.delete(index);
      else if (left.length < sessions.length) this.byIndex.set(index, left);
    }
    const gone = [...this.newestOf].flatMap(([publicKey, session]) =>
      isAlive(session, now) ? [] : publicKey,
    );
    for (const publicKey of gone) this.newestOf.delete(publicKey);
    return gone;
  }
}

/** By time, then by server and index: all servers decide alike about two records of one millisecond, in whatever order they come. */
function isNewer(a: HeldSession, b: HeldSession): boolean {
  if (a.at !== b.at) return a.at > b.at;
  return a.instance !== b.instance ? a.instance > b.instance : a.index > b.index;
}
