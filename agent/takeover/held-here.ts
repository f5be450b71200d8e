import { isAhead, type SessionRecord } from "../../registry/sessions";
import type { SessionDirectory } from "./directory";
import type { ConfirmedSession } from "./own-sessions";

/**
 * For so long a client that was lost to another server is left to it, whatever comes from there: the new holder speaks every second
 * (attempts.ts) and fetches back who has followed the last words of this server to its own address. Shorter than the kernel waits
 * before it tells of the same stray again (ruleset.ts), so a client that really was led back here is called then.
 */
const LEFT_TO_HOLDER_MS = 1500;

/**
 * Clients whose session this server holds, by the time of its record. Pure.
 *
 * INVARIANTS: a session is dated later than any session of its client that was known when it began, whatever the servers' clocks
 * say, and never before this server's own former one, unless that is from a time when this server's clock was far ahead.
 */
export class HeldHere {
  private readonly held = new Map<string, number>();
  /** Clients that were lost a moment ago, and when (monotonic). */
  private readonly lost = new Map<string, number>();

  constructor(
    private readonly instance: string,
    private readonly directory: SessionDirectory,
  ) {}

  /** Sessions that the kernel calls complete are held from now on; returns their records. */
  add(confirmed: readonly ConfirmedSession[]): SessionRecord[] {
    const records = confirmed.map(({ publicKey, index, since, began, late }): SessionRecord => {
      // One that became known since may well be the later one, which has been announced before the kernel was asked about ours.
      const newest = this.directory.newest(publicKey);
      const elsewhere = newest !== undefined && newest.instance !== this.instance;
      const after = elsewhere && !late && newest.learned <= began ? newest.at + 1 : 0;
      const former = this.held.get(publicKey) ?? 0;
      return { publicKey, index, at: Math.max(since, after, isAhead(former, since) ? 0 : former) };
    });
    for (const { publicKey, at } of records) this.held.set(publicKey, at);
    return records;
  }

  /** A session that this server recorded before its agent was started again; nothing where it has ended. */
  inherit({ publicKey, at }: SessionRecord): void {
    if (this.directory.newest(publicKey) === undefined) return;
    this.held.set(publicKey, Math.max(at, this.held.get(publicKey) ?? 0));
  }

  /**
   * Whether this client's session was held until now and another server has a newer one: it is not held any more.
   * @param now monotonic milliseconds
   */
  lose(publicKey: string, now: number): boolean {
    const newest = this.directory.newest(publicKey);
    if (newest === undefined || newest.instance === this.instance || !this.held.delete(publicKey))
      return false;
    for (const [other, at] of this.lost) {
      if (now - at < LEFT_TO_HOLDER_MS) break; // in the order of their times
      this.lost.delete(other);
    }
    this.lost.delete(publicKey);
    this.lost.set(publicKey, now);
    return true;
  }

  /**
   * Whether another server took this client from here only a moment ago.
   * @param now monotonic milliseconds
   */
  hasJustLost(publicKey: string, now: number): boolean {
    return now - (this.lost.get(publicKey) ?? Number.NEGATIVE_INFINITY) < LEFT_TO_HOLDER_MS;
  }

  /** Forgets those who are no clients any more. */
  prune(isClient: (publicKey: string) => boolean): void {
    for (const publicKey of this.held.keys()) if (!isClient(publicKey)) this.held.delete(publicKey);
  }

  /** This server has forgotten its session with this client. */
  forget(publicKey: string): void {
    this.held.delete(publicKey);
  }
}
