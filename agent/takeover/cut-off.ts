import type { Peer } from "../../wireguard/dump";
import type { Clock, Timer } from "../clock";
import type { Device } from "../device";
import { type Log, messageOf } from "../log";
import { IsolationWatch } from "./isolation";
import type { SessionsTable } from "./sessions-table";

/** What is needed to fall silent when nothing reaches this server. */
export interface CutOffOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly healthCheckSeconds: number;
  readonly device: Pick<Device, "dump">;
  readonly table: Pick<SessionsTable, "disown">;
  /** Whether that is a client's key. */
  readonly isClient: (publicKey: string) => boolean;
  /** Whether this server drains: then the load balancer may have stopped to look at it, while its flows are still led here. */
  readonly draining?: (() => boolean) | undefined;
  /** Called twice a second while this server is in touch, or drains. */
  readonly touch?: (() => void) | undefined;
  /** Told the peers before they are judged: they show whether clients were heard since the last look. */
  readonly onPeers: (peers: readonly Peer[]) => void;
  /** Told each client whose session here does not count any more. */
  readonly forget: (publicKey: string) => void;
  /** Settles when the kernel has been told of all of them; false where it could not be told yet. */
  readonly forgotten: () => Promise<boolean>;
}

/** A server that is cut off and could not forget its sessions looks again. */
const FORGET_AGAIN_MS = 2000;

/**
 * Nothing reaches this server: its clients go elsewhere, and it must not speak to them when it is reached again.
 *
 * INVARIANTS: what was forgotten is told to the kernel's table, too, and until that is done it is tried again, also when this
 * server is reached meanwhile. WireGuard is told first: a session that still stands would be taken for one of this server's that only
 * the table has lost (recalls.ts).
 */
export class CutOff {
  private readonly watch: IsolationWatch;
  /** Whether this server forgot its sessions and the table does not know yet. */
  private mustDisown = false;
  private again: Timer | undefined;
  private stopped = false;

  constructor(private readonly options: CutOffOptions) {
    const { clock, draining, healthCheckSeconds, touch } = options;
    const onLook = (inTouch: boolean): void => {
      if (inTouch || draining?.()) touch?.();
    };
    this.watch = new IsolationWatch(clock, healthCheckSeconds, () => void this.fallSilent(), onLook);
  }

  /** Whether nobody from outside has reached this server for a while. */
  get isOutOfTouch(): boolean {
    return this.watch.isolated;
  }

  start(): void {
    this.watch.start();
  }

  stop(): void {
    this.stopped = true;
    this.watch.stop();
    this.again?.cancel();
  }

  /** Somebody from outside reached this server. */
  heard(): void {
    this.watch.heard();
  }

  /** Clients' peers as the kernel has them. */
  observe(clients: readonly Peer[]): void {
    this.watch.bytes(clients.reduce((sum, { rxBytes }) => sum + rxBytes, 0));
  }

  private async fallSilent(): Promise<void> {
    const { device, draining, forgotten, isClient, log, onPeers, table } = this.options;
    try {
      if (this.watch.isolated && !draining?.()) {
        const { peers } = await device.dump();
        onPeers(peers);
        const isTalking = ({ endpoint, publicKey }: Peer) => endpoint !== undefined && isClient(publicKey);
        // Not if clients were heard since the last look.
        if (this.watch.isolated) this.forget(peers.filter(isTalking));
      }
      if (!this.mustDisown) return;
      if (await forgotten()) {
        await table.disown();
        this.mustDisown = false;
      } else this.later();
    } catch (error) {
      log.error({ problem: messageOf(error) }, "this server is cut off and could not forget its sessions");
      this.later();
    }
  }

  private later(): void {
    this.again?.cancel();
    if (this.stopped) return;
    this.again = this.options.clock.after(FORGET_AGAIN_MS, () => void this.fallSilent());
  }

  private forget(peers: readonly Peer[]): void {
    if (peers.length === 0) return;
    const { forget, log } = this.options;
    log.warn({ sessions: peers.length }, "nothing reaches this server any more; it forgets its sessions");
    this.mustDisown = true;
    for (const { publicKey } of peers) forget(publicKey);
  }
}
