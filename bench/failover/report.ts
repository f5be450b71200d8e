/** The failover results as a table for people and as lines for machines. Pure. */
import type { Spread } from "../statistics";
import type { FailoverResult } from "./types";

/** What both tables tell of the incident itself. */
const INCIDENT_HEAD = [
  "runs",
  "samples",
  "outage p50",
  "p95",
  "max",
  "after re-route p50",
  "p95",
  "max",
] as const;

export const HEAD = ["scenario", "load", "takeover", ...INCIDENT_HEAD, "lost p50", "max"] as const;

/** Milliseconds as seconds: three digits after the point below 10 s tell enough, one above. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value.toFixed(value < 10 ? 3 : 1)} s`;
}

const spreadCells = (spread: Spread | null | undefined): string[] =>
  spread ? [spread.p50, spread.p95, spread.max].map(seconds) : ["–", "–", "–"];

const incidentCells = ({
  runs,
  failed_runs = 0,
  samples,
  outage_ms,
  after_reroute_ms,
}: FailoverResult): string[] => [
  failed_runs === 0 ? String(runs) : `${runs} (${failed_runs} failed)`,
  String(samples),
  ...[outage_ms, after_reroute_ms].flatMap(spreadCells),
];

/** The usual topology goes without saying. */
const scenarioCell = ({ scenario, topology }: FailoverResult): string =>
  topology === undefined ? scenario : `${scenario}, ${topology}`;

/** One row of the table for each result. */
export function rows(results: readonly FailoverResult[]): string[][] {
  return results.map((result) => [
    scenarioCell(result),
    result.load,
    result.takeover,
    ...incidentCells(result),
    String(result.lost_packets.p50),
    String(result.lost_packets.max),
  ]);
}

/** What is told of long connections, and of everything with routed addressing. */
export const CONNECTIONS_HEAD = [
  "addressing",
  "scenario",
  "load",
  ...INCIDENT_HEAD,
  "TCP lost",
  "longest gap p50",
  "p95",
  "max",
  "backend → client p50",
  "p95",
  "max",
] as const;

/** One row of that table for each result. */
export function connectionRows(results: readonly FailoverResult[]): string[][] {
  return results.map((result) => [
    result.addressing,
    scenarioCell(result),
    result.load,
    ...incidentCells(result),
    result.tcp_connections === undefined ? "–" : `${result.tcp_lost} of ${result.tcp_connections}`,
    ...[result.tcp_longest_gap_ms, result.backend_to_client_ms].flatMap(spreadCells),
  ]);
}
