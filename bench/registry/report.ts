/** The results about the registry as a table. Pure. */
import type { RegistryResult } from "./bench";

export const REGISTRY_HEAD = ["clients", "what", "runs", "p50", "p95", "max"] as const;

const time = (ms: number): string => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(1)} ms`);

/** One row for each thing that was measured. */
export function registryRows(results: readonly RegistryResult[]): string[][] {
  return results.map(({ clients, what, runs, p50, p95, max }) => [
    clients.toLocaleString("en"),
    what,
    String(runs),
    time(p50),
    time(p95),
    time(max),
  ]);
}
