/**
 * The metrics that servers send to CloudWatch: the one place that says how they are called. The agent sends them, alarms and dashboard
 * read them, the cost table counts them.
 *
 * A cluster has a namespace of its own, so that the right to send (`cloudwatch:namespace` is all that IAM can limit it by) ends at the
 * cluster: a server of one cannot calm another one's alarms. Each combination of name and dimensions costs $0.30 a month; what is worth
 * knowing for each server is in `/metrics` and in EC2's own metrics, which are paid for already.
 */

/** How much is watched: nothing; the alarms and what they need; with the dashboard and what only it shows. */
export const MONITORING_LEVELS = ["none", "basic", "full"] as const;
export type MonitoringLevel = (typeof MONITORING_LEVELS)[number];

/** Over the cluster: no dimension. By availability zone: one, called {@link ZONE_DIMENSION}. */
export type Scope = "cluster" | "zone";
export const ZONE_DIMENSION = "AvailabilityZone";

/** A number of `/metrics`, with the labels that tell it from its siblings; without labels all siblings are added up. */
export interface Source {
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** One metric that servers send. */
export interface AgentMetric {
  readonly name: string;
  /** Where the number comes from in `/metrics`; several are added up. */
  readonly from: readonly Source[];
  /** `gauge`: the number as it is. `count`: what it has grown by since it was last sent. */
  readonly kind: "gauge" | "count";
  /** CloudWatch's unit (API reference, MetricDatum). */
  readonly unit: "Count" | "Bytes" | "Seconds";
  /** What it is sent by, from which level on. */
  readonly scopes: Readonly<Partial<Record<Scope, Exclude<MonitoringLevel, "none">>>>;
  /** Whether only servers with routed addressing have it. */
  readonly routedOnly?: boolean;
  readonly means: string;
}

const all = (metric: string): Source[] => [{ metric }];
const one = (metric: string, direction: "received" | "sent"): Source[] => [{ metric, labels: { direction } }];

/** Every metric that a server sends once a minute. */
export const AGENT_METRICS = [
  {
    name: "Healthy",
    from: all("wgc_healthy"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "basic", zone: "basic" },
    means:
      "1 from each server that is in order: it takes traffic, or stands by for the one that does; the sum is their number",
  },
  {
    name: "Draining",
    from: all("wgc_draining"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "full" },
    means: "1 from each server that is on its way out; the sum is their number",
  },
  {
    name: "ClientsOnline",
    from: all("wgc_peers_online"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "basic", zone: "full" },
    means:
      "clients with a handshake in the last 180 s at a server; the sum counts a client that moved twice until then",
  },
  {
    name: "Handshakes",
    from: all("wgc_handshakes_total"),
    kind: "count",
    unit: "Count",
    scopes: { cluster: "full" },
    means: "handshakes that clients completed",
  },
  {
    name: "Takeovers",
    from: all("wgc_takeovers_total"),
    kind: "count",
    unit: "Count",
    scopes: { cluster: "basic" },
    means: "sessions that a server took over from another one",
  },
  {
    name: "TakeoversFailed",
    from: [{ metric: "wgc_takeover_unanswered_total" }, { metric: "wgc_takeover_refused_total" }],
    kind: "count",
    unit: "Count",
    scopes: { cluster: "basic" },
    means: "clients that were called and did not answer, or not called because too many were at once",
  },
  {
    name: "BytesReceived",
    from: one("wgc_traffic_bytes_total", "received"),
    kind: "count",
    unit: "Bytes",
    scopes: { zone: "full" },
    means: "bytes that came out of the tunnel",
  },
  {
    name: "BytesSent",
    from: one("wgc_traffic_bytes_total", "sent"),
    kind: "count",
    unit: "Bytes",
    scopes: { zone: "full" },
    means: "bytes that went into the tunnel",
  },
  {
    name: "PacketsReceived",
    from: one("wgc_traffic_packets_total", "received"),
    kind: "count",
    unit: "Count",
    scopes: { cluster: "full" },
    means: "packets that came out of the tunnel",
  },
  {
    name: "PacketsSent",
    from: one("wgc_traffic_packets_total", "sent"),
    kind: "count",
    unit: "Count",
    scopes: { cluster: "full" },
    means: "packets that went into the tunnel",
  },
  {
    name: "ProbeUp",
    from: all("wgc_probe_up"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "basic" },
    means:
      "1 while a server's probe gets its packets back through tunnel, firewall and masquerade; the minimum is the worst server",
  },
  {
    name: "SyncAge",
    from: all("wgc_sync_age_seconds"),
    kind: "gauge",
    unit: "Seconds",
    scopes: { cluster: "basic" },
    means:
      "how long ago a server last had everything that the registry says; the maximum is the slowest server",
  },
  {
    name: "StorageUp",
    from: all("wgc_storage_up"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "basic" },
    means: "1 while the file system answers a server; the minimum is the worst server",
  },
  {
    name: "RoutesAway",
    from: all("wgc_vpc_routes_away"),
    kind: "gauge",
    unit: "Count",
    scopes: { cluster: "basic" },
    routedOnly: true,
    means:
      "route tables of the VPC that are a server's to keep and do not lead to it; only with routed addressing",
  },
  {
    name: "AllowanceExceeded",
    from: all("wgc_ena_allowance_exceeded_total"),
    kind: "count",
    unit: "Count",
    scopes: { cluster: "basic" },
    means:
      "packets that EC2 queued or dropped because an instance was at a limit of its type; only with the ENA driver",
  },
] as const satisfies readonly AgentMetric[];

export type AgentMetricName = (typeof AGENT_METRICS)[number]["name"];

/** The CloudWatch namespace of a cluster. */
export function namespaceOf(cluster: string): string {
  return `wgc/${cluster}`;
}

/** What a metric is sent by at a level. */
export function scopesOf(metric: AgentMetric, level: MonitoringLevel): readonly Scope[] {
  if (level === "none") return [];
  return (["cluster", "zone"] as const).filter((scope) => {
    const from = metric.scopes[scope];
    return from === "basic" || (from === "full" && level === "full");
  });
}

/** How many CloudWatch metrics the servers of a cluster make, which is what is paid for. */
export function customMetricCount(level: MonitoringLevel, zones: number, isRouted: boolean): number {
  const metrics: readonly AgentMetric[] = AGENT_METRICS;
  return metrics
    .filter(({ routedOnly }) => isRouted || routedOnly !== true)
    .flatMap((metric) => scopesOf(metric, level))
    .reduce((sum, scope) => sum + (scope === "zone" ? zones : 1), 0);
}
