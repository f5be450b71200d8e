import type { Server } from "node:http";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { SessionRecord } from "../registry/sessions";
import { probeAddress } from "../wireguard/addresses";
import type { Parameter } from "./aws/query";
import type { Clock } from "./clock";
import { ClockOffset } from "./clock-offset";
import type { AgentConfig } from "./config";
import type { Device } from "./device";
import { Drain, type DrainSource } from "./drain";
import type { Exec } from "./exec";
import { type Health, isSound } from "./health";
import { healthReport } from "./health-report";
import { HealthWatch } from "./health-watch";
import { startHttp } from "./http";
import { KnownClients } from "./known-clients";
import { Lifecycle, type LifecycleOptions } from "./lifecycle/lifecycle";
import { addLifecycleMetrics } from "./lifecycle/metrics";
import type { LocalCopy } from "./local-copy";
import type { Log } from "./log";
import { ClusterLink, type Place } from "./mesh/cluster-link";
import type { MeshLine } from "./mesh/line";
import { addClusterMetrics } from "./mesh/metrics";
import { createMetrics, onlineOf } from "./metrics";
import { NetworkMetrics } from "./monitoring/network-metrics";
import { Mutex } from "./mutex";
import { NewKeys } from "./new-keys";
import { NodeRecord, nodeFile } from "./node-record";
import type { ProbeLine } from "./probe";
import { Reconciler } from "./reconcile";
import { RegistryFollower } from "./registry-follower";
import { NextLane } from "./rotation/next-lane";
import { ServerKey } from "./rotation/server-key";
import type { StorageClient } from "./storage-client";
import { LANES } from "./takeover/flow-events";
import { addTakeoverMetrics } from "./takeover/metrics";
import { Takeover } from "./takeover/takeover";
import { WatchedDevice } from "./watched-device";

/** What the agent is made of. */
export interface AgentOptions {
  readonly config: AgentConfig;
  readonly instance: string;
  readonly version: string;
  readonly publicKey: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: StorageClient;
  readonly device: Device;
  /** The interface of the next server key; made when there is one. */
  readonly nextDevice?: Device | undefined;
  readonly exec: Exec;
  readonly local: LocalCopy;
  /** Where lifecycle actions are completed; undefined for a server outside of an Auto Scaling group. */
  readonly lifecycle?: Pick<LifecycleOptions, "calls" | "settled" | "heartbeatSeconds"> | undefined;
  /** The public key of this server's probe, and its way out and back. */
  readonly probeKey: string;
  readonly probeLine: ProbeLine;
  /** The way to the other servers; undefined where this server does not know its own place among them. */
  readonly cluster?: ClusterOptions | undefined;
}

/** What speaking to the other servers needs. */
export interface ClusterOptions {
  readonly place: Place;
  readonly line: MeshLine;
  readonly ec2: (action: string, parameters: Readonly<Record<string, Parameter>>) => Promise<string>;
}

