import type { Registry } from "prom-client";
import type { NodeFile } from "../registry/schema";
import { probeAddress } from "../wireguard/addresses";
import type { Peer } from "../wireguard/dump";
import type { AgentOptions } from "./agent-options";
import { ClockOffset } from "./clock-offset";
import { Drain, type DrainSource } from "./drain";
import { FlowsHere } from "./flows-here";
import { type Health, isSound } from "./health";
import { HealthWatch, type HealthWatchOptions } from "./health-watch";
import { HttpEndpoint } from "./http-endpoint";
import { CHECKS, inService } from "./in-service";
import { KnownClients } from "./known-clients";
import { Lifecycle } from "./lifecycle/lifecycle";
import type { NextKey } from "./local-copy";
import type { ClusterOptions } from "./mesh/cluster-link";
import { addClusterMetrics } from "./mesh/metrics";
import { NetworkMetrics } from "./monitoring/network-metrics";
import { Mutex } from "./mutex";
import { NewKeys } from "./new-keys";
import { NodeRecord, nodeFile } from "./node-record";
import { Reconciler } from "./reconcile";
import { RegistryFollower } from "./registry-follower";
import { NextLane } from "./rotation/next-lane";
import { ServerKey } from "./rotation/server-key";
import { Sessions } from "./sessions";
import { WatchedDevice } from "./watched-device";

/**
 * The daemon on a server: follows the registry, keeps the kernel's peers as the registry wants them, and says how it is doing.
 *
 * INVARIANTS: nothing here touches the shared storage or waits for it.
 */
export class Agent {
  private readonly clients: KnownClients;
  private readonly newKeys: NewKeys;
  private readonly serverKey: ServerKey;
  private readonly drain: Drain;
  private readonly flows: FlowsHere;
  private readonly clockOffset: ClockOffset;
  private readonly reconciler: Reconciler;
  private readonly follower: RegistryFollower;
  private readonly record: NodeRecord;
  private readonly watch: HealthWatch;
  private readonly sessions: Sessions;
  private readonly lifecycle: Lifecycle | undefined;
  private readonly network: NetworkMetrics;
  private readonly endpoint: HttpEndpoint;

  constructor(private readonly options: AgentOptions) {
    const { config, clock, exec, storage } = options;
    const device = new WatchedDevice(options.device, clock);
    const lock = new Mutex();
    this.clients = this.makeClients();
    this.newKeys = new NewKeys({
      ...options,
      runtimeRoot: config.runtimePath,
      awaited: () => this.clients.awaitedKeys,
      onUsed: (publicKeys) => this.clients.onUsedKeys(publicKeys),
    });
    this.drain = this.makeDrain();
    this.flows = this.makeFlows();
    this.lifecycle = this.makeLifecycle();
    this.clockOffset = new ClockOffset(clock, exec);
    this.network = new NetworkMetrics({
      ...options,
      interface: config.interface,
      known: () => this.clients.revision,
      applied: () => this.reconciler.appliedRevision,
      readAt: () => this.follower.lastReadAt,
    });
    this.sessions = this.makeSessions(lock);
    this.serverKey = new ServerKey({
      ...options,
      lock,
      lane: (next) => this.makeNextLane(next),
      onChanged: () => this.reconciler.request("everything"),
      onLeft: () => this.clients.letGo(),
    });
    this.reconciler = this.makeReconciler(device, lock);
    this.watch = new HealthWatch({
      ...options,
      device,
      line: options.probeLine,
      reconciler: this.reconciler,
      secondPeers: () => this.clients.awaitedKeys.size,
      rest: () => this.healthInput(),
    });
    this.follower = this.makeFollower();
    this.record = new NodeRecord(storage, config.runtimePath, clock, () => this.nodeFile());
    this.endpoint = this.makeEndpoint();
  }

  /** What `/metrics` shows; filled by {@link start}. */
  get metrics(): Registry {
    return this.endpoint.metrics;
  }

  /** Starts everything; settles when the HTTP endpoint answers (503 until the clients are applied). */
  async start(): Promise<void> {
    const { config, log } = this.options;
    await this.endpoint.start();
    await this.lifecycle?.start();
    await this.clients.start();
    await this.sessions.start();
    this.clockOffset.start();
    void this.serverKey.start();
    void this.follower.start();
    this.reconciler.request("everything");
    this.watch.start();
    log.info({ healthPort: config.healthPort, publicKey: this.options.publicKey }, "the agent has started");
  }

