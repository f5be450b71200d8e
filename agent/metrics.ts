import { Gauge, Histogram, Registry } from "prom-client";
import type { Peer } from "../wireguard/dump";
import type { Health } from "./health";
import type { Probe } from "./probe";
import { readMetrics } from "./read-metrics";
import type { Reconciler } from "./reconcile";
import type { StorageClient } from "./storage-client";

/** Where the numbers come from; they are read when somebody asks. */
export interface MetricsSource {
  readonly version: string;
  readonly instance: string;
  readonly interface: string;
  readonly reconciler: Reconciler;
  readonly storage: Pick<StorageClient, "state" | "restarts">;
  now(): number;
  health(): Health;
  readonly probe: Pick<Probe, "last" | "lostTotal" | "roundTripMs">;
  /** The probe's peer, which is no client. */
  readonly probeKey: string;
  peers(): number;
  draining(): boolean;
  /** Revision of the registry that is known here, and seconds since it was last read (undefined: never). */
  revision(): number;
  registryAgeSeconds(): number | undefined;
  /** Clients here that use the next server key; undefined while there is none. */
  nextClients(): number | undefined;
}

/** WireGuard renews a session every 120 s and drops it after 180 s: a peer with a younger handshake is online. */
export const ONLINE_SECONDS = 180;

/** The agent's metrics, ready to be asked for. */
export function createMetrics(source: MetricsSource, registry = new Registry()): Registry {
  const { reconciler } = source;
  registry.setDefaultLabels({ instance_id: source.instance });
  const { gauge, counter } = readMetrics(registry);
  const info = new Gauge({
    name: "wgc_agent_info",
    help: "Version of the agent",
    labelNames: ["version"],
    registers: [registry],
  });
  info.set({ version: source.version }, 1);
  gauge("wgc_healthy", "1 when this server is in order: it takes traffic, or stands by (wgc_standby)", () =>
    Number(source.health().healthy),
  );
  gauge("wgc_server_key_rotating", "1 while the next server key is served beside the current one", () =>
    Number(source.nextClients() !== undefined),
  );
  gauge(
    "wgc_server_key_moved_clients",
    "Clients of this server that use the next server key",
    () => source.nextClients() ?? 0,
  );
  gauge("wgc_draining", "1 while this server drains", () => Number(source.draining()));
  gauge("wgc_peers", "Clients in the WireGuard interface", () => source.peers());
  gauge("wgc_peers_online", `Clients with a handshake in the last ${ONLINE_SECONDS} s`, () =>
    onlinePeers(source),
  );
  gauge("wgc_registry_revision", "Registry revision known to this server", () => source.revision());
  gauge(
    "wgc_applied_revision",
    "Registry revision applied to the interface",
    () => reconciler.appliedRevision,
  );
  gauge("wgc_registry_age_seconds", "Seconds since the registry was last read without an error", () =>
    source.registryAgeSeconds(),
  );
  gauge("wgc_storage_up", "1 when the shared storage answers, 0 when it is stuck", () =>
    Number(source.storage.state === "ok"),
  );
  gauge(
    "wgc_probe_up",
    "1 when the probe's last packet came back through tunnel, firewall and masquerade",
    () => Number(source.probe.last === "arrived"),
  );
  gauge("wgc_probe_round_trip_seconds", "Time that the probe's last packet took that came back", () =>
    source.probe.roundTripMs === undefined ? undefined : source.probe.roundTripMs / 1000,
  );
  counter(
    "wgc_probe_lost_total",
    "Packets of the probe that did not come back",
    () => source.probe.lostTotal,
  );
  counter(
    "wgc_storage_restarts_total",
    "Storage workers that hung or died and were replaced",
    () => source.storage.restarts,
  );
  counter(
    "wgc_apply_errors_total",
    "Passes that could not bring the interface up to date",
    () => reconciler.stats.errors,
  );
  counter(
    "wgc_peer_changes_total",
    "Peers that were added, changed or removed",
    () => reconciler.stats.changes,
  );
  const duration = new Histogram({
    name: "wgc_apply_duration_seconds",
    help: "Time to apply one set of changes to the interface",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  reconciler.onApply = (seconds) => duration.observe(seconds);
  const bytes = new Gauge({
    name: "wgc_interface_bytes",
    help: "Bytes of all present clients through the interface, by direction (falls when a client is removed)",
    labelNames: ["interface", "direction"],
    registers: [registry],
    collect() {
      const peers = clientPeers(source);
      const sum = (of: "rxBytes" | "txBytes") => peers.reduce((total, peer) => total + peer[of], 0);
      bytes.set({ interface: source.interface, direction: "received" }, sum("rxBytes"));
      bytes.set({ interface: source.interface, direction: "sent" }, sum("txBytes"));
    },
  });
  return registry;
}

function clientPeers({ reconciler, probeKey }: MetricsSource) {
  return reconciler.state?.dump.peers.filter((peer) => peer.publicKey !== probeKey) ?? [];
}

function onlinePeers(source: MetricsSource): number {
  return onlineOf(clientPeers(source), source.now()).length;
}

/** The peers that are online. @param now milliseconds of the wall clock */
export function onlineOf(peers: readonly Peer[], now: number): readonly Peer[] {
  const since = now / 1000 - ONLINE_SECONDS;
  return peers.filter(({ latestHandshake }) => latestHandshake > since);
}
