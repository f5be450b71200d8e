import { readFileSync } from "node:fs";
import { join } from "node:path";
import { peersChanged } from "../../bench/apply/fresh-server";
import type { FailoverOptions } from "../../bench/failover/types";
import {
  longerSeries,
  mergeResults,
  type PublishedResult,
  parseResults,
  renderPage,
  sections,
} from "../../bench/published";
import { summarise } from "../../bench/throughput/bench";

const DOCS = join(__dirname, "..", "..", "docs");
const origin = {
  date: "2026-01-02T03:04:05.000Z",
  command: "./wgc bench throughput --write",
  machine: {
    cpu: "A processor",
    cores: 2,
    memory_gib: 8,
    kernel: "6.12.0",
    wireguard: "kernel",
    node: "24.0.0",
    wgc: "dev (abc)",
  },
};
const throughput = (ratio: number): PublishedResult => ({
  bench: "throughput",
  ...summarise("upload", [100 * ratio, 90 * ratio, 110 * ratio], [100, 100, 100]),
  ...origin,
});
const failover = (
  health: "nlb" | "fast",
  takeover: "on" | "off",
): Extract<PublishedResult, { bench: "failover" }> => ({
  ...origin,
  bench: "failover",
  addressing: "masquerade",
  scenario: "crash",
  load: "busy",
  takeover,
  health,
  runs: 20,
  samples: 40,
  outage_ms: { p50: 7000, p95: 9000, max: 9100 },
  after_reroute_ms: { p50: 100, p95: 150, max: 200 },
  lost_packets: { p50: 700, max: 910 },
});

test("a result with one active server takes no other one's place, and has a row of its own", () => {
  const passive = { ...failover("nlb", "on"), topology: "active-passive" as const };
  const both = mergeResults([failover("nlb", "on")], [passive]);
  expect(both).toHaveLength(2);
  expect(mergeResults(both, [{ ...passive, runs: 3 }])).toEqual([
    failover("nlb", "on"),
    { ...passive, runs: 3 },
  ]);
  const { failover: text = "" } = sections([passive, failover("nlb", "on")]);
  const cells = text.split("\n").flatMap((line) => /^\| (crash[^|]*) \|/.exec(line)?.[1] ?? []);
  expect(cells).toEqual(["crash", "crash, active-passive"]);
});

test("throughput is a median of each way, and the ratio is that of the medians", () => {
  expect(summarise("download", [90, 80, 100], [100, 300, 120])).toEqual({
    direction: "download",
    runs: 3,
    cluster_mbit: 90,
    bare_mbit: 120,
    ratio: 0.75,
    cluster_all_mbit: [90, 80, 100],
    bare_all_mbit: [100, 300, 120],
  });
});

test("a new result takes the place of the one it repeats, others stay", () => {
  const old = [failover("nlb", "on"), throughput(0.5), failover("nlb", "off")];
  expect(mergeResults(old, [throughput(0.9)])).toEqual([old[0], throughput(0.9), old[2]]);
});

test("tables tell where they come from; quick looks are left out; takeover on stands before off", () => {
  const made = sections([
    failover("nlb", "off"),
    failover("fast", "on"),
    failover("nlb", "on"),
    throughput(0.9),
  ]);
  const lines = (made["failover"] ?? "").split("\n");
  expect(lines.filter((line) => line.startsWith("| crash"))).toEqual([
    "| crash | busy | on | 20 | 40 | 7.000 s | 9.000 s | 9.100 s | 0.100 s | 0.150 s | 0.200 s | 700 | 910 |",
    "| crash | busy | off | 20 | 40 | 7.000 s | 9.000 s | 9.100 s | 0.100 s | 0.150 s | 0.200 s | 700 | 910 |",
  ]);
  expect(made["throughput"]).toContain("| upload | 3 | 90 Mbit/s | 100 Mbit/s | 90.0 % |");
  expect(made["throughput"]).toContain(
    "- `./wgc bench throughput --write`, 2026-01-02, on A processor, 2 cores, 8 GiB, Linux 6.12.0, WireGuard: kernel, Node.js 24.0.0, wgc dev (abc)",
  );
  expect(made["apply"]).toBe("Not measured yet.");
});

test("runs that gave no samples are told of in the row", () => {
  const { failover: text = "" } = sections([{ ...failover("nlb", "on"), runs: 19, failed_runs: 1 }]);
  expect(text).toContain("| crash | busy | on | 19 (1 failed) | 40 |");
});

