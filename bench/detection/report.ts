/** The results of `wgc bench detection` as a table. Pure. */
import type { Spread } from "../statistics";
import type { DetectionResult } from "./bench";

export const DETECTION_HEAD = [
  ...["fault", "runs", "seen p50", "p95", "max"],
  ...["in service again p50", "p95", "max"],
] as const;

const cells = ({ p50, p95, max }: Spread): string[] =>
  [p50, p95, max].map((milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`);

/** One row for each fault. */
export function detectionRows(results: readonly DetectionResult[]): string[][] {
  return results.map(({ fault, runs, detected_ms, back_ms }) => [
    fault,
    String(runs),
    ...cells(detected_ms),
    ...cells(back_ms),
  ]);
}
