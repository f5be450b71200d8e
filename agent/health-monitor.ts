import { type Check, type Findings, type Health, healthChecks, isStarting } from "./health";

/** How long everything must have been fine before a server that was taken out is put back. */
export const RECOVERY_MS = 5000;

/**
 * Turns findings into the one answer that the load balancer gets, without flapping: a server that serves is taken out when
 * one check has failed in several beats in a row, and put back when all have been fine for a while.
 *
 * INVARIANTS: a drain counts at once and is never undone by recovering. The first time that everything is fine, a server that
 * starts is in service at once. Beats are counted and not timed, so a process that was stopped does not count the gap.
 */
export class HealthMonitor {
  private readonly patience: ReadonlyMap<string, number>;
  private readonly inRow = new Map<string, number>();
  private serving = false;
  private everServed = false;
  private fineSince: number | undefined;

  constructor(checks: readonly Check[] = healthChecks) {
    this.patience = new Map(checks.map((check) => [check.name, check.patience ?? 1]));
  }

  /** Takes the findings of one beat. */
  beat({ failures }: Findings, now: number): void {
    for (const name of this.patience.keys()) {
      if (failures.has(name)) this.inRow.set(name, (this.inRow.get(name) ?? 0) + 1);
      else this.inRow.delete(name);
    }
    if (failures.size > 0) this.fineSince = undefined;
    else this.fineSince ??= now;
    if (this.serving) this.serving = ![...this.inRow].some(([name, count]) => count >= this.needed(name));
    else this.serving = this.isBack(now);
    this.everServed ||= this.serving;
  }

  /** The answer, from these findings and the beats before. */
  answer(found: Findings, now: number): Health {
    const { failures, warnings, checks } = found;
    const draining = failures.has("serving");
    if (!this.everServed && failures.size === 0) this.beat(found, now);
    const healthy = this.serving && !draining;
    const reasons = [...failures.values()];
    if (!healthy && failures.size === 0) {
      const fine = Math.floor((now - (this.fineSince ?? now)) / 1000);
      reasons.push(`recovering: all checks have been fine for ${fine} s of ${RECOVERY_MS / 1000} s`);
    }
    return { status: this.status(found, healthy), healthy, reasons: [...reasons, ...warnings], checks };
  }

  private status(found: Findings, healthy: boolean): Health["status"] {
    if (found.failures.has("serving")) return "draining";
    if (healthy) return found.failures.size + found.warnings.length > 0 ? "degraded" : "ok";
    return !this.everServed && isStarting(found) ? "starting" : "unhealthy";
  }

  private needed(name: string): number {
    return this.patience.get(name) ?? 1;
  }

  private isBack(now: number): boolean {
    if (this.fineSince === undefined) return false;
    return !this.everServed || now - this.fineSince >= RECOVERY_MS;
  }
}
