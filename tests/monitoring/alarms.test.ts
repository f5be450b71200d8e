import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Watched } from "../../monitoring/alarm";
import { alarmSpecs, rollbackAlarmNames } from "../../monitoring/alarms";
import { referenceFault } from "../../monitoring/reference";
import { anchorsOf } from "./support";
import { WATCHED } from "./watched";

test.each(["basic", "full"] as const)(
  "at level %s every alarm reads metrics that somebody sends",
  (level) => {
    const faults = alarmSpecs(WATCHED, level).flatMap(({ key, metrics }) =>
      metrics.flatMap((metric) => {
        const fault = referenceFault(metric, "c", level);
        return fault === undefined ? [] : [`${key}: ${fault}`];
      }),
    );
    expect(faults).toEqual([]);
  },
);

test("every alarm leads to a section of the runbook that is there", () => {
  const anchors = anchorsOf(readFileSync(join(__dirname, "../../docs/operations.md"), "utf8"));
  expect(alarmSpecs(WATCHED, "full").filter(({ runbook }) => !anchors.has(runbook))).toEqual([]);
});

test("symptoms, and what silence means for each", () => {
  expect(Object.fromEntries(alarmSpecs(WATCHED, "basic").map(({ key, missing }) => [key, missing]))).toEqual({
    "no-healthy-server": "breaching",
    "servers-below-minimum": "breaching",
    "zone-1-empty": "breaching",
    "zone-2-empty": "breaching",
    "zone-3-empty": "breaching",
    "fails-open": "notBreaching",
    "probe-failing": "ignore",
    "storage-down": "ignore",
    "registry-lag": "ignore",
    "boot-failures": "notBreaching",
    "allowance-exceeded": "notBreaching",
    "many-takeovers": "notBreaching",
    "takeovers-failing": "notBreaching",
    "routes-away": "ignore",
    "efs-io-limit": "ignore",
    "efs-burst-credits": "ignore",
    "control-errors": "notBreaching",
    "control-throttled": "notBreaching",
  });
});

test("what rings, when", () => {
  const shown = alarmSpecs(WATCHED, "basic").map((alarm) => {
    const { comparison, datapoints, expression, key, metrics, periods, periodSeconds, threshold } = alarm;
    const sign = { GreaterThanThreshold: ">", GreaterThanOrEqualToThreshold: ">=", LessThanThreshold: "<" };
    const what = expression ?? metrics.map(({ metricName, stat }) => `${stat} ${metricName}`).join();
    return `${key}: ${what} ${sign[comparison]} ${threshold}, ${datapoints ?? periods} of ${periods} x ${periodSeconds} s`;
  });
  expect(shown).toEqual([
    "no-healthy-server: Maximum HealthyHostCount < 1, 2 of 2 x 60 s",
    "servers-below-minimum: Sum Healthy < 3, 10 of 10 x 60 s",
    "zone-1-empty: Sum Healthy < 1, 5 of 5 x 60 s",
    "zone-2-empty: Sum Healthy < 1, 5 of 5 x 60 s",
    "zone-3-empty: Sum Healthy < 1, 5 of 5 x 60 s",
    "fails-open: Sum UnhealthyRoutingFlowCount > 0, 2 of 3 x 60 s",
    "probe-failing: Minimum ProbeUp < 1, 3 of 3 x 60 s",
    "storage-down: Minimum StorageUp < 1, 3 of 3 x 60 s",
    "registry-lag: Maximum SyncAge > 60, 3 of 3 x 60 s",
    "boot-failures: Sum Invocations >= 2, 1 of 1 x 1800 s",
    "allowance-exceeded: Sum AllowanceExceeded > 0, 5 of 15 x 60 s",
    "many-takeovers: IF(moved > 20 AND moved > online / (PERIOD(online) / 60) / 2, 1, 0) >= 1, 3 of 3 x 300 s",
    "takeovers-failing: IF(failed > 20 AND failed > moved, 1, 0) >= 1, 3 of 3 x 300 s",
    "routes-away: Maximum RoutesAway > 0, 3 of 3 x 60 s",
    "efs-io-limit: Average PercentIOLimit > 90, 3 of 3 x 300 s",
    "efs-burst-credits: Minimum BurstCreditBalance < 549755813888, 3 of 3 x 300 s",
    "control-errors: Sum Errors > 0, 1 of 1 x 300 s",
    "control-throttled: Sum Throttles > 0, 3 of 3 x 300 s",
  ]);
});

test("expressions name exactly the metrics beside them", () => {
  for (const { expression, metrics } of alarmSpecs(WATCHED, "full")) {
    const ids = metrics.map(({ id }) => id).sort();
    if (expression === undefined) expect(ids).toHaveLength(1);
    else expect([...new Set(expression.match(/\b[a-z]\w*\b/g))].sort()).toEqual(ids);
  }
});

test("an alarm looks back a day at most, as CloudWatch demands", () => {
  for (const { datapoints = 1, periods, periodSeconds } of alarmSpecs(WATCHED, "full")) {
    expect(periods * periodSeconds).toBeLessThanOrEqual(86_400);
    expect(datapoints).toBeLessThanOrEqual(periods);
    expect(periodSeconds % 60).toBe(0);
  }
});

test("fewer servers than zones, no alarms for empty zones; without takeover none about it", () => {
  const keys = (more: Partial<Watched<string>>) =>
    alarmSpecs({ ...WATCHED, ...more }, "basic").map(({ key }) => key);
  expect(keys({ minServers: 2 }).filter((key) => key.startsWith("zone-"))).toEqual([]);
  expect(keys({ takeover: false }).filter((key) => key.includes("takeover"))).toEqual([]);
  expect(keys({ routed: false }).filter((key) => key.includes("route"))).toEqual([]);
  expect(alarmSpecs(WATCHED, "none")).toEqual([]);
});

test("what stops an instance refresh is what a bad version does, and fits into Auto Scaling's ten", () => {
  expect(rollbackAlarmNames("c", "basic")).toEqual([
    "c/no-healthy-server",
    "c/servers-below-minimum",
    "c/probe-failing",
    "c/registry-lag",
    "c/boot-failures",
  ]);
  expect(rollbackAlarmNames("c", "none")).toEqual([]);
});