/** The target group calls a server unhealthy after two failed checks in a row. */
const CHECKS_TO_NOTICE = 2;

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
  private readonly clockOffset: ClockOffset;
  private readonly reconciler: Reconciler;
  private readonly follower: RegistryFollower;
  private readonly record: NodeRecord;
  private readonly watch: HealthWatch;
  /** Undefined where the stack turned it off. */
  private readonly takeover: Takeover | undefined;
  /** The other servers; undefined without takeover, and where there is no place among them. */
  private readonly cluster: ClusterLink | undefined;
  private readonly lifecycle: Lifecycle | undefined;
  private server: Server | undefined;
  private readonly network: NetworkMetrics;
  /** What `/metrics` shows; filled by {@link start}. */
  readonly metrics = new Registry();

  constructor(private readonly options: AgentOptions) {
    const { config, clock, log, storage, local } = options;
    this.clients = new KnownClients({
      local,
      clock,
      log,
      publicKey: () => this.serverKey.publicKey,
      probe: { publicKey: options.probeKey, address: probeAddress(config.tunnelIpv4) },
      onChange: (scope) => {
        this.reconciler.request(scope);
        this.serverKey.lane?.request(scope);
        this.cluster?.onClients(scope);
      },
    });
    this.newKeys = new NewKeys({
      storage,
      clock,
      log,
      runtimeRoot: config.runtimePath,
      awaited: () => this.clients.awaitedKeys,
      onUsed: (publicKeys) => this.clients.onUsedKeys(publicKeys),
    });
    const device = new WatchedDevice(options.device, clock);
    this.drain = new Drain({
      clock,
      limitSeconds: config.drainSeconds,
      noticeSeconds: CHECKS_TO_NOTICE * config.healthCheckSeconds,
      ...(config.takeover ? { sessionsLive: () => this.sessionsLive } : {}),
      onDrained: (reason) => log.info({ reason }, "the drain is over; this server may go"),
    });
    this.lifecycle =
      options.lifecycle &&
      new Lifecycle({
        ...options.lifecycle,
        clock,
        log,
        // Not what `/healthz` says: a server that stands by for the active one is ready, too.
        healthy: () => this.watch.health().healthy,
        sound: () => isSound(this.watch.health()),
        drained: () => this.drain.report?.over === true,
      });
    this.clockOffset = new ClockOffset(clock, options.exec);
    const lock = new Mutex();
    this.network = new NetworkMetrics({
      ...options,
      interface: config.interface,
      known: () => this.clients.revision,
      applied: () => this.reconciler.appliedRevision,
      readAt: () => this.follower.lastReadAt,
    });
    this.takeover = config.takeover
      ? new Takeover({
          ...options,
          interface: config.interface,
          lane: { ...LANES.current, port: config.listenPort },
          lock,
          desired: (publicKey) => this.clients.peer(publicKey),
          // A client that goes back to this key waits for its route as well.
          expecting: () => this.clients.awaitedKeys.size + (this.serverKey.lane?.movedCount ?? 0) > 0,
          onPeers: (peers) => {
            this.newKeys.observe(peers);
            this.serverKey.lane?.seeCurrent(peers);
          },
          onRecorded: (publicKeys) => this.newKeys.recorded(publicKeys),
          dated: (at) => this.clockOffset.heard(at),
          announce: (holder, records) => this.announce(holder, records),
          onHolders: (publicKeys) => this.cluster?.onHolders(publicKeys),
          onRead: () => this.cluster?.onDirectoryRead(),
        })
      : undefined;
    this.cluster = this.clusterLink(options);
    this.serverKey = new ServerKey({
      ...options,
      lock,
      lane: (next) =>
        new NextLane({
          ...options,
          next,
          desired: () => this.clients.peers,
          peer: (publicKey) => this.clients.peer(publicKey),
          revision: () => this.clients.revision,
          announce: (holder, records) => this.announce(holder, records),
          onPeers: (peers) => {
            this.newKeys.observe(peers);
            this.network.observe(peers, "next");
          },
          device: options.nextDevice,
        }),
      onChanged: () => this.reconciler.request("everything"),
      onLeft: () => this.clients.letGo(),
    });
    this.reconciler = new Reconciler({
      interface: config.interface,
      device,
      lock,
      onObserve: ({ dump }) => {
        this.newKeys.observe(dump.peers);
        this.serverKey.lane?.seeCurrent(dump.peers);
        this.takeover?.observe(dump.peers);
        this.network.observe(dump.peers);
      },
      clock,
      log,
      desired: () => this.clients.peers,
      revision: () => this.clients.revision,
      onPass: () => {
        this.watch.onPass();
        this.network.onPass();
        this.record.update();
      },
    });
    this.watch = new HealthWatch({
      clock,
      log,
      exec: options.exec,
      device,
      line: options.probeLine,
      reconciler: this.reconciler,
      secondPeers: () => this.clients.awaitedKeys.size,
      rest: () => ({
        draining: this.drain.reason,
        expectedPublicKey: this.serverKey.publicKey,
        expectedListenPort: config.listenPort,
        storage: storage.state,
        registryProblems: this.follower.problems,
        conflicts: this.clients.conflicts,
        localCopyError: this.clients.copyProblem,
        takeoverProblem: this.takeover?.problem,
        serverKeyProblem: this.serverKey.problem,
        leftBehind: this.serverKey.leftBehind,
        clusterProblem: this.cluster?.problem,
        clock: this.clockOffset.state,
      }),
    });
    this.follower = new RegistryFollower({
      root: config.registryPath,
      runtimeRoot: config.runtimePath,
      cluster: config.cluster,
      serverPublicKeys: () => this.serverKey.accepted,
      storage,
      clock,
      log,
      listener: this.clients,
      held: () => this.serverKey.leftBehind !== undefined,
    });
    this.record = new NodeRecord(storage, config.runtimePath, clock, () =>
      nodeFile({
        instance: options.instance,
        revision: this.reconciler.appliedRevision ?? 0,
        peers: this.watch.clients,
        health: this.watch.health(),
        version: options.version,
        now: clock.now(),
        address: options.cluster?.place.address,
        serverKey: this.serverKey.publicKey,
        nextServerKey: this.serverKey.nextPublicKey,
      }),
    );
  }

  private clusterLink({ cluster, ...options }: AgentOptions): ClusterLink | undefined {
    const { takeover } = this;
    if (takeover === undefined || cluster === undefined) return undefined;
    return new ClusterLink({
      ...options,
      ...cluster,
      state: () => {
        if (this.drain.reason !== undefined) return "draining";
        return this.watch.health().healthy ? "ready" : "unhealthy";
      },
      holder: (publicKey) => takeover.directory.newest(publicKey)?.instance,
      connected: () => takeover.directory.clients,
      peer: (publicKey) => this.clients.peer(publicKey),
      onSessions: (holder, records) => this.told(holder, records),
    });
  }

  /** Tells the other servers, and this server's own other interface, which sessions are held here from now on. */
  private announce(holder: string, records: readonly SessionRecord[]): void {
    this.cluster?.announce(holder, records);
    this.told(holder, records);
  }

  private told(holder: string, records: readonly SessionRecord[]): void {
    this.takeover?.told(holder, records);
    this.serverKey.lane?.told(holder, records);
  }

  /** Starts everything; settles when the HTTP endpoint answers (503 until the clients are applied). */
  async start(): Promise<void> {
    const { config, log } = this.options;
    const { metrics } = this;
    createMetrics(this.metricsSource(), metrics);
    collectDefaultMetrics({ register: metrics });
    this.network.start(metrics);
    if (this.takeover !== undefined) addTakeoverMetrics(metrics, this.takeover);
    if (this.cluster !== undefined) addClusterMetrics(metrics, this.cluster);
    if (this.lifecycle !== undefined) addLifecycleMetrics(metrics, this.lifecycle);
    this.server = await startHttp(
      config.healthPort,
      {
        health: (remote) => {
          if (remote) {
            this.takeover?.heard();
            this.serverKey.lane?.heard();
          }
          return this.report();
        },
        metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
      },
      log,
    );
    await this.lifecycle?.start();
    await this.clients.start();
    await this.takeover?.start();
    this.cluster?.start();
    this.clockOffset.start();
    void this.serverKey.start();
    void this.follower.start();
    this.reconciler.request("everything");
    this.watch.start();
    log.info({ healthPort: config.healthPort, publicKey: this.options.publicKey }, "the agent has started");
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
    await this.takeover?.stop();
    await this.cluster?.stop();
    await this.reconciler.stop();
    await this.clients.stop();
    this.options.storage.stop();
    this.server?.close();
    this.server?.closeAllConnections();
  }

  /** As the load balancer is told: a server that stands by is in order, and still gets no traffic. */
  private get health(): Health {
    const health = this.watch.health();
    const standby = this.cluster?.standby;
    if (standby === undefined || !health.healthy) return health;
    return { ...health, status: "standby", healthy: false, reasons: [standby, ...health.reasons] };
  }

  /** The body of `/healthz`. */
  private report() {
    const { clock, instance, version } = this.options;
    return healthReport(
      {
        health: this.health,
        drain: this.drain.report ?? null,
        publicKey: this.serverKey.publicKey,
        applied: this.watch.applied,
        registryReadAt: this.follower.lastReadAt,
        clock: this.clockOffset.state,
        peers: this.watch.clients,
        sessions: { live: this.sessionsLive, lost: this.takeover?.stats.lost ?? 0 },
        instance,
        version,
      },
      clock.monotonic(),
    );
  }

  /** Clients whose session is this server's and not over. */
  private get sessionsLive(): number {
    const here = onlineOf(this.reconciler.state?.dump.peers ?? [], this.options.clock.now());
    const online = new Set([
      ...here.map(({ publicKey }) => publicKey),
      ...(this.serverKey.lane?.online ?? []),
    ]);
    return [...online].filter((publicKey) => this.clients.peer(publicKey) !== undefined).length;
  }

  private metricsSource() {
    const { clock, config, instance, storage, version } = this.options;
    return {
      version,
      instance,
      interface: config.interface,
      reconciler: this.reconciler,
      storage,
      now: () => clock.now(),
      health: () => this.watch.health(),
      probe: this.watch.probe,
      probeKey: this.options.probeKey,
      peers: () => this.watch.clients,
      draining: () => this.drain.reason !== undefined,
      revision: () => this.clients.revision,
      nextClients: () => this.serverKey.lane?.movedCount,
      registryAgeSeconds: () => {
        const at = this.follower.lastReadAt;
        return at === undefined ? undefined : (clock.monotonic() - at) / 1000;
      },
    };
  }
}
