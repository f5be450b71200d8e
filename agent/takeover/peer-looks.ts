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
  /** Whether there is anything to look for. */
  readonly wanted: () => boolean;
  readonly onPeers: (peers: readonly Peer[]) => void;
}

/** How soon the kernel is asked whether a client answered, while one is being called; */
const URGENT_MS = 60;
/** and whether a handshake of ours is complete, otherwise. */
const USUAL_MS = 700;
/** Looking may take at most this share of the time, a tenth while clients are called and a fiftieth otherwise. */
const SHARE = { urgent: 10, usual: 50 } as const;

/** Looks at the kernel's peers while there is something to look for, and only then; one look at a time. */
export class PeerLooks {
  private timer: Timer | undefined;
  private running: Promise<void> | undefined;
  private lastMs = 0;
  private stopped = false;

  constructor(private readonly options: PeerLooksOptions) {}

  /** Asks for a look in a moment. */
  soon(): void {
    if (this.timer !== undefined || this.running !== undefined || this.stopped) return;
    const urgent = this.options.urgent();
    const [least, share] = urgent ? [URGENT_MS, SHARE.urgent] : [USUAL_MS, SHARE.usual];
    this.timer = this.options.clock.after(Math.max(least, this.lastMs * share), () => void this.now());
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
    this.lastMs = clock.monotonic() - began;
  }
}
