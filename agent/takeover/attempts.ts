import type { WgCommand } from "../../wireguard/commands";
import { keepaliveCommands, type RenewedPeer, renewCommands } from "../../wireguard/commands";
import type { PeerSpec } from "../../wireguard/diff";
import { backoff } from "../backoff";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";
import type { Mutex } from "../mutex";
import type { HeldSession } from "./directory";
import { TokenBucket } from "./token-bucket";

/** What the attempts need. */
export interface AttemptsOptions {
  readonly interface: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Held while the interface is changed. */
  readonly lock: Mutex;
  readonly apply: (commands: readonly WgCommand[]) => Promise<void>;
  /** The peer as the registry wants it; undefined for a client that may not connect. */
  readonly desired: (publicKey: string) => PeerSpec | undefined;
  /** Called while attempts wait for an answer, each time one was made. */
  readonly onCall: () => void;
  /** Settles once it is known which clients have answered until now. */
  readonly look: () => Promise<void>;
}

/** An unanswered call is repeated at these times, instead of after WireGuard's 5 s; each makes the answer to the one before void. */
const CALLS_AT_MS = [0, 700, 1400] as const;
/**
 * When the last call is given up, so how far away a client may be: its answer takes a round trip. The kernel would repeat the call by
 * itself 5 s after it (REKEY_TIMEOUT, whitepaper, section 6.1), and until then it says nothing.
 */
const GIVE_UP_MS = CALLS_AT_MS[2] + 4500;
/** Clients nearby have answered by then; further ones are looked for less often. */
const NEARBY_MS = 2000;
/**
 * A client that did not answer so many attempts in a row is left to its own handshakes for so long: its own and a call that cross void each
 * other, and it tries every 5 s once it has sent for 15 s without an answer. The second attempt is over before that, and is for a server
 * whose clock is a few seconds behind: the client refuses what is dated before its last handshake.
 */
const IN_VAIN = { times: 2, ms: 15_000 } as const;
/**
 * After a takeover this server speaks every second for a moment. Should the server that lost the client speak once more from
 * its own address before it reads of its loss, a client without a strict NAT follows it there, and the next of these packets
 * fetches it back. Not longer: were this server the next to lose the client, these packets would do the same.
 */
const KEEPALIVE = { seconds: 1, forMs: 3000 } as const;
/** What could not be said to the kernel is said again. */
const AGAIN_MS = { first: 500, longest: 10_000 } as const;
const BUCKET = { perSecond: 1000, burst: 3000 } as const;

/** Who held it, and when this server learned of it (monotonic milliseconds). */
export type LostSession = Pick<HeldSession, "instance" | "learned">;

interface Attempt {
  readonly endpoint: string;
  readonly lost: LostSession;
  /** Whether another server asked for it, and no stray did. */
  readonly isInvited: boolean;
  /** Monotonic, and by the wall clock, which handshakes are dated with. */
  readonly began: number;
  readonly beganAt: number;
  /** Whether the client was called: before that the kernel shows the session of before. */
  called: boolean;
  timer: Timer | undefined;
  answered: boolean;
}

/** A client that did not answer: the last attempt, when it was given up, and how many there were in a row. */
type InVain = Pick<Attempt, "endpoint" | "began"> & { readonly at: number; readonly times: number };

/**
 * Calls clients: gives a peer the address that a stray packet came from and makes the kernel start a handshake.
 *
 * INVARIANTS: one attempt a client at a time; a client that may not connect is never called, and never comes back through
 * this: what is desired is asked while the lock is held, so a removal that is decided later also happens later. A client that is
 * to be forgotten is, however often the tools fail. Calls that
 * come together go out together, in one run of the tools. No attempt calls a client again, or gives it up, before somebody has looked
 * whether it answered: on a server with very many peers that takes longer than the calls are apart.
 */
export class Attempts {
  private readonly attempts = new Map<string, Attempt>();
  private readonly inVain = new Map<string, InVain>();
  private readonly bucket = new TokenBucket(BUCKET.perSecond, BUCKET.burst);
  private renew = new Map<string, { endpoint?: string; persistentKeepalive?: number }>();
  private quiet = new Set<string>();
  private flushing: Promise<void> | undefined;
  private again: Timer | undefined;
  private failures = 0;
  private stopped = false;
  readonly stats = { started: 0, answered: 0, unanswered: 0, refused: 0 };

