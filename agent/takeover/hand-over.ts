import type { Peer } from "../../wireguard/dump";
import type { Clock } from "../clock";
import type { Device } from "../device";
import { type Log, messageOf } from "../log";

/** A client, and where it sends from, as `wg` prints it. */
export interface LeftClient {
  readonly publicKey: string;
  readonly endpoint: string;
}

/** What the handing over needs. */
export interface HandOverOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly device: Pick<Device, "dump">;
  /** Whether that is a client's key, and this server has its newest session. */
  readonly isHeld: (publicKey: string) => boolean;
  /** Whether a client is known to be past the load balancer, so that it is here whether it sends or not. */
  readonly isPast: (publicKey: string) => boolean;
  /** Whether anybody else may be here. */
  readonly isEmpty: boolean;
  /** Whether this server still goes. */
  readonly stillDrains: () => boolean;
  /** Asks other servers to call these clients, others each round; false where there is none. */
  readonly tell: (clients: readonly LeftClient[], round: number) => boolean;
}

/** Who sends nothing for so long is not known to be here: with traffic, clients send every few milliseconds. */
const LISTEN_MS = 1500;
/** So long the others may take to call, each round; they do in milliseconds, or again after 0.7 s and 1.4 s. */
const CALL_MS = 1000;
const ROUNDS = 2;
const LOOK_MS = 100;

/**
 * Clients that still send to a server that goes, after the load balancer has moved its flows: they have followed its last words to its own
 * address, which one with a public address or behind a full-cone NAT can do, and would send there for ever when it is gone. Another
 * server calls them from its own address, where they follow it. They stay past the load balancer, but connected.
 */
export class HandOver {
  constructor(private readonly options: HandOverOptions) {}

  /** Settles when nobody is left, or after some seconds. */
  async run(): Promise<void> {
    const { log, stillDrains, tell } = this.options;
    try {
      const left = await this.talking();
      for (let round = 0; round < ROUNDS && stillDrains(); round++) {
        const here = round === 0 ? left : left.filter(({ publicKey }) => this.isHere(publicKey));
        // Where there is nobody else, the load balancer has nowhere to move them to either.
        if (here.length === 0 || !tell(here, round)) return;
        log.warn(
          { clients: here.length },
          "clients followed this server to its own address; other servers call them",
        );
        await this.gone(here);
      }
    } catch (error) {
      log.warn({ problem: messageOf(error) }, "clients that are left could not be handed over");
    }
  }

  private isHere(publicKey: string): boolean {
    return this.options.isHeld(publicKey) || this.options.isPast(publicKey);
  }

  private async talking(): Promise<LeftClient[]> {
    const { device, isEmpty, isHeld, isPast } = this.options;
    const received = (peers: readonly Peer[]) =>
      new Map(peers.map(({ publicKey, rxBytes }) => [publicKey, rxBytes]));
    const before = received((await device.dump()).peers);
    if (!isEmpty) await this.pause(LISTEN_MS);
    return (await device.dump()).peers.flatMap(({ publicKey, endpoint, rxBytes }) => {
      const isTalking = rxBytes > (before.get(publicKey) ?? rxBytes) && isHeld(publicKey);
      return endpoint !== undefined && (isTalking || isPast(publicKey)) ? { publicKey, endpoint } : [];
    });
  }

  private async gone(left: readonly LeftClient[]): Promise<void> {
    const isLeft = () => left.some(({ publicKey }) => this.isHere(publicKey));
    for (let waited = 0; waited < CALL_MS && isLeft(); waited += LOOK_MS) await this.pause(LOOK_MS);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.options.clock.after(ms, resolve));
  }
}
