/** The failover results as a table for people and as lines for machines. Pure. */
import type { FailoverResult } from "./types";

export const HEAD = [
  "scenario",
  "load",
  "takeover",
  "runs",
  "samples",
  "outage p50",
  "p95",
  "max",
  "after re-route p50",
  "p95",
  "max",
  "lost p50",
  "max",
] as const;

/** Milliseconds as seconds: three digits after the point below 10 s tell enough, one above. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value.toFixed(value < 10 ? 3 : 1)} s`;
}

/** One row of the table for each result. */
export function rows(results: readonly FailoverResult[]): string[][] {
  return results.map((result) => [
    result.scenario,
    result.load,
    result.takeover,
    String(result.runs),
    String(result.samples),
    ...[result.outage_ms, result.after_reroute_ms].flatMap(({ p50, p95, max }) =>
      [p50, p95, max].map(seconds),
    ),
    String(result.lost_packets.p50),
    String(result.lost_packets.max),
  ]);
}