  constructor(private readonly options: AttemptsOptions) {}

  /** Whether a call is out that has not been answered. */
  get waiting(): boolean {
    return [...this.attempts.values()].some(({ answered }) => !answered);
  }

  /** Whether one is out that a client nearby would answer about now. */
  get urgent(): boolean {
    const since = this.options.clock.monotonic() - NEARBY_MS;
    return [...this.attempts.values()].some(({ answered, began }) => !answered && began > since);
  }

  /** Whether somebody at the address is being called. */
  calls(endpoint: string): boolean {
    return [...this.attempts.values()].some((attempt) => attempt.endpoint === endpoint && !attempt.answered);
  }

  /** Whether clients are being called, or were a moment ago and are still spoken to. */
  get open(): boolean {
    return this.attempts.size > 0;
  }

  /** The server that held the client which was called and has not answered. */
  calledFrom(publicKey: string): string | undefined {
    const attempt = this.attempts.get(publicKey);
    return attempt?.answered === false ? attempt.lost.instance : undefined;
  }

  /**
   * Calls a client at the address; nothing happens while another attempt for it runs, unless that one only waits for an answer from where
   * the client is not any more; when one was answered, or two were in vain a moment ago, that began after this server had learned of the
   * session that the stray is of; or when there are too many.
   *
   * @param lost the session that the stray is of
   */
  start(publicKey: string, endpoint: string, lost: LostSession): void {
    this.begin(publicKey, endpoint, lost, false);
  }

  /** Calls a client that another server hands over, and that may not be reached from here; its stray, if it comes, counts for more. */
  invite(publicKey: string, endpoint: string, lost: LostSession): void {
    this.begin(publicKey, endpoint, lost, true);
  }

  private begin(publicKey: string, endpoint: string, lost: LostSession, isInvited: boolean): void {
    const { clock } = this.options;
    const running = this.attempts.get(publicKey);
    if (running !== undefined && (isInvited || !this.givesWay(running, endpoint, lost))) return;
    if (this.stopped || this.isInVain(publicKey, endpoint, lost)) return;
    if (!this.bucket.take(clock.monotonic())) {
      this.stats.refused++;
      return;
    }
    running?.timer?.cancel();
    const attempt: Attempt = {
      endpoint,
      lost,
      isInvited,
      began: clock.monotonic(),
      beganAt: clock.now(),
      called: false,
      timer: undefined,
      answered: false,
    };
    this.attempts.set(publicKey, attempt);
    this.stats.started++;
    this.call(publicKey, attempt, 0);
  }

  /**
   * What the kernel shows of a client's handshake, in whole seconds of the wall clock (0: none). It is known before the event
   * of the handshake is, on a busy machine long before, and a client that has answered must not be called again.
   */
  seen(publicKey: string, latestHandshake: number): number | undefined {
    const attempt = this.attempts.get(publicKey);
    if (attempt === undefined || !attempt.called) return undefined;
    return latestHandshake >= Math.floor(attempt.beganAt / 1000) ? this.answered(publicKey) : undefined;
  }

  /** The client answered. Returns how long it took in milliseconds, or undefined when it was not called. */
  answered(publicKey: string): number | undefined {
    const attempt = this.attempts.get(publicKey);
    if (attempt === undefined || attempt.answered) return undefined;
    attempt.answered = true;
    this.inVain.delete(publicKey);
    attempt.timer?.cancel();
    this.stats.answered++;
    if (this.stopped) return undefined;
    attempt.timer = this.options.clock.after(KEEPALIVE.forMs, () => {
      this.attempts.delete(publicKey);
      this.quiet.add(publicKey);
      this.flush();
    });
    return this.options.clock.monotonic() - attempt.began;
  }

  /** Makes this server forget the session with a client, without a word to it. */
  drop(publicKey: string): void {
    this.attempts.get(publicKey)?.timer?.cancel();
    this.attempts.delete(publicKey);
    this.renew.set(publicKey, {});
    this.flush();
  }

  /** Settles when WireGuard has been told which sessions are to be forgotten; false where it could not be told yet. */
  async forgotten(): Promise<boolean> {
    await this.flushing;
    return this.renew.size === 0;
  }

