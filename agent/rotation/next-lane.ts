import { readFileSync } from "node:fs";
import type { SessionRecord } from "../../registry/sessions";
import type { PeerSpec } from "../../wireguard/diff";
import type { Peer } from "../../wireguard/dump";
import { INTERFACES, secondPort } from "../../wireguard/generations";
import type { Clock } from "../clock";
import type { AgentConfig } from "../config";
import { type Device, wgDevice } from "../device";
import type { Exec } from "../exec";
import type { NextKey } from "../local-copy";
import type { Log } from "../log";
import { Marks } from "../marks";
import { onlineOf } from "../metrics";
import { Mutex } from "../mutex";
import { Reconciler, type Scope } from "../reconcile";
import type { StorageClient } from "../storage-client";
import { LANES } from "../takeover/flow-events";
import type { LeftClient } from "../takeover/hand-over";
import { Takeover, type TakeoverOptions } from "../takeover/takeover";
import { ClientRoutes } from "./client-routes";
import { Whereabouts } from "./whereabouts";

/** What the lane needs from around it. */
export interface NextLaneOptions {
  readonly config: AgentConfig;
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: Pick<StorageClient, "request">;
  readonly exec: Exec;
  readonly next: NextKey;
  /** The peers as the registry wants them; undefined while nothing is known. */
  readonly desired: () => ReadonlyMap<string, PeerSpec> | undefined;
  /** See the reconciler's options. */
  readonly spared?: ((publicKey: string) => boolean) | undefined;
  /** The peer of a client that may connect. */
  readonly peer: (publicKey: string) => PeerSpec | undefined;
  readonly revision: () => number;
  /** Told the peers with each look. */
  readonly onPeers: (peers: readonly Peer[]) => void;
  /** See the takeover's options. */
  readonly announce?: ((holder: string, records: readonly SessionRecord[]) => void) | undefined;
  readonly handOver?: TakeoverOptions["handOver"];
  readonly draining?: (() => boolean) | undefined;
  readonly touch?: (() => void) | undefined;
  /** Tests bring their own. */
  readonly device?: Device | undefined;
}

const NAME = INTERFACES.next;
const SUFFIX = ".next";

/** Whether session records of that name are of a server's interface with the next key. */
export const isNextLane = (holder: string): boolean => holder.endsWith(SUFFIX);

/**
 * The interface of the next server key while the key is replaced: it has all the peers that the other one has. Clients that shake
 * hands here get routes of their own, and are marked as moved; their sessions are recorded and taken over like all others.
 *
 * INVARIANTS: it shares nothing that is written with the other interface: table, zones, lock and session log are its own, so
 * its trouble degrades this server and cannot take it out of service. For the session records it is another server
 * (`<instance>.next`): a client's newest session is at one of the two, and the other one falls silent.
 */
export class NextLane {
  private readonly reconciler: Reconciler;
  private readonly takeover: Takeover | undefined;
  private readonly routes: ClientRoutes;
  private readonly marks: Marks;
  private readonly whereabouts = new Whereabouts();
  private marked = new Set<string>();

  constructor(private readonly options: NextLaneOptions) {
    const { config, clock, log, storage, exec, next } = options;
    const device = options.device ?? wgDevice(NAME, exec, () => (isUp(NAME) ? [NAME] : []));
    const lock = new Mutex();
    this.routes = new ClientRoutes(NAME, exec);
    this.marks = new Marks(clock, log, "clients that use the next server key", (publicKeys) =>
      storage.request("markMoved", {
        runtimeRoot: config.runtimePath,
        serverKey: next.publicKey,
        publicKeys,
      }),
    );
    this.takeover = config.takeover
      ? new Takeover({
          ...options,
          instance: `${options.instance}${SUFFIX}`,
          interface: NAME,
          lane: { ...LANES.next, port: secondPort(config.listenPort) },
          device,
          lock,
          desired: options.peer,
          ready: () => options.desired() !== undefined,
          // Every handshake here may be a client's first one with this key, whose answers wait for its route.
          expecting: () => true,
          onPeers: (peers) => this.see(peers),
        })
      : undefined;
    this.reconciler = new Reconciler({
      interface: NAME,
      // The firewall is one for both interfaces, and is looked at with the other one.
      device: { ...device, observe: (signal) => device.observe(signal, false) },
      lock,
      clock,
      log,
      desired: options.desired,
      spared: options.spared,
      revision: options.revision,
      onObserve: ({ dump }) => {
        this.see(dump.peers);
        this.takeover?.observe(dump.peers);
      },
    });
  }

