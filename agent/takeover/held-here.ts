import { isAhead, type SessionRecord } from "../../registry/sessions";
import type { SessionDirectory } from "./directory";
import type { ConfirmedSession } from "./own-sessions";

/**
 * Clients whose session this server holds, by the time of its record. Pure.
 *
 * INVARIANTS: a session is dated later than any session of its client that was known when it began, whatever the servers' clocks
 * say, and never before this server's own former one, unless that is from a time when this server's clock was far ahead.
 */
export class HeldHere {
  private readonly held = new Map<string, number>();

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

  /** Whether this client's session was held until now and another server has a newer one: it is not held any more. */
  lose(publicKey: string): boolean {
    const newest = this.directory.newest(publicKey);
    if (newest === undefined || newest.instance === this.instance) return false;
    return this.held.delete(publicKey);
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
