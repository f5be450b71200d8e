import type { Peer } from "../../wireguard/dump";
import type { Clock, Timer } from "../clock";
import type { Device } from "../device";
import { type Log, messageOf } from "../log";

/** What the looks need. */
export interface PeerLooksOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly device: Pick<Device, "dump">;
  /** Whether a client is being called, so that its answer is waited for. */
  readonly urgent: () => boolean;
  /** Whether some client's new key waits for its first handshake, and its packets for that. */
  readonly expecting: () => boolean;
  /** Whether there is anything to look for. */
  readonly wanted: () => boolean;
  readonly onPeers: (peers: readonly Peer[]) => void;
}

/**
 * How soon the kernel is asked whether a client answered that is being called: a client nearby does within some milliseconds, and its
 * packets from others go astray until this is known. On a busy machine a look takes longer, and its share below counts.
 */
const URGENT_MS = 20;
/** How soon, whether it is one with a new key, whose packets are lost until this is known, */
const EXPECTING_MS = 30;
/** and whether a handshake of ours is complete, otherwise. */
const USUAL_MS = 700;
/**
 * One look after the other may take at most this share of the time: a third while clients are called, which is over in seconds, and until
 * the others are told of a new session their packets for the client go astray; a twentieth while new keys are expected.
 */
const SHARE = { urgent: 3, expecting: 20, usual: 50 } as const;

/** Looks at the kernel's peers while there is something to look for, and only then; one look at a time. */
export class PeerLooks {
  private timer: Timer | undefined;
  /** When the timer runs out (monotonic). */
  private due = 0;
  private running: Promise<void> | undefined;
  /** How long the last two looks took: one alone may have waited for a busy processor. */
  private took: readonly number[] = [];
  private lastAt = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(private readonly options: PeerLooksOptions) {}

  /** Asks for a look in a moment. */
  soon(): void {
    if (this.running !== undefined || this.stopped) return;
    const due = this.next();
    if (this.timer !== undefined && this.due <= due) return;
    this.timer?.cancel();
    this.due = due;
    this.timer = this.options.clock.after(due - this.options.clock.monotonic(), () => void this.now());
  }

  /** When to look: the first time soon, then as often as the time that it takes allows. */
  private next(): number {
    const { clock, urgent, expecting } = this.options;
    const cost = this.took.length === 0 ? 0 : Math.min(...this.took);
    const at = (ms: number, share: number) => Math.max(clock.monotonic() + ms, this.lastAt + cost * share);
    if (urgent()) return at(URGENT_MS, SHARE.urgent);
    return expecting() ? at(EXPECTING_MS, SHARE.expecting) : at(USUAL_MS, SHARE.usual);
  }

  /** Settles after a look that began after this call. */
  async now(): Promise<void> {
    await this.running;
    this.running ??= this.look().finally(() => {
      this.running = undefined;
      if (this.options.wanted()) this.soon();
    });
    await this.running;
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    const { clock, device, log, onPeers } = this.options;
    this.timer?.cancel();
    this.timer = undefined;
    const began = clock.monotonic();
    try {
      onPeers((await device.dump()).peers);
    } catch (error) {
      log.warn({ problem: messageOf(error) }, "the handshakes could not be looked at");
    }
    this.lastAt = clock.monotonic();
    this.took = [...this.took.slice(-1), this.lastAt - began];
  }
}
