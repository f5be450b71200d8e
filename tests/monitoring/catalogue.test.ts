import { Datums, type Sample } from "../../agent/monitoring/datums";
import { AGENT_METRICS, customMetricCount, scopesOf } from "../../monitoring/metrics";
import { referenceFault } from "../../monitoring/reference";
import { agentMetrics } from "./agent-metrics";

test("every metric of the catalogue comes from numbers that the agent has, with these labels", async () => {
  const samples = new Map((await agentMetrics().getMetricsAsJSON()).map((metric) => [metric.name, metric]));
  const missing = AGENT_METRICS.flatMap(({ name, from }) =>
    from.flatMap(({ metric, ...source }) => {
      const wanted = Object.entries("labels" in source ? source.labels : {});
      const values = samples.get(metric)?.values ?? [];
      const found = values.some(({ labels }) =>
        wanted.every(([key, text]) => (labels as Record<string, unknown>)[key] === text),
      );
      return found ? [] : [`${name}: ${metric}`];
    }),
  );
  expect(missing).toEqual([]);
});

test("each number of the agent is sent under the name that means it, in its unit", async () => {
  const samples = (await agentMetrics().getMetricsAsJSON()) as Sample[];
  const datums = new Datums("full");
  // Counts are what was added since the minute before, so that one has nothing.
  const nothing = samples.map(({ name, values }) => ({
    name,
    values: values.map((each) => ({ ...each, value: 0 })),
  }));
  datums.of(nothing, "z-a", new Date(0));
  datums.accept();
  const sent = new Map(
    datums.of(samples, "z-a", new Date(60_000)).map((datum) => [datum.MetricName, [datum.Value, datum.Unit]]),
  );
  expect(Object.fromEntries(sent)).toEqual({
    Healthy: [1, "Count"],
    Draining: [0, "Count"],
    ClientsOnline: [0, "Count"],
    Handshakes: [3, "Count"],
    Takeovers: [1, "Count"],
    // Three that nobody answered, four that were not tried.
    TakeoversFailed: [7, "Count"],
    // Of both interfaces, one for each server key: five each and so on.
    BytesReceived: [10, "Bytes"],
    BytesSent: [12, "Bytes"],
    PacketsReceived: [14, "Count"],
    PacketsSent: [16, "Count"],
    ProbeUp: [1, "Count"],
    SyncAge: [1, "Seconds"],
    StorageUp: [1, "Count"],
    RoutesAway: [2, "Count"],
    AllowanceExceeded: [4, "Count"],
  });
});

test("counts are made from counters and levels from gauges", async () => {
  const types = new Map(
    (await agentMetrics().getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]),
  );
  for (const { kind, from } of AGENT_METRICS)
    for (const { metric } of from)
      expect([metric, types.get(metric)]).toEqual([metric, kind === "count" ? "counter" : "gauge"]);
});

test("what is paid for: basic for two zones, full for three", () => {
  expect(customMetricCount("none", 3, true)).toBe(0);
  expect(customMetricCount("basic", 2, false)).toBe(8 + 2);
  expect(customMetricCount("basic", 2, true)).toBe(9 + 2);
  expect(customMetricCount("full", 3, false)).toBe(12 + 4 * 3);
});

test("names and units are CloudWatch's, and no name is there twice", () => {
  const names = AGENT_METRICS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const metric of AGENT_METRICS) {
    expect(metric.name).toMatch(/^[A-Z][A-Za-z]{1,254}$/);
    expect(scopesOf(metric, "full").length).toBeGreaterThan(0);
  }
});

test.each([
  ["wgc/c", "Takeover", {}, "basic", "servers send no such metric"],
  [
    "wgc/c",
    "Takeovers",
    { AvailabilityZone: "a" },
    "full",
    "servers do not send it by these dimensions at level full",
  ],
  ["wgc/c", "Handshakes", {}, "basic", "servers do not send it by these dimensions at level basic"],
  ["wgc/other", "Takeovers", {}, "full", "not in monitoring/aws-metrics.ts"],
  ["AWS/EFS", "PercentIOLimits", { FileSystemId: "f" }, "full", "not in monitoring/aws-metrics.ts"],
  ["AWS/EFS", "PercentIOLimit", { FilesystemId: "f" }, "full", "AWS does not publish it by these dimensions"],
] as const)("%s %s %j at level %s is refused", (namespace, metricName, dimensions, level, fault) => {
  expect(referenceFault({ namespace, metricName, dimensions }, "c", level)).toContain(fault);
});

test("what goes on between the servers is shown under the name that means it", async () => {
  const shown = await agentMetrics().metrics();
  const value = (name: string) => Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(shown)?.[1]);
  const numbers = {
    wgc_mesh_members: 2,
    wgc_mesh_up: 1,
    wgc_mesh_sent_total: 1,
    wgc_mesh_received_total: 2,
    wgc_mesh_refused_total: 3,
    wgc_mesh_announced_total: 4,
    wgc_standby: 0,
    wgc_overlay_routes: 5,
    wgc_overlay_changes_total: 6,
    wgc_overlay_errors_total: 7,
    wgc_vpc_routes_owned: 3,
    wgc_vpc_routes_settled: 1,
    wgc_vpc_routes_away: 2,
    wgc_vpc_route_replacements_total: 8,
    wgc_vpc_route_errors_total: 9,
    wgc_vpc_route_throttled_total: 10,
    wgc_vpc_route_contests_total: 11,
    wgc_vpc_route_seconds: 1.2,
    wgc_source_check_off: 1,
    wgc_source_check_errors_total: 12,
  };
  expect(Object.fromEntries(Object.keys(numbers).map((name) => [name, value(name)]))).toEqual(numbers);
});