  /** Told the way to the other servers, once it is known. */
  join(options: ClusterOptions): void {
    const cluster = this.sessions.join(options);
    if (cluster === undefined) return;
    addClusterMetrics(this.metrics, cluster);
    // The others find this server by the address in its record.
    if (this.reconciler.appliedRevision !== undefined) this.record.update();
  }

  /** Told by a signal to go: see {@link Drain.signal}. */
  leave(signal: string): void {
    this.options.log.info({ reason: signal, again: this.drain.reason !== undefined }, "draining");
    this.drain.signal(signal);
    this.record.update();
  }

  /** Something outside says that this server is to drain, or no longer: see {@link Drain.set}. */
  setDrain(source: DrainSource, reason: string | undefined): void {
    if (!this.drain.set(source, reason)) return;
    const left = this.drain.reason;
    this.options.log.info({ source, reason }, left === undefined ? "no longer draining" : "draining");
    this.record.update();
  }

  /** The metadata service says where the Auto Scaling group wants this instance. */
  setTarget(state: string | undefined): void {
    this.lifecycle?.see(state);
  }

  /** Settles when the process may go: see {@link Drain.finished}. */
  get drained(): Promise<void> {
    return this.drain.finished;
  }

  /** Stops everything except the WireGuard interface, which goes on serving its sessions. */
  async stop(): Promise<void> {
    this.lifecycle?.stop();
    this.follower.stop();
    this.record.stop();
    this.clockOffset.stop();
    this.network.stop();
    this.watch.stop();
    this.newKeys.stop();
    await this.serverKey.stop();
    await this.sessions.stop();
    await this.reconciler.stop();
    await this.clients.stop();
    this.options.storage.stop();
    this.endpoint.stop();
  }

  private makeClients(): KnownClients {
    const { config, probeKey } = this.options;
    return new KnownClients({
      ...this.options,
      publicKey: () => this.serverKey.publicKey,
      probe: { publicKey: probeKey, address: probeAddress(config.tunnelIpv4) },
      onChange: (scope) => {
        this.reconciler.request(scope);
        this.serverKey.lane?.request(scope);
        this.sessions.cluster?.onClients(scope);
      },
    });
  }

  private makeDrain(): Drain {
    const { clock, config, log } = this.options;
    return new Drain({
      clock,
      limitSeconds: config.drainSeconds,
      deregistrationDelaySeconds: config.deregistrationDelaySeconds,
      noticeSeconds: CHECKS.bad * config.healthCheckSeconds,
      inService: () => this.told().healthy,
      ...(config.takeover
        ? {
            sessionsLive: () => this.countSessions(),
            handOver: (...asked) => this.sessions.handOver(...asked),
          }
        : {}),
      onDrained: (reason) => log.info({ reason }, "the drain is over; this server may go"),
    });
  }

  /** As of the last look, and asks for the next one: a drain may take an hour, in which this server still serves. */
  private countSessions(): number | undefined {
    this.reconciler.requestLook();
    return this.sessions.live;
  }

  private makeLifecycle(): Lifecycle | undefined {
    const { clock, lifecycle, log } = this.options;
    if (lifecycle === undefined) return undefined;
    return new Lifecycle({
      ...lifecycle,
      clock,
      log,
      // Not what `/healthz` says: a server that stands by for the active one is ready, too.
      healthy: () => this.watch.health().healthy,
      sound: () => isSound(this.watch.health()),
      drained: () => this.drain.report?.over === true,
    });
  }

  private makeSessions(lock: Mutex): Sessions {
    return new Sessions({
      ...this.options,
      lock,
      clients: this.clients,
      peers: () => this.reconciler.state?.dump.peers,
      draining: () => this.drain.reason !== undefined,
      touch: () => this.touch(),
      nextLane: () => this.serverKey.lane,
      onPeers: (peers) => this.observe(peers),
      onRecorded: (publicKeys) => this.newKeys.recorded(publicKeys),
      dated: (at) => this.clockOffset.heard(at),
      state: () => {
        if (this.drain.reason !== undefined) return "draining";
        return this.watch.health().healthy ? "ready" : "unhealthy";
      },
    });
  }

  /** Twice a second, on each of this server's interfaces that is in touch with the outside. */
  private touch(): void {
    if (this.flows.areExpected) this.options.touch?.();
  }

  private makeFlows(): FlowsHere {
    const { clock, config } = this.options;
    return new FlowsHere({
      ...config,
      clock,
      inService: () => this.told().healthy || this.sessions.cluster?.isAlone !== false,
      deregistered: () => this.drain.isAskedBy("lifecycle"),
    });
  }