  /** A keepalive that an agent before this one left on: its call is over, and so is the session if there is none. */
  inherit(publicKey: string, connected: boolean): void {
    if (this.attempts.has(publicKey)) return;
    if (connected) this.quiet.add(publicKey);
    else this.renew.set(publicKey, {});
    this.flush();
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.again?.cancel();
    for (const { timer } of this.attempts.values()) timer?.cancel();
    return this.flushing ?? Promise.resolve();
  }

  private call(publicKey: string, attempt: Attempt, number: number): void {
    const { clock } = this.options;
    this.renew.set(publicKey, { endpoint: attempt.endpoint, persistentKeepalive: KEEPALIVE.seconds });
    this.flush();
    const next = CALLS_AT_MS[number + 1];
    const at = attempt.began + (next ?? GIVE_UP_MS);
    attempt.timer = clock.after(Math.max(0, at - clock.monotonic()), async () => {
      await this.options.look();
      if (this.stopped || attempt.answered || this.attempts.get(publicKey) !== attempt) return;
      if (next !== undefined) return this.call(publicKey, attempt, number + 1);
      this.giveUp(publicKey, attempt);
    });
  }

  private givesWay(running: Attempt, endpoint: string, { learned }: LostSession): boolean {
    if (running.answered) return learned > running.began;
    if (running.isInvited) return true;
    const age = this.options.clock.monotonic() - running.began;
    return running.endpoint !== endpoint && age >= CALLS_AT_MS[2];
  }

  private giveUp(publicKey: string, { endpoint, began }: Attempt): void {
    const now = this.options.clock.monotonic();
    this.stats.unanswered++;
    for (const [key, { at }] of this.inVain) if (at <= now - 2 * IN_VAIN.ms) this.inVain.delete(key);
    const before = this.inVain.get(publicKey);
    const times = 1 + (before?.endpoint === endpoint ? before.times : 0);
    this.inVain.set(publicKey, { endpoint, began, at: now, times });
    this.drop(publicKey);
  }

  private isInVain(publicKey: string, endpoint: string, { learned }: LostSession): boolean {
    const last = this.inVain.get(publicKey);
    if (last === undefined || learned > last.began || last.endpoint !== endpoint) return false;
    return last.times >= IN_VAIN.times && this.options.clock.monotonic() - last.at < IN_VAIN.ms;
  }

  private flush(): void {
    this.flushing ??= this.write().finally(() => {
      this.flushing = undefined;
    });
  }

  private async write(): Promise<void> {
    const { clock, lock, log } = this.options;
    while (this.renew.size > 0 || this.quiet.size > 0) {
      const [renew, quiet] = [this.renew, this.quiet];
      try {
        await lock.run(() => this.writeOnce());
        this.failures = 0;
      } catch (error) {
        log.error({ problem: messageOf(error) }, "sessions could not be renewed");
        this.keep(renew, quiet);
        this.again?.cancel();
        if (this.stopped) return;
        this.again = clock.after(backoff(AGAIN_MS, this.failures++), () => this.flush());
        return;
      }
    }
  }

  /** Clients that are to be forgotten, or not spoken to any more, still are; who is called is called again anyway. */
  private keep(renew: Attempts["renew"], quiet: ReadonlySet<string>): void {
    for (const [publicKey, call] of renew)
      if (call.endpoint === undefined && !this.renew.has(publicKey)) this.renew.set(publicKey, call);
    for (const publicKey of quiet) this.quiet.add(publicKey);
  }

  private async writeOnce(): Promise<void> {
    const { desired, apply, onCall } = this.options;
    const [renew, quiet] = [this.renew, this.quiet];
    this.renew = new Map();
    this.quiet = new Set();
    const peers: RenewedPeer[] = [...renew].flatMap(([publicKey, call]) => {
      const spec = desired(publicKey);
      return spec === undefined ? [] : [{ ...spec, ...call }];
    });
    const keys = [...quiet].filter((key) => !renew.has(key) && desired(key) !== undefined);
    await apply([
      ...renewCommands(this.options.interface, peers),
      ...keepaliveCommands(this.options.interface, keys, 0),
    ]);
    for (const { publicKey, endpoint } of peers) {
      const attempt = this.attempts.get(publicKey);
      if (attempt !== undefined && endpoint !== undefined) attempt.called = true;
    }
    if (peers.some(({ endpoint }) => endpoint !== undefined)) onCall();
  }
}