  async start(): Promise<void> {
    this.reconciler.request("everything");
    await this.takeover?.start();
  }

  /** Stops; the interface and its sessions stay. */
  async stop(): Promise<void> {
    this.marks.stop();
    await Promise.all([this.takeover?.stop(), this.reconciler.stop()]);
  }

  /** Stops for good, because the interface goes. */
  async remove(): Promise<void> {
    await this.stop();
    await this.takeover?.remove();
  }

  /** Which peers may have changed. */
  request(scope: Scope): void {
    this.reconciler.request(scope);
  }

  /** Somebody from outside reached this server. */
  heard(): void {
    this.takeover?.heard();
  }

  /** See {@link Takeover.handOver}. */
  async handOver(...asked: Parameters<Takeover["handOver"]>): Promise<void> {
    await this.takeover?.handOver(...asked);
  }

  /** See {@link Takeover.receive}. */
  receive(holder: string, clients: readonly LeftClient[]): void {
    this.takeover?.receive(holder, clients);
  }

  /** See {@link Takeover.told}. */
  told(holder: string, records: readonly SessionRecord[]): void {
    this.takeover?.told(holder, records);
  }

  /** The other interface's peers: a client that shakes hands there again is no longer here. */
  seeCurrent(peers: readonly Peer[]): void {
    if (this.whereabouts.see("current", peers)) void this.follow();
  }

  /** What is wrong here, as a readable line. */
  get problem(): string | undefined {
    const { reconciler, takeover, routes } = this;
    const isDown = reconciler.state?.up === false ? `${NAME} is down` : undefined;
    const why = reconciler.error ?? isDown ?? routes.error ?? takeover?.problem;
    return why === undefined ? undefined : `the next server key is not served as it should be: ${why}`;
  }

  /** Public keys of clients whose session is here and not over. */
  get online(): string[] {
    const peers = this.reconciler.state?.dump.peers ?? [];
    return onlineOf(peers, this.options.clock.now()).map(({ publicKey }) => publicKey);
  }

  /** Clients that are here rather than at the other interface. */
  get movedCount(): number {
    return this.whereabouts.moved.size;
  }

  private see(peers: readonly Peer[]): void {
    this.options.onPeers(peers);
    this.whereabouts.see("next", peers);
    void this.follow();
  }

  private async follow(): Promise<void> {
    const { peer } = this.options;
    const here = [...this.whereabouts.moved].flatMap((publicKey) => peer(publicKey) ?? []);
    const fresh = here.map(({ publicKey }) => publicKey).filter((publicKey) => !this.marked.has(publicKey));
    if (fresh.length > 0) {
      for (const publicKey of fresh) this.marked.add(publicKey);
      this.options.log.info({ clients: fresh.length }, "clients use the next server key");
      this.marks.add(fresh);
    }
    await this.routes.set(new Set(here.flatMap(({ allowedIps }) => allowedIps)));
  }
}

/** Node.js lists only interfaces with an address, which this one has not. IFF_UP is bit 0 (netdevice(7)). */
function isUp(name: string): boolean {
  try {
    return (Number(readFileSync(`/sys/class/net/${name}/flags`, "utf8")) & 1) === 1;
  } catch {
    return false;
  }
}
