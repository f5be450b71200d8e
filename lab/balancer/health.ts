/** Target health as the load balancer sees it: counts of checks in a row, with the target group's own thresholds. */
import { get } from "node:http";

/** `initial` until enough checks passed: such a target gets no flows yet. */
export type HealthState = "initial" | "healthy" | "unhealthy";

export interface TargetHealth {
  state: HealthState;
  /** Checks in a row that speak against the present state. */
  streak: number;
  /** What the last check saw. */
  reason: string;
}

export interface Thresholds {
  healthy: number;
  unhealthy: number;
}

export interface CheckResult {
  ok: boolean;
  reason: string;
}

export const INITIAL_HEALTH: TargetHealth = { state: "initial", streak: 0, reason: "not checked yet" };

/** The health after one more check. */
export function afterCheck(health: TargetHealth, check: CheckResult, thresholds: Thresholds): TargetHealth {
  const agrees = check.ok ? health.state === "healthy" : health.state === "unhealthy";
  if (agrees) return { ...health, streak: 0, reason: check.reason };
  // An initial target may turn either way; a run of one kind of result is broken by the other kind.
  const previous = health.streak > 0 === check.ok ? Math.abs(health.streak) : 0;
  const streak = previous + 1;
  if (streak >= (check.ok ? thresholds.healthy : thresholds.unhealthy)) {
    return { state: check.ok ? "healthy" : "unhealthy", streak: 0, reason: check.reason };
  }
  return { state: health.state, streak: check.ok ? streak : -streak, reason: check.reason };
}

export interface CheckTarget {
  address: string;
  port: number;
  path: string;
  /** Seconds. */
  timeout: number;
  /** Statuses that pass, as the target group writes them: `200`, `200,204` or `200-399`. */
  matcher: string;
  /** Source address: the load balancer's node. */
  from: string;
}

/** Whether a target group's matcher takes this status. */
export function matchesStatus(matcher: string, status: number): boolean {
  return matcher.split(",").some((part) => {
    const [first, last = first] = part.split("-").map(Number);
    return first !== undefined && last !== undefined && status >= first && status <= last;
  });
}

/** One HTTP health check. */
export function checkOnce(target: CheckTarget): Promise<CheckResult> {
  return new Promise((resolve) => {
    const request = get(
      { host: target.address, port: target.port, path: target.path, localAddress: target.from, agent: false },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        clearTimeout(timer);
        resolve({ ok: matchesStatus(target.matcher, status), reason: `HTTP ${status}` });
      },
    );
    const timer = setTimeout(() => request.destroy(new Error("timed out")), target.timeout * 1000);
    request.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ ok: false, reason: error.code ?? error.message });
    });
  });
}
