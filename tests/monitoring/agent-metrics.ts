import { collectDefaultMetrics, Registry } from "prom-client";
import type { ClusterLink } from "../../agent/mesh/cluster-link";
import { addClusterMetrics } from "../../agent/mesh/metrics";
import { createMetrics, type MetricsSource } from "../../agent/metrics";
import { addNetworkMetrics, addPublisherMetrics } from "../../agent/monitoring/metrics";
import { addTakeoverMetrics } from "../../agent/takeover/metrics";
import type { Takeover } from "../../agent/takeover/takeover";

/** All of the agent's own metrics, made by its own functions; the numbers do not matter. */
export function agentMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const source: Partial<MetricsSource> = {
    version: "1",
    instance: "i-1",
    interface: "wg0",
    probeKey: "p",
    now: () => 0,
    health: () => ({ status: "ok", healthy: true, reasons: [], checks: {} }) as never,
    reconciler: { appliedRevision: 1, stats: { errors: 0, changes: 0 }, state: undefined } as never,
    storage: { state: "ok", restarts: 0 },
    probe: { last: "arrived", lostTotal: 0, roundTripMs: 1 },
    peers: () => 2,
    draining: () => false,
    revision: () => 1,
    registryAgeSeconds: () => 0,
    nextClients: () => undefined,
  };
  createMetrics(source as MetricsSource, registry);
  addNetworkMetrics(registry, {
    interface: "wg0",
    handshakes: () => 3,
    syncAge: { seconds: 1 },
    allowances: { last: new Map([["pps", 4]]) },
    traffic: async () => ({ bytes: { received: 5, sent: 6 }, packets: { received: 7, sent: 8 } }),
  });
  const takeover = {
    attempts: { stats: { answered: 1, started: 2, unanswered: 3, refused: 4 } },
    stats: { lost: 0, ignored: 0 },
    strays: { unknown: 0 },
    directory: { size: 0 },
    problem: undefined,
  };
  addTakeoverMetrics(registry, takeover as unknown as Takeover);
  const cluster = {
    mesh: {
      members: { live: [1, 2] },
      problem: undefined,
      stats: { sent: 1, received: 2, refused: 3, announced: 4 },
    },
    standby: undefined,
    overlay: { size: 5, stats: { changes: 6, errors: 7 } },
    routes: {
      counts: { owned: 3, settled: 1 },
      stats: { replaced: 8, failed: 9, throttled: 10, contested: 11, lastMs: 1200 },
    },
    sourceCheck: { isOff: true, stats: { failed: 12 } },
  };
  addClusterMetrics(registry, cluster as unknown as ClusterLink);
  addPublisherMetrics(registry, { stats: { sent: 1, failed: 0 } });
  return registry;
}
