import type { SessionRecord } from "../registry/sessions";
import type { Peer } from "../wireguard/dump";
import type { AgentOptions } from "./agent-options";
import type { KnownClients } from "./known-clients";
import { ClusterLink, type ClusterLinkOptions, type ClusterOptions } from "./mesh/cluster-link";
import { onlineOf } from "./metrics";
import { isNextLane, type NextLane } from "./rotation/next-lane";
import { LANES } from "./takeover/flow-events";
import type { LeftClient } from "./takeover/hand-over";
import { Takeover, type TakeoverOptions } from "./takeover/takeover";

/** What the sessions need from around them. */
export interface SessionsOptions
  extends Pick<
      AgentOptions,
      "clock" | "config" | "device" | "exec" | "instance" | "log" | "storage" | "touch"
    >,
    Pick<TakeoverOptions, "dated" | "draining" | "lock" | "onPeers" | "onRecorded">,
    Pick<ClusterLinkOptions, "local" | "state"> {
  readonly clients: Pick<KnownClients, "awaitedKeys" | "peer" | "peers">;
  /** The peers of this interface when it was last looked at; undefined before that. */
  readonly peers: () => readonly Peer[] | undefined;
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
  private link: ClusterLink | undefined;
  private isStarted = false;
  private isStopped = false;
  private isDirectoryRead = false;

  constructor(private readonly options: SessionsOptions) {
    if (options.config.takeover) this.takeover = this.makeTakeover();
  }

  /** The other servers; undefined without takeover, and until this server knows its place among them. */
  get cluster(): ClusterLink | undefined {
    return this.link;
  }

  /** Why this server takes no traffic although nothing is wrong with it; undefined when it takes it. */
  get standby(): string | undefined {
    if (this.link !== undefined) return this.link.standby;
    // Alone it would be active besides the one that the others know.
    return this.options.config.topology === "active-passive"
      ? "standby: this server does not know its place among the others yet"
      : undefined;
  }

  /** Why this server still takes traffic although another one is active; undefined when that is not so. */
  get handingOn(): string | undefined {
    return this.link?.handingOn;
  }

  /** This server's place among the others is known, before or after {@link start}. */
  join(cluster: ClusterOptions): ClusterLink | undefined {
    if (this.takeover === undefined || this.isStopped) {
      cluster.line.close();
      return undefined;
    }
    this.link = this.makeCluster(cluster, this.takeover);
    if (this.isStarted) this.link.start();
    if (this.isDirectoryRead) this.link.onDirectoryRead();
    return this.link;
  }

  /** Starts; settles when the kernel's table stands, or could not be made. */
  async start(): Promise<void> {
    await this.takeover?.start();
    this.isStarted = true;
    this.cluster?.start();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
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

  /** Clients whose session is this server's and not over; undefined before anybody has looked. */
  get live(): number | undefined {
    const { clients, clock, nextLane } = this.options;
    const peers = this.options.peers();
    if (peers === undefined) return undefined;
    const here = onlineOf(peers, clock.now());
    const online = new Set([...here.map(({ publicKey }) => publicKey), ...(nextLane()?.online ?? [])]);
    return [...online].filter((publicKey) => clients.peer(publicKey) !== undefined).length;
  }

  /** Hands clients over that are left when this server goes. */
  async handOver(...asked: Parameters<Takeover["handOver"]>): Promise<void> {
    await Promise.all([this.takeover?.handOver(...asked), this.options.nextLane()?.handOver(...asked)]);
  }

  /** Asks other servers to call clients that are left at one of this server's interfaces; false where there is none. */
  askOthers(holder: string, clients: readonly LeftClient[], round: number): boolean {
    return this.cluster?.handOver(holder, clients, round) === true;
  }

  private receive(holder: string, clients: readonly LeftClient[]): void {
    // Each has a server key of its own, and a client knows one of the two.
    if (isNextLane(holder)) this.options.nextLane()?.receive(holder, clients);
    else this.takeover?.receive(holder, clients);
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
      ready: () => clients.peers !== undefined,
      // A client that goes back to this key waits for its route as well.
      expecting: () => clients.awaitedKeys.size + (nextLane()?.movedCount ?? 0) > 0,
      announce: (holder, records) => this.announce(holder, records),
      handOver: (...request) => this.askOthers(...request),
      mayMissNews: () => this.cluster?.mayMissNews === true,
      onHolders: (publicKeys) => this.cluster?.onHolders(publicKeys),
      onRead: () => {
        this.isDirectoryRead = true;
        this.cluster?.onDirectoryRead();
      },
    });
  }

  private makeCluster(cluster: ClusterOptions, takeover: Takeover): ClusterLink {
    const { options } = this;
    const { directory } = takeover;
    return new ClusterLink({
      ...options,
      ...cluster,
      holder: (publicKey) => directory.newest(publicKey)?.instance,
      connected: () => directory.clients,
      outOfTouch: () => takeover.isOutOfTouch,
      peer: (publicKey) => options.clients.peer(publicKey),
      onSessions: (holder, records) => this.told(holder, records),
      onHandOver: (holder, clients) => this.receive(holder, clients),
      onUnheard: () => takeover.readRecords(),
    });
  }
}
