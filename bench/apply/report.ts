/** The results about many clients as tables. Pure. */
import type { ApplyResult, DirectoryResult } from "./bench";

export const APPLY_HEAD = [
  "clients",
  "applied after",
  "of it in wg",
  "one change: work",
  "until applied",
  "idle CPU",
  "agent",
  "storage worker",
  "wireguard-go",
] as const;

/** One row for each number of clients. */
export function applyRows(results: readonly ApplyResult[]): string[][] {
  return results.map((result) => [
    `${result.clients.toLocaleString("en")}${result.wireguard === "stand-in" ? " (stand-in)" : ""}`,
    `${result.apply_s.toFixed(2)} s`,
    `${result.wg_s.toFixed(2)} s`,
    result.change_work_ms === null ? "–" : `${result.change_work_ms.toFixed(1)} ms`,
    `${result.change_seen_ms} ms`,
    `${result.idle_cpu_percent.toFixed(1)} %`,
    `${result.agent_rss_mib.toFixed(0)} MiB`,
    `${result.storage_worker_rss_mib.toFixed(0)} MiB`,
    `${result.wireguard_rss_mib.toFixed(0)} MiB`,
  ]);
}

export const DIRECTORY_HEAD = [
  "sessions known",
  "handshakes elsewhere",
  "CPU",
  "agent",
  "storage worker",
] as const;

export function directoryRows(result: DirectoryResult): string[][] {
  return [
    [
      result.sessions.toLocaleString("en"),
      `${result.handshakes_per_second.toLocaleString("en")}/s`,
      `${result.cpu_percent.toFixed(1)} %`,
      `${result.agent_rss_mib.toFixed(0)} MiB`,
      `${result.storage_worker_rss_mib.toFixed(0)} MiB`,
    ],
  ];
}