test("scenarios that were published with more runs are named, unless these are other rows or as many", () => {
  const old = [failover("nlb", "on"), { ...failover("nlb", "on"), scenario: "roam" as const, runs: 10 }];
  const options: FailoverOptions = {
    addressing: "masquerade",
    topology: "active-active",
    scenarios: ["crash", "roam"],
    loads: ["busy"],
    takeover: ["on"],
    health: "nlb",
    runs: 11,
    clients: 8,
    stack: "dev",
  };
  expect(longerSeries(old, options)).toEqual(["crash"]);
  expect(longerSeries(old, { ...options, runs: 9 })).toEqual(["crash", "roam"]);
  expect(longerSeries([{ ...failover("nlb", "on"), runs: 10, failed_runs: 2 }], options)).toEqual(["crash"]);
  const passive = { ...failover("nlb", "on"), topology: "active-passive" as const };
  expect(longerSeries([passive], options)).toEqual([]);
  expect(longerSeries([passive], { ...options, topology: "active-passive" })).toEqual(["crash"]);
  const others: Partial<FailoverOptions>[] = [
    { runs: 20 },
    { takeover: ["off"] },
    { loads: ["idle"] },
    { addressing: "routed" },
    { topology: "active-passive" },
    { health: "fast" },
    { scenarios: ["drain"] },
  ];
  for (const other of others) expect(longerSeries(old, { ...options, ...other })).toEqual([]);
});

test("where results came about in several ways, each row says by which", () => {
  const machine = { ...origin.machine, wgc: "dev (def)" };
  const { failover: text = "" } = sections([
    { ...failover("nlb", "off"), machine },
    failover("nlb", "on"),
    { ...failover("nlb", "on"), scenario: "roam", machine },
  ]);
  const lines = text.split("\n");
  expect(lines[0]).toMatch(/ \| measured by \|$/);
  expect(lines.filter((line) => /^\| (crash|roam)/.test(line)).map((line) => line.slice(-5))).toEqual([
    "| 1 |",
    "| 2 |",
    "| 2 |",
  ]);
  expect(lines.filter((line) => /^\d\. /.test(line)).map((line) => line.match(/^\d|\((...)\)$/g))).toEqual([
    ["1", "(abc)"],
    ["2", "(def)"],
  ]);
});

test("long connections and routed addressing have a table of their own, and repeat nothing of the other", () => {
  const routed = {
    ...failover("nlb", "on"),
    ...({ addressing: "routed", load: "tcp", after_reroute_ms: null } as const),
    ...{ tcp_connections: 44, tcp_lost: 1, backend_to_client_ms: null },
    tcp_longest_gap_ms: { p50: 200, p95: 300, max: 400 },
  };
  const merged = mergeResults([failover("nlb", "on")], [routed, { ...failover("nlb", "on"), load: "tcp" }]);
  expect(merged).toHaveLength(3);
  const made = sections(merged);
  const rowsOf = (section: string) =>
    (made[section] ?? "").split("\n").filter((line) => line.includes("| crash |"));
  expect(rowsOf("failover")).toHaveLength(1);
  expect(rowsOf("connections")).toEqual([
    "| masquerade | crash | tcp | 20 | 40 | 7.000 s | 9.000 s | 9.100 s | 0.100 s | 0.150 s | 0.200 s | – | – | – | – | – | – | – |",
    "| routed | crash | tcp | 20 | 40 | 7.000 s | 9.000 s | 9.100 s | – | – | – | 1 of 44 | 0.200 s | 0.300 s | 0.400 s | – | – | – |",
  ]);
});

test("a result from before there was another addressing is one of masquerading", () => {
  const { addressing: _, ...old } = failover("nlb", "on");
  expect(parseResults(JSON.stringify(old))).toEqual([failover("nlb", "on")]);
});

test("only the generated part of a page changes, and a page without its place is an error", () => {
  const page = "Head\n<!-- generated: a -->\nold\n<!-- end: a -->\nFoot\n";
  expect(renderPage(page, { a: "new" })).toBe(
    "Head\n<!-- generated: a -->\n\nnew\n\n<!-- end: a -->\nFoot\n",
  );
  expect(() => renderPage(page, { b: "new" })).toThrow(/has no place for b/);
});

test("the page in docs/ shows exactly the results in docs/benchmarks.jsonl", () => {
  const page = readFileSync(join(DOCS, "benchmarks.md"), "utf8");
  const results = parseResults(readFileSync(join(DOCS, "benchmarks.jsonl"), "utf8"));
  expect(renderPage(page, sections(results))).toBe(page);
});

test("the agent's log is read for changed peers only", () => {
  const log = [
    "not JSON",
    '{"msg":"the agent has started","time":"2026-01-02T03:04:05.000Z"}',
    '{"msg":"peers changed","time":"2026-01-02T03:04:06.000Z","peers":10,"seconds":0.5,"set":10}',
  ].join("\n");
  expect(peersChanged(log)).toMatchObject([{ peers: 10, seconds: 0.5 }]);
});
