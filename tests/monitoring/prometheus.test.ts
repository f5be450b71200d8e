import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import * as z from "zod";
import { grafanaDashboard, PANELS } from "../../monitoring/grafana/dashboard";
import { PROMETHEUS, PROMTOOL, runTool, testWith } from "../support/tool";
import { agentMetrics } from "./agent-metrics";
import { anchorsOf } from "./support";

jest.setTimeout(120_000);

const root = join(__dirname, "../..");
const folder = join(root, "monitoring/prometheus");
const read = (file: string) => readFileSync(join(folder, file), "utf8");
const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(["critical", "warning", "info"]) }),
          annotations: z.object({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const rules = rulesSchema.parse(parse(read("rules.yml"))).groups.flatMap((group) => group.rules);
/** Queries as Prometheus gets them: Grafana fills in what begins with a dollar. */
const queries = [
  ...rules.map(({ expr }) => expr),
  ...PANELS.flatMap((panel) => panel.queries.map(([expr]) => expr)),
].map((expr) => expr.replaceAll("$cluster", ".*").replaceAll("$__rate_interval", "1m"));

testWith(
  PROMTOOL,
  "promtool finds rules and configuration sound, and the rules ring when they are to ring",
  () => {
    for (const args of [
      ["check", "rules", join(folder, "rules.yml")],
      ["check", "config", join(folder, "scrape.yml")],
      ["test", "rules", join(folder, "rules.test.yml"), join(folder, "rotation.test.yml")],
    ]) {
      const { code, text } = runTool("promtool", args);
      expect([args.slice(0, 2), code, code === 0 ? "" : text]).toEqual([args.slice(0, 2), 0, ""]);
    }
  },
);

test("every rule is tried: a case in which it rings", () => {
  const cases = z
    .object({
      tests: z.array(
        z.object({
          alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
        }),
      ),
    })
    .array()
    .parse(["rules.test.yml", "rotation.test.yml"].map((file) => parse(read(file))));
  const ringing = cases
    .flatMap(({ tests }) => tests)
    .flatMap(({ alert_rule_test }) =>
      alert_rule_test.flatMap(({ alertname, exp_alerts }) => (exp_alerts.length > 0 ? [alertname] : [])),
    );
  expect([...new Set(ringing)].sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

test("every rule leads to a section of the runbook that is there", () => {
  const anchors = anchorsOf(readFileSync(join(root, "docs/operations.md"), "utf8"));
  const lost = rules.filter(({ annotations }) => {
    const [page, anchor = ""] = annotations.runbook.split("#");
    return page !== "docs/operations.md" || !anchors.has(anchor);
  });
  expect(lost).toEqual([]);
});

test("rules and panels name metrics that the agent has", async () => {
  const own = await agentMetrics().getMetricsAsJSON();
  const known = new Set(["up", ...own.flatMap(({ name }) => [name, `${name}_bucket`])]);
  const named = queries.flatMap((query) => query.match(/\b(wgc_\w+|process_\w+|up)\b/g) ?? []);
  expect(named.length).toBeGreaterThan(queries.length - 1);
  expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
});

test("the dashboard that is imported is the one of the source (npx tsx scripts/grafana-dashboard.ts)", () => {
  const imported = JSON.parse(readFileSync(join(root, "monitoring/grafana/wgc.json"), "utf8"));
  expect(imported).toEqual(JSON.parse(JSON.stringify(grafanaDashboard())));
});

/** The parts of Grafana's JSON model that are used. */
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]$/),
  datasource: z.strictObject({ type: z.literal("prometheus"), uid: z.literal("$datasource") }),
  expr: z.string().min(1),
  legendFormat: z.string().min(1),
});
const panelSchema = z.object({
  id: z.int().min(1),
  type: z.literal("timeseries"),
  title: z.string().min(1),
  gridPos: z.strictObject({
    x: z.int().min(0).max(16),
    y: z.int().min(0),
    w: z.literal(8),
    h: z.int().min(1),
  }),
  targets: z.array(target).min(1),
});

test("panels have ids and places of their own, and queries that can be told apart", () => {
  const panels = z.array(panelSchema).parse(grafanaDashboard().panels);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos }) => `${gridPos.x},${gridPos.y}`)).size).toBe(panels.length);
  for (const { targets } of panels)
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
});

const answerSchema = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z.object({ result: z.array(z.unknown()) }).optional(),
});

testWith(
  PROMETHEUS,
  "a real Prometheus scrapes the agent's metrics, and every rule and panel evaluates",
  async () => {
    const metrics = agentMetrics();
    const agent = createServer(async (_, response) => {
      response.setHeader("content-type", metrics.contentType);
      response.end(await metrics.metrics());
    });
    agent.listen(0, "127.0.0.1");
    await once(agent, "listening");
    const work = mkdtempSync(join(tmpdir(), "wgc-prometheus-"));
    const { child, base } = await startPrometheus(work, (agent.address() as AddressInfo).port);
    try {
      const ask = async (query: string) => {
        const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`);
        return answerSchema.parse(await response.json());
      };
      // What is scraped first is there some time after; there is nothing to wait for but asking again.
      for (let tries = 0; tries < 300; tries++) {
        const answer = await ask("wgc_agent_info").catch(() => undefined);
        if ((answer?.data?.result.length ?? 0) > 0) break;
        await sleep(200);
      }
      expect((await ask("sum by (cluster, zone) (wgc_healthy)")).data?.result).toMatchObject([
        { metric: { cluster: "c", zone: "z-a" }, value: [expect.anything(), "1"] },
      ]);
      const failed: string[] = [];
      for (const query of queries) {
        const { status, error } = await ask(query);
        if (status !== "success") failed.push(`${query}: ${error}`);
      }
      expect(failed).toEqual([]);
    } finally {
      child.kill();
      await once(child, "close");
      agent.close();
      agent.closeAllConnections();
      rmSync(work, { recursive: true, force: true });
    }
  },
);

/** Prometheus with the project's rules, which scrapes one server. */
async function startPrometheus(work: string, port: number): Promise<{ child: ChildProcess; base: string }> {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const address = `127.0.0.1:${(free.address() as AddressInfo).port}`;
  free.close();
  await once(free, "close");
  const config = {
    global: { scrape_interval: "1s" },
    rule_files: [join(folder, "rules.yml")],
    scrape_configs: [
      {
        job_name: "wgc",
        static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { cluster: "c", zone: "z-a" } }],
      },
    ],
  };
  writeFileSync(join(work, "prometheus.yml"), JSON.stringify(config));
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(work, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(work, "data")}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: "ignore" },
  );
  return { child, base: `http://${address}` };
}
