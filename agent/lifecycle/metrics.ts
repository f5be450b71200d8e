import type { Registry } from "prom-client";
import { readMetrics } from "../read-metrics";
import type { Lifecycle } from "./lifecycle";

/** Adds the numbers of the lifecycle actions to the agent's; they are read when somebody asks. */
export function addLifecycleMetrics(registry: Registry, lifecycle: Lifecycle): void {
  const { gauge, counter } = readMetrics(registry);
  gauge("wgc_lifecycle_owed", "1 while the Auto Scaling group waits for this server's word", () =>
    Number(lifecycle.owed !== undefined),
  );
  counter("wgc_lifecycle_completed_total", "Lifecycle actions completed", () => lifecycle.stats.completed);
  counter(
    "wgc_lifecycle_heartbeats_total",
    "Times that a lifecycle hook was asked for more time",
    () => lifecycle.stats.heartbeats,
  );
  counter(
    "wgc_lifecycle_failures_total",
    "Calls about lifecycle actions that failed and are tried again",
    () => lifecycle.stats.failures,
  );
}
