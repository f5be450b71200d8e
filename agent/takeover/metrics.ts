import type { Registry } from "prom-client";
import { readMetrics } from "../read-metrics";
import type { Takeover } from "./takeover";

/** Adds the takeover's numbers to the agent's; they are read when somebody asks. */
export function addTakeoverMetrics(registry: Registry, takeover: Takeover): void {
  const { gauge, counter } = readMetrics(registry);
  const { attempts, stats, strays, directory } = takeover;
  counter("wgc_takeovers_total", "Sessions taken over from another server", () => attempts.stats.answered);
  counter("wgc_takeover_attempts_total", "Clients called after a stray packet", () => attempts.stats.started);
  counter(
    "wgc_takeover_unanswered_total",
    "Clients called that did not answer, given up after six seconds",
    () => attempts.stats.unanswered,
  );
  counter(
    "wgc_takeover_refused_total",
    "Clients not called because too many were at once",
    () => attempts.stats.refused,
  );
  counter(
    "wgc_sessions_lost_total",
    "Sessions given up because another server has a newer one",
    () => stats.lost,
  );
  counter(
    "wgc_stray_unknown_total",
    "Stray packets with an index that no server recorded",
    () => strays.unknown,
  );
  counter(
    "wgc_stray_ignored_total",
    "Stray packets of sessions that must not be taken over",
    () => stats.ignored,
  );
  gauge(
    "wgc_session_directory_size",
    "Sessions of the whole cluster that this server knows",
    () => directory.size,
  );
  gauge("wgc_takeover_up", "1 when this server can take sessions over", () =>
    Number(takeover.problem === undefined),
  );
}
