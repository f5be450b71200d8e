import type { Peer } from "../../wireguard/dump";
import type { FlowEvent } from "./flow-events";

/** A session of ours that is known to stand: both sides have its keys. */
export interface ConfirmedSession {
  readonly publicKey: string;
  readonly index: number;
  /** When the handshake packet left, milliseconds of the wall clock. */
  readonly since: number;
  /** The same moment in monotonic milliseconds, for what is compared inside of this process. */
  readonly began: number;
  /** Found later, not seen when it happened: other servers may have had newer sessions of that client since. */
  readonly late: boolean;
}

type Issued = Omit<ConfirmedSession, "publicKey"> & {
  readonly called: boolean;
  /** Whether its time has been doubted. */
  doubted: boolean;
};

/** When an index was handed out, see {@link ConfirmedSession}, and whether in a call of this server's own or as an answer. */
export type IssuedAt = Pick<ConfirmedSession, "since" | "began"> & {
  readonly late?: boolean;
  readonly called?: boolean;
};

/** A handshake that has not been completed for so long never will be (whitepaper, section 6.1: 5 s until the next attempt). */
const GIVE_UP_MS = 15_000;
/** For so long a client waits for the answer to its own handshake, before it begins another one (REKEY_TIMEOUT, whitepaper, section 6.1). */
const CLIENT_WAITS_MS = 5000;
/** An event is told a millisecond after its packet on an idle machine, later on a busy one; a client nearby answers sooner. */
const TOLD_LATE_MS = 500;
/** A client nearby has answered by then. */
const DOUBT_AFTER_MS = 300;
/** A client's and our own handshake may cross, and either may become the session. */
const INDICES_PER_ENDPOINT = 4;

/**
 * Indices that this server handed out and whose handshake is not known to be complete. Pure.
 *
 * INVARIANTS: an index is reported only after the kernel has called the handshake with that client complete. A repeated old
 * initiation makes a server answer, but without the client's private key nobody completes it: nothing that a stranger sends
 * makes a record.
 */
export class OwnSessions {
  private readonly pending = new Map<string, Issued[]>();

  get waiting(): boolean {
    return this.pending.size > 0;
  }

  /** Whether a handshake with this address may be complete by now. */
  expects(endpoint: string): boolean {
    return this.pending.has(endpoint);
  }

  /**
   * Whether a client there has begun a handshake of its own whose last packet may be under way: a call would void it.
   * @param now monotonic milliseconds
   */
  answers(endpoint: string, now: number): boolean {
    const issued = this.pending.get(endpoint) ?? [];
    return issued.some(({ called, began }) => !called && now - began < CLIENT_WAITS_MS);
  }

  issued({ endpoint, index }: FlowEvent, { since, began, late = false, called = false }: IssuedAt): void {
    const known = this.pending.get(endpoint) ?? [];
    const [earlier, same] = [
      known.filter((one) => one.index !== index),
      known.find((one) => one.index === index),
    ];
    const entry = { index, since, began, late, called: called || same?.called === true, doubted: late };
    this.pending.set(endpoint, [...earlier, entry].slice(-INDICES_PER_ENDPOINT));
  }

  /** What stands according to the kernel's peers. @param now milliseconds of the wall clock */
  confirm(peers: readonly Peer[], now: number): ConfirmedSession[] {
    if (this.pending.size === 0) return [];
    const confirmed: ConfirmedSession[] = [];
    for (const [endpoint, peer] of latestByEndpoint(peers, this.pending)) {
      const issued = this.pending.get(endpoint) ?? [];
      // The kernel's time has whole seconds, and the event may reach us after the answer did.
      const complete = issued.filter(
        ({ since }) => peer.latestHandshake >= Math.floor((since - TOLD_LATE_MS) / 1000),
      );
      if (complete.length === 0) continue;
      for (const { index, since, began, late } of complete)
        confirmed.push({ publicKey: peer.publicKey, index, since, began, late });
      this.keep(
        endpoint,
        issued.filter((entry) => !complete.includes(entry)),
      );
    }
    for (const [endpoint, issued] of this.pending) {
      this.keep(
        endpoint,
        issued.filter(({ since }) => since > now - GIVE_UP_MS),
      );
    }
    return confirmed;
  }

  /**
   * Whether some handshake may have been told of long after it happened, on a machine that stood still: the kernel's last one with that
   * client is a little older. Each is doubted once, and the kernel's table, where indices have an age, can be asked then.
   *
   * @param now milliseconds of the wall clock
   */
  hasDoubts(peers: readonly Peer[], now: number): boolean {
    if (this.pending.size === 0) return false;
    let found = false;
    for (const [endpoint, { latestHandshake }] of latestByEndpoint(peers, this.pending)) {
      for (const issued of this.pending.get(endpoint) ?? []) {
        const isRecent = latestHandshake * 1000 > issued.since - GIVE_UP_MS;
        if (issued.doubted || !isRecent || now - issued.since < DOUBT_AFTER_MS) continue;
        issued.doubted = true;
        found = true;
      }
    }
    return found;
  }

  private keep(endpoint: string, issued: Issued[]): void {
    if (issued.length === 0) this.pending.delete(endpoint);
    else this.pending.set(endpoint, issued);
  }
}

/** A client that went away may leave its address and port to another one: the later handshake tells whose they are now. */
function latestByEndpoint(peers: readonly Peer[], wanted: ReadonlyMap<string, unknown>): Map<string, Peer> {
  const latest = new Map<string, Peer>();
  for (const peer of peers) {
    if (peer.endpoint === undefined || !wanted.has(peer.endpoint)) continue;
    const other = latest.get(peer.endpoint);
    if (other === undefined || peer.latestHandshake > other.latestHandshake) latest.set(peer.endpoint, peer);
  }
  return latest;
}