  private makeReconciler(device: WatchedDevice, lock: Mutex): Reconciler {
    return new Reconciler({
      ...this.options,
      interface: this.options.config.interface,
      device,
      lock,
      desired: () => this.clients.peers,
      spared: (publicKey) => this.clients.spares(publicKey),
      revision: () => this.clients.revision,
      onObserve: ({ dump }) => {
        this.observe(dump.peers);
        this.sessions.takeover?.observe(dump.peers);
        this.network.observe(dump.peers);
      },
      onPass: () => {
        this.watch.onPass();
        this.network.onPass();
        this.record.update();
      },
    });
  }

  /** The interface of the next server key. */
  private makeNextLane(next: NextKey): NextLane {
    const { options } = this;
    return new NextLane({
      ...options,
      next,
      desired: () => this.clients.peers,
      spared: (publicKey) => this.clients.spares(publicKey),
      peer: (publicKey) => this.clients.peer(publicKey),
      revision: () => this.clients.revision,
      announce: (holder, records) => this.sessions.announce(holder, records),
      handOver: (...request) => this.sessions.askOthers(...request),
      draining: () => this.drain.reason !== undefined,
      touch: () => this.touch(),
      onPeers: (peers) => {
        this.newKeys.observe(peers);
        this.network.observe(peers, "next");
      },
      device: options.nextDevice,
    });
  }

  private makeFollower(): RegistryFollower {
    const { config } = this.options;
    return new RegistryFollower({
      ...this.options,
      root: config.registryPath,
      runtimeRoot: config.runtimePath,
      cluster: config.cluster,
      serverPublicKeys: () => this.serverKey.accepted,
      listener: this.clients,
      held: () => this.serverKey.leftBehind !== undefined,
    });
  }

  private makeEndpoint(): HttpEndpoint {
    const { clients, clockOffset, drain, follower, lifecycle } = this;
    const { network, reconciler, serverKey, sessions, watch } = this;
    return new HttpEndpoint({
      ...this.options,
      ...{ clients, clockOffset, drain, follower, lifecycle },
      ...{ network, reconciler, serverKey, sessions, watch },
      told: () => this.told(),
    });
  }

  /** What the load balancer is told of this server's health. */
  private told(): Health {
    const { standby, handingOn } = this.sessions;
    // The group has deregistered it: nobody checks it any more, and its flows have their time already.
    const isChecked = !this.drain.isAskedBy("lifecycle");
    return inService(this.watch.health(), { standby, handingOn: isChecked ? handingOn : undefined });
  }

  /** Told the peers of the current key's interface with each look, whoever looked. */
  private observe(peers: readonly Peer[]): void {
    this.newKeys.observe(peers);
    this.serverKey.lane?.seeCurrent(peers);
  }

  /** What the watch cannot find out by itself. */
  private healthInput(): ReturnType<HealthWatchOptions["rest"]> {
    const { clients, serverKey, sessions } = this;
    const { config, storage } = this.options;
    return {
      draining: this.drain.reason,
      expectedPublicKey: serverKey.publicKey,
      isKeyChanging: serverKey.isChanging,
      expectedListenPort: config.listenPort,
      storage: storage.state,
      registryProblems: this.follower.problems,
      conflicts: clients.conflicts,
      localCopyError: clients.copyProblem,
      takeoverProblem: sessions.takeover?.problem,
      serverKeyProblem: serverKey.problem,
      leftBehind: serverKey.leftBehind,
      clusterProblem: sessions.cluster?.problem ?? this.aloneProblem,
      clock: this.clockOffset.state,
    };
  }

  /** Why the others are not spoken to, where that is no matter of speed alone. */
  private get aloneProblem(): string | undefined {
    const { addressing, topology } = this.options.config;
    if (this.sessions.cluster !== undefined) return undefined;
    if (addressing !== "routed" && topology !== "active-passive") return undefined;
    return "the instance metadata has not named this server's address and zone yet, so it is nothing to the other servers; it is asked again";
  }

  private nodeFile(): NodeFile {
    const { clock, instance, version } = this.options;
    return nodeFile({
      instance,
      revision: this.reconciler.appliedRevision ?? 0,
      peers: this.watch.clients,
      health: this.watch.health(),
      version,
      now: clock.now(),
      address: this.sessions.cluster?.place.address,
      serverKey: this.serverKey.publicKey,
      nextServerKey: this.serverKey.nextPublicKey,
    });
  }
}
