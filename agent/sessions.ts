import type { SessionRecord } from "../registry/sessions";
import type { Peer } from "../wireguard/dump";
import type { AgentOptions } from "./agent-options";
import type { KnownClients } from "./known-clients";
import { ClusterLink, type ClusterLinkOptions, type ClusterOptions } from "./mesh/cluster-link";
import { onlineOf } from "./metrics";
import type { NextLane } from "./rotation/next-lane";
import { LANES } from "./takeover/flow-events";
import { Takeover, type TakeoverOptions } from "./takeover/takeover";

/** What the sessions need from around them. */
export interface SessionsOptions
  extends Pick<
      AgentOptions,
      "clock" | "cluster" | "config" | "device" | "exec" | "instance" | "log" | "storage"
    >,
    Pick<TakeoverOptions, "dated" | "lock" | "onPeers" | "onRecorded">,
    Pick<ClusterLinkOptions, "state"> {
  readonly clients: Pick<KnownClients, "awaitedKeys" | "peer">;
  /** The peers of this interface when it was last looked at. */
  readonly peers: () => readonly Peer[];
  /** The interface of the next server key, while there is one. */
  readonly nextLane: () => NextLane | undefined;
}

/**
 * Which server holds which client's session: taken over here, announced to the other servers, and heard from them. What they say
 * goes to both interfaces of this server, while it has two.
 */
export class Sessions {
  /** Undefined where the stack turned it off. */
  readonly takeover: Takeover | undefined;
  /** The other servers; undefined without takeover, and where there is no place among them. */
  readonly cluster: ClusterLink | undefined;

  constructor(private readonly options: SessionsOptions) {
    if (!options.config.takeover) return;
    const takeover = this.makeTakeover();
    this.takeover = takeover;
    if (options.cluster !== undefined) this.cluster = this.makeCluster(options.cluster, takeover);
  }

  /** Starts; settles when the kernel's table stands, or could not be made. */
  async start(): Promise<void> {
    await this.takeover?.start();
    this.cluster?.start();
  }

  async stop(): Promise<void> {
    await this.takeover?.stop();
    await this.cluster?.stop();
  }

  /** Tells the other servers, and this server's own other interface, which sessions are held here from now on. */
  announce(holder: string, records: readonly SessionRecord[]): void {
    this.cluster?.announce(holder, records);
    this.told(holder, records);
  }

  /** Somebody from outside reached this server. */
  heard(): void {
    this.takeover?.heard();
    this.options.nextLane()?.heard();
  }

  /** Clients whose session is this server's and not over. */
  get live(): number {
    const { clients, clock, nextLane, peers } = this.options;
    const here = onlineOf(peers(), clock.now());
    const online = new Set([...here.map(({ publicKey }) => publicKey), ...(nextLane()?.online ?? [])]);
    return [...online].filter((publicKey) => clients.peer(publicKey) !== undefined).length;
  }

  private told(holder: string, records: readonly SessionRecord[]): void {
    this.takeover?.told(holder, records);
    this.options.nextLane()?.told(holder, records);
  }

  private makeTakeover(): Takeover {
    const { options } = this;
    const { clients, config, nextLane } = options;
    return new Takeover({
      ...options,
      interface: config.interface,
      lane: { ...LANES.current, port: config.listenPort },
      desired: (publicKey) => clients.peer(publicKey),
      // A client that goes back to this key waits for its route as well.
      expecting: () => clients.awaitedKeys.size + (nextLane()?.movedCount ?? 0) > 0,
      announce: (holder, records) => this.announce(holder, records),
      onHolders: (publicKeys) => this.cluster?.onHolders(publicKeys),
      onRead: () => this.cluster?.onDirectoryRead(),
    });
  }

  private makeCluster(cluster: ClusterOptions, { directory }: Takeover): ClusterLink {
    const { options } = this;
    return new ClusterLink({
      ...options,
      ...cluster,
      holder: (publicKey) => directory.newest(publicKey)?.instance,
      connected: () => directory.clients,
      peer: (publicKey) => options.clients.peer(publicKey),
      onSessions: (holder, records) => this.told(holder, records),
    });
  }
}
