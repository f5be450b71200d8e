import type { Server } from "node:http";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { AgentOptions } from "./agent-options";
import type { ClockOffset } from "./clock-offset";
import type { Drain } from "./drain";
import type { Health } from "./health";
import { healthReport } from "./health-report";
import type { HealthWatch } from "./health-watch";
import { startHttp } from "./http";
import type { KnownClients } from "./known-clients";
import type { Lifecycle } from "./lifecycle/lifecycle";
import { addLifecycleMetrics } from "./lifecycle/metrics";
import { createMetrics } from "./metrics";
import type { NetworkMetrics } from "./monitoring/network-metrics";
import type { Reconciler } from "./reconcile";
import type { RegistryFollower } from "./registry-follower";
import type { ServerKey } from "./rotation/server-key";
import type { Sessions } from "./sessions";
import { addTakeoverMetrics } from "./takeover/metrics";

/** What the answers are made of. */
export interface HttpEndpointOptions
  extends Pick<AgentOptions, "clock" | "config" | "instance" | "log" | "probeKey" | "storage" | "version"> {
  readonly clients: KnownClients;
  readonly clockOffset: ClockOffset;
  readonly drain: Drain;
  readonly follower: RegistryFollower;
  readonly lifecycle: Lifecycle | undefined;
  readonly network: NetworkMetrics;
  readonly reconciler: Reconciler;
  readonly serverKey: ServerKey;
  readonly sessions: Sessions;
  readonly watch: HealthWatch;
  /** What the load balancer is told of this server's health. */
  readonly told: () => Health;
}

/** Each sample of the event loop's delay is a wake-up: at prom-client's own 10 ms they take 0.26 % of a core, at 100 ms 0.04 %. */
const LOOP_PRECISION_MS = 100;

/** What the agent answers over HTTP: `/healthz` to the load balancer, `/metrics` to whoever collects them. */
export class HttpEndpoint {
  /** What `/metrics` shows; filled by {@link start}. */
  readonly metrics = new Registry();
  private server: Server | undefined;

  constructor(private readonly options: HttpEndpointOptions) {}

  /** Starts; settles when it answers. */
  async start(): Promise<void> {
    const { metrics } = this;
    const { config, log, sessions } = this.options;
    this.fill();
    this.server = await startHttp(
      config.healthPort,
      {
        health: (remote) => {
          if (remote) sessions.heard();
          return this.report();
        },
        metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
      },
      log,
    );
  }

  stop(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private fill(): void {
    const { metrics } = this;
    const { lifecycle, network, sessions } = this.options;
    createMetrics(this.metricsSource(), metrics);
    collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: LOOP_PRECISION_MS });
    network.start(metrics);
    if (sessions.takeover !== undefined) addTakeoverMetrics(metrics, sessions.takeover);
    if (lifecycle !== undefined) addLifecycleMetrics(metrics, lifecycle);
  }

  /** The body of `/healthz`. */
  private report() {
    const { clock, clockOffset, drain, follower, instance, serverKey, sessions, version, watch } =
      this.options;
    return healthReport(
      {
        health: this.options.told(),
        drain: drain.report ?? null,
        publicKey: serverKey.publicKey,
        applied: watch.applied,
        registryReadAt: follower.lastReadAt,
        clock: clockOffset.state,
        peers: watch.clients,
        sessions: { live: sessions.live ?? 0, lost: sessions.takeover?.stats.lost ?? 0 },
        instance,
        version,
      },
      clock.monotonic(),
    );
  }

  private metricsSource() {
    const { clients, clock, config, drain, follower, instance, probeKey } = this.options;
    const { reconciler, serverKey, storage, version, watch } = this.options;
    return {
      version,
      instance,
      interface: config.interface,
      reconciler,
      storage,
      now: () => clock.now(),
      health: () => watch.health(),
      probe: watch.probe,
      probeKey,
      peers: () => watch.clients,
      draining: () => drain.reason !== undefined,
      revision: () => clients.revision,
      nextClients: () => serverKey.lane?.movedCount,
      registryAgeSeconds: () => {
        const at = follower.lastReadAt;
        return at === undefined ? undefined : (clock.monotonic() - at) / 1000;
      },
    };
  }
}
