import { Counter, type Registry } from "prom-client";
import { INTERFACES } from "../../wireguard/generations";
import { readMetrics } from "../read-metrics";
import { type AllowanceWatch, readTraffic, type Traffic } from "./kernel-counters";
import type { CloudWatchPublisher } from "./publisher";
import type { SyncAge } from "./sync-age";

export interface NetworkMetricsSource {
  /** Name of the tunnel's interface. */
  readonly interface: string;
  readonly handshakes: () => number;
  readonly syncAge: Pick<SyncAge, "seconds">;
  readonly allowances: Pick<AllowanceWatch, "last">;
  readonly traffic?: (name: string) => Promise<Traffic | undefined>;
}

/** Adds what is known of traffic, the instance's limits and how far behind the registry this server is. */
export function addNetworkMetrics(registry: Registry, source: NetworkMetricsSource): void {
  const { gauge, counter } = readMetrics(registry);
  counter("wgc_handshakes_total", "Handshakes that clients completed", source.handshakes);
  gauge(
    "wgc_sync_age_seconds",
    "Seconds since this server last had everything that the registry says",
    () => source.syncAge.seconds,
  );
  addTraffic(registry, source);
  const exceeded = new Counter({
    name: "wgc_ena_allowance_exceeded_total",
    help: "Packets that waited or were dropped because the instance was at a limit of its type, by limit",
    labelNames: ["allowance"],
    registers: [registry],
    collect() {
      exceeded.reset();
      for (const [allowance, packets] of source.allowances.last) exceeded.inc({ allowance }, packets);
    },
  });
}

function addTraffic(registry: Registry, source: NetworkMetricsSource): void {
  const { traffic = readTraffic } = source;
  const labelNames = ["interface", "direction"];
  const counterOf = (what: keyof Traffic, help: string) =>
    new Counter({
      name: `wgc_traffic_${what}_total`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        // The second one is there while the server key rotates.
        const names = [...new Set([source.interface, INTERFACES.next])];
        const found = await Promise.all(names.map(async (name) => [name, await traffic(name)] as const));
        this.reset();
        for (const [name, counted] of found) {
          if (counted === undefined) continue;
          this.inc({ interface: name, direction: "received" }, counted[what].received);
          this.inc({ interface: name, direction: "sent" }, counted[what].sent);
        }
      },
    });
  counterOf("bytes", "Bytes out of the tunnel (received) and into it (sent), since the interface was made");
  counterOf(
    "packets",
    "Packets out of the tunnel (received) and into it (sent), since the interface was made",
  );
}

/** Adds how sending to CloudWatch goes. */
export function addPublisherMetrics(registry: Registry, publisher: Pick<CloudWatchPublisher, "stats">): void {
  const { counter } = readMetrics(registry);
  counter("wgc_cloudwatch_sent_total", "Minutes sent to CloudWatch", () => publisher.stats.sent);
  counter(
    "wgc_cloudwatch_failures_total",
    "Minutes that could not be sent to CloudWatch, all tries included",
    () => publisher.stats.failed,
  );
}
