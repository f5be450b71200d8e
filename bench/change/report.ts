/** The results of `wgc bench change` as a table. Pure. */
import type { Spread } from "../statistics";
import type { ChangeResult } from "./bench";

export const CHANGE_HEAD = ["change", "until", "runs", "p50", "p95", "max"] as const;

/** Five rows: each of the two changes, as the servers say it and as packets show it. */
export function changeRows(results: readonly ChangeResult[]): string[][] {
  return results.flatMap((result) => {
    const row = (change: string, until: string, { p50, p95, max }: Spread): string[] => [
      change,
      until,
      String(result.runs),
      ...[p50, p95, max].map((milliseconds) => `${Math.round(milliseconds)} ms`),
    ];
    return [
      row("add", `all ${result.servers} servers have it`, result.add_applied_ms),
      row("add", "the first answer", result.add_first_packet_ms),
      row("add", "answers through each server, one after the other", result.add_every_server_ms),
      row("revoke", `all ${result.servers} servers have it`, result.revoke_applied_ms),
      row("revoke", "the last answer", result.revoke_last_packet_ms),
    ];
  });
}

/** How those fared who talked meanwhile. */
export function othersLine({ others, clients }: ChangeResult): string {
  return (
    `${others.clients} others, among ${clients} registered clients, sent ${others.requests.toLocaleString("en")} requests meanwhile: ` +
    `${others.lost} without an answer, longest gap ${others.longest_gap_ms} ms, ${others.extra_handshakes} handshakes out of turn`
  );
}
