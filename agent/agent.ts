import type { Server } from "node:http";
import { collectDefaultMetrics } from "prom-client";
import type { ClientFile } from "../registry/schema";
import { probeAddress } from "../wireguard/addresses";
import { ClientTable } from "./client-table";
import type { Clock, Timer } from "./clock";
import { ClockOffset } from "./clock-offset";
import type { AgentConfig } from "./config";
import type { Device } from "./device";
import { Drain, type DrainSource } from "./drain";
import type { Exec } from "./exec";
import { healthReport } from "./health-report";
import { HealthWatch } from "./health-watch";
import { startHttp } from "./http";
import type { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import { createMetrics, ONLINE_SECONDS } from "./metrics";
import { Mutex } from "./mutex";
import { NodeRecord } from "./node-record";
import type { ProbeLine } from "./probe";
import { Reconciler } from "./reconcile";
import { RegistryFollower } from "./registry-follower";
import { SnapshotSaver } from "./snapshot-saver";
import type { StorageClient } from "./storage-client";
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
  readonly exec: Exec;
  readonly local: LocalCopy;
  /** Told once when a drain is over: the place to complete an Auto Scaling lifecycle action. */
  readonly onDrained?: (reason: string) => void;
  /** The public key of this server's probe, and its way out and back. */
  readonly probeKey: string;
  readonly probeLine: ProbeLine;
}

/** The target group calls a server unhealthy after two failed checks in a row. */
const CHECKS_TO_NOTICE = 2;

/** How long the registry may keep a start waiting before this server goes on with its own copy. */
const REGISTRY_FIRST_MS = 1500;

/**
 * The daemon on a server: follows the registry, keeps the kernel's peers as the registry wants them, and says how it is doing.
 *
 * INVARIANTS: nothing here touches the shared storage or waits for it. After a start the registry is asked first, so that a
 * client that was revoked meanwhile is not let in from the old copy, but only for a moment: then the copy is used.
 */
export class Agent {
  private readonly table: ClientTable;
  private readonly drain: Drain;
  private readonly clockOffset: ClockOffset;
  private readonly reconciler: Reconciler;
  private readonly follower: RegistryFollower;
  private readonly saver: SnapshotSaver;
  private readonly record: NodeRecord;
  private readonly watch: HealthWatch;
  /** Undefined where the stack turned it off. */
  private readonly takeover: Takeover | undefined;
  private expiryTimer: Timer | undefined;
  private server: Server | undefined;
  private known = false;
  private revision = 0;

  constructor(private readonly options: AgentOptions) {
    const { config, clock, log, storage, publicKey, local } = options;
    this.table = new ClientTable({ publicKey: options.probeKey, address: probeAddress(config.tunnelIpv4) });
    const device = new WatchedDevice(options.device, clock);
    this.drain = new Drain({
      clock,
      limitSeconds: config.drainSeconds,
      noticeSeconds: CHECKS_TO_NOTICE * config.healthCheckSeconds,
      ...(config.takeover ? { sessionsLive: () => this.sessionsLive } : {}),
      onDrained: (reason) => {
        log.info({ reason }, "the drain is over; this server may go");
        options.onDrained?.(reason);
      },
    });
    this.clockOffset = new ClockOffset(clock, options.exec);
    const lock = new Mutex();
    this.takeover = config.takeover
      ? new Takeover({
          ...options,
          lock,
          desired: (publicKey) => this.client(publicKey),
          dated: (at) => this.clockOffset.heard(at),
        })
      : undefined;
    this.reconciler = new Reconciler({
      interface: config.interface,
      device,
      lock,
      onObserve: ({ dump }) => this.takeover?.observe(dump.peers),
      clock,
      log,
      desired: () => (this.known ? this.table.peers : undefined),
      revision: () => this.revision,
      onPass: () => {
        this.watch.onPass();
        this.record.update();
      },
    });
    this.watch = new HealthWatch({
      interface: config.interface,
      clock,
      log,
      exec: options.exec,
      device,
      line: options.probeLine,
      reconciler: this.reconciler,
      rest: () => ({
        draining: this.drain.reason,
        expectedPublicKey: publicKey,
        expectedListenPort: config.listenPort,
        storage: storage.state,
        registryProblems: this.follower.problems,
        conflicts: this.table.conflicts(),
        localCopyError: this.saver.error ?? this.copyError,
      }),
    });
    this.follower = new RegistryFollower({
      root: config.registryPath,
      cluster: config.cluster,
      serverPublicKey: publicKey,
      storage,
      clock,
      log,
      listener: {
        onEverything: (clients, keep, revision) => this.onEverything(clients, keep, revision),
        onChanges: (changes, revision) => this.onChanges(changes, revision),
      },
    });
    this.saver = new SnapshotSaver(local, clock, log, () => ({
      schema: 1,
      serverPublicKey: publicKey,
      revision: this.revision,
      savedAt: new Date(clock.now()).toISOString(),
      clients: this.table.clients(),
    }));
    this.record = new NodeRecord(storage, config.runtimePath, clock, () => ({
      schema: 1,
      instance: options.instance,
      revision: this.reconciler.appliedRevision ?? 0,
      peers: this.watch.clients,
      healthy: this.watch.health().healthy,
      version: options.version,
      time: new Date(clock.now()).toISOString(),
    }));
  }

