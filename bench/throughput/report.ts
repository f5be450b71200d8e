/** The throughput results as a table. Pure. */
import type { ThroughputResult } from "./bench";

export const THROUGHPUT_HEAD = ["direction", "runs", "cluster", "one bare hop", "ratio"] as const;

/** One row for each direction; medians. */
export function throughputRows(results: readonly ThroughputResult[]): string[][] {
  return results.map(({ direction, runs, cluster_mbit, bare_mbit, ratio }) => [
    direction,
    String(runs),
    `${cluster_mbit} Mbit/s`,
    `${bare_mbit} Mbit/s`,
    `${(ratio * 100).toFixed(1)} %`,
  ]);
}
