/**
 * The Grafana dashboard as data, for Prometheus that scrapes the servers with monitoring/prometheus/scrape.yml. `wgc.json` beside this
 * file is what scripts/grafana-dashboard.ts makes of it (a test compares the two).
 * https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 */
interface Panel {
  readonly title: string;
  /** Grafana's name of the unit. */
  readonly unit: "Bps" | "none" | "percentunit" | "pps" | "s" | "short";
  /** Query and the legend of its lines. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  readonly stacked?: true;
}

/** `$cluster` is chosen at the top of the dashboard. */
const IN = '{cluster=~"$cluster"}';
const rate = (metric: string, labels = ""): string =>
  `rate(${metric}{cluster=~"$cluster"${labels}}[$__rate_interval])`;

export const PANELS: readonly Panel[] = [
  {
    title: "Clients online by zone",
    unit: "short",
    stacked: true,
    queries: [[`sum by (zone) (wgc_peers_online${IN})`, "{{zone}}"]],
  },
  {
    title: "Healthy servers by zone",
    unit: "short",
    stacked: true,
    queries: [
      [`sum by (zone) (wgc_healthy${IN})`, "{{zone}}"],
      [`sum(wgc_draining${IN})`, "draining"],
    ],
  },
  {
    title: "Behind the registry",
    unit: "s",
    queries: [
      [`wgc_sync_age_seconds${IN}`, "{{instance_id}}"],
      [`max(wgc_registry_revision${IN}) - min(wgc_applied_revision${IN})`, "revisions, slowest server"],
    ],
  },
  {
    title: "Throughput by server, to clients above and from clients below zero",
    unit: "Bps",
    queries: [
      [
        `sum by (instance_id) (${rate("wgc_traffic_bytes_total", ', direction="sent"')})`,
        "{{instance_id}} sent",
      ],
      [
        `-sum by (instance_id) (${rate("wgc_traffic_bytes_total", ', direction="received"')})`,
        "{{instance_id}} received",
      ],
    ],
  },
  {
    title: "Throughput by zone",
    unit: "Bps",
    stacked: true,
    queries: [[`sum by (zone) (${rate("wgc_traffic_bytes_total")})`, "{{zone}}"]],
  },
  {
    title: "Packets by server",
    unit: "pps",
    queries: [[`sum by (instance_id) (${rate("wgc_traffic_packets_total")})`, "{{instance_id}}"]],
  },
  {
    title: "Handshakes and takeovers a second",
    unit: "short",
    queries: [
      [`sum(${rate("wgc_handshakes_total")})`, "handshakes"],
      [`sum(${rate("wgc_takeovers_total")})`, "taken over"],
      [`sum(${rate("wgc_takeover_unanswered_total")})`, "not answered"],
      [`sum(${rate("wgc_takeover_refused_total")})`, "refused"],
    ],
  },
  {
    title: "Packets over an instance's allowance",
    unit: "pps",
    queries: [
      [
        `sum by (instance_id, allowance) (${rate("wgc_ena_allowance_exceeded_total")}) > 0`,
        "{{instance_id}} {{allowance}}",
      ],
    ],
  },
  {
    title: "Probe's round trip",
    unit: "s",
    queries: [[`wgc_probe_round_trip_seconds${IN}`, "{{instance_id}}"]],
  },
  {
    title: "Worst server (1 is good)",
    unit: "none",
    queries: [
      [`min(wgc_probe_up${IN})`, "forwarding probe"],
      [`min(wgc_storage_up${IN})`, "file system"],
      [`min(wgc_takeover_up${IN})`, "takeover"],
    ],
  },
  {
    title: "CPU of the agent",
    unit: "percentunit",
    queries: [[rate("process_cpu_seconds_total"), "{{instance_id}}"]],
  },
  {
    title: "Time to apply changes (95 %) and errors",
    unit: "s",
    queries: [
      [
        `histogram_quantile(0.95, sum by (le) (${rate("wgc_apply_duration_seconds_bucket")}))`,
        "95 % of changes",
      ],
      [`sum(${rate("wgc_apply_errors_total")})`, "errors a second"],
    ],
  },
  {
    title: "Server key: clients that use the next one",
    unit: "short",
    queries: [
      [`sum(wgc_server_key_moved_clients${IN})`, "moved"],
      [`max(wgc_peers${IN})`, "all clients"],
      [`max(wgc_server_key_rotating${IN})`, "rotating (1)"],
    ],
  },
  {
    title: "Minutes that could not be sent to CloudWatch, an hour",
    unit: "short",
    queries: [[`increase(wgc_cloudwatch_failures_total${IN}[1h])`, "{{instance_id}}"]],
  },
];

const DATASOURCE = { type: "prometheus", uid: "$datasource" } as const;
const [WIDTH, HEIGHT, IN_A_ROW] = [8, 8, 3] as const;

/** The dashboard as Grafana imports it. */
export function grafanaDashboard() {
  return {
    title: "wgc",
    uid: "wgc-cluster",
    tags: ["wireguard"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    templating: {
      list: [
        { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
        {
          name: "cluster",
          label: "Cluster",
          type: "query",
          datasource: DATASOURCE,
          query: { query: "label_values(wgc_agent_info, cluster)", refId: "cluster" },
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: "All", value: "$__all" },
        },
      ],
    },
    panels: PANELS.map(panelOf),
  };
}

function panelOf({ title, unit, queries, stacked }: Panel, index: number) {
  const mode = stacked === true ? "normal" : "none";
  const custom = { lineWidth: 1, fillOpacity: stacked === true ? 30 : 0, stacking: { mode, group: "A" } };
  return {
    id: index + 1,
    type: "timeseries",
    title,
    datasource: DATASOURCE,
    gridPos: {
      x: (index % IN_A_ROW) * WIDTH,
      y: Math.floor(index / IN_A_ROW) * HEIGHT,
      w: WIDTH,
      h: HEIGHT,
    },
    fieldConfig: { defaults: { unit, custom }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: queries.map(([expr, legendFormat], at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource: DATASOURCE,
      expr,
      legendFormat,
    })),
  };
}