  /** Starts everything; settles when the HTTP endpoint answers (503 until the clients are applied). */
  async start(): Promise<void> {
    const { config, clock, log } = this.options;
    const metrics = createMetrics(this.metricsSource());
    collectDefaultMetrics({ register: metrics });
    if (this.takeover !== undefined) addTakeoverMetrics(metrics, this.takeover);
    this.server = await startHttp(
      config.healthPort,
      {
        health: (remote) => {
          if (remote) this.takeover?.heard();
          return this.report();
        },
        metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
      },
      log,
    );
    await this.loadCopy();
    await this.takeover?.start();
    this.clockOffset.start();
    clock.after(REGISTRY_FIRST_MS, () => this.useCopy());
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

  /** Settles when the process may go: see {@link Drain.finished}. */
  get drained(): Promise<void> {
    return this.drain.finished;
  }

  /** Stops everything except the WireGuard interface, which goes on serving its sessions. */
  async stop(): Promise<void> {
    this.follower.stop();
    this.record.stop();
    this.clockOffset.stop();
    this.expiryTimer?.cancel();
    this.watch.stop();
    await this.takeover?.stop();
    await this.reconciler.stop();
    await this.saver.stop();
    this.options.storage.stop();
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private async loadCopy(): Promise<void> {
    const { local, log, clock, publicKey } = this.options;
    try {
      const copy = await local.snapshot();
      if (copy === undefined) return;
      if (copy.serverPublicKey !== publicKey) throw new Error("the copy belongs to another server key");
      this.table.replaceAll(copy.clients, clock.now());
      this.revision = copy.revision;
      this.hasCopy = true;
    } catch (error) {
      this.copyError = `this server's own copy of the clients cannot be used: ${messageOf(error)}`;
      log.warn({ problem: messageOf(error) }, "this server's own copy of the clients cannot be used");
    }
  }

  private hasCopy = false;
  private copyError: string | undefined;

  private useCopy(): void {
    if (this.known || !this.hasCopy) return;
    this.options.log.warn(
      { revision: this.revision },
      "the registry does not answer; starting with this server's own copy",
    );
    this.changed("everything");
  }

  private onEverything(clients: readonly ClientFile[], keep: readonly string[], revision: number): void {
    const kept = new Set(keep);
    const last = this.table.clients().filter((client) => kept.has(client.name));
    this.table.replaceAll([...clients, ...last], this.options.clock.now());
    this.revision = revision;
    this.changed("everything");
    this.saver.save();
  }

  private onChanges(changes: ReadonlyMap<string, ClientFile | undefined>, revision: number): void {
    const affected = new Set<string>();
    for (const [name, client] of changes) {
      for (const key of this.table.update(name, client, this.options.clock.now())) affected.add(key);
    }
    this.revision = revision;
    this.changed(affected);
    this.saver.save();
  }

  private changed(scope: "everything" | ReadonlySet<string>): void {
    this.known = true;
    this.reconciler.request(scope);
    const { clock } = this.options;
    const next = this.table.nextExpiry();
    this.expiryTimer?.cancel();
    if (next === undefined) return;
    // The wall clock may be set meanwhile, so the wait is cut to a minute and the time is looked at again.
    this.expiryTimer = clock.after(Math.min(Math.max(next - clock.now(), 0), 60_000), () => {
      this.changed(this.table.expire(clock.now()));
    });
  }

  /** The peer of a client; the probe is none. */
  private client(publicKey: string) {
    return publicKey === this.options.probeKey ? undefined : this.table.peers.get(publicKey);
  }

  /** The body of `/healthz`. */
  private report() {
    const { clock, instance, publicKey, version } = this.options;
    return healthReport(
      {
        health: this.watch.health(),
        drain: this.drain.report ?? null,
        publicKey,
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
    const since = this.options.clock.now() / 1000 - ONLINE_SECONDS;
    const peers = this.reconciler.state?.dump.peers ?? [];
    return peers.filter(
      ({ publicKey, latestHandshake }) => latestHandshake > since && this.client(publicKey) !== undefined,
    ).length;
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
      revision: () => this.revision,
      registryAgeSeconds: () => {
        const at = this.follower.lastReadAt;
        return at === undefined ? undefined : (clock.monotonic() - at) / 1000;
      },
    };
  }
}
