/** The result about one server among many as a table. Pure. */
import type { Spread } from "../statistics";
import type { MeshResult, Rate } from "./bench";

export const MESH_HEAD = ["servers", "clients", "what", "seen"] as const;

const milliseconds = ({ p50, p95, max }: Spread): string =>
  `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, max ${max.toFixed(1)} ms`;

const heartbeats = ({ per_second, kbit_per_second }: Rate): string =>
  `${per_second}/s, ${kbit_per_second} kbit/s`;

/** A row for each thing that was measured. */
export function meshRows(result: MeshResult): string[][] {
  const busy = `with ${result.handshakes_per_second.toLocaleString("en")} handshakes a second announced`;
  const size = [String(result.servers), result.clients.toLocaleString("en")];
  return [
    ["routes to all clients after", `${result.routes_s.toFixed(1)} s`],
    [`a client's move, ${result.moves} of them`, milliseconds(result.move_ms)],
    [`the same, ${busy}`, milliseconds(result.move_busy_ms)],
    ["moves that were not heard of, of both", String(result.unheard)],
    ["heartbeats heard", heartbeats(result.heard)],
    ["heartbeats said", heartbeats(result.said)],
    ["CPU, heartbeats alone", `${result.cpu_percent.toFixed(1)} %`],
    [`CPU, ${busy}`, `${result.cpu_busy_percent.toFixed(1)} %`],
    ["agent", `${result.agent_rss_mib.toFixed(0)} MiB`],
  ].map((row) => [...size, ...row]);
}
