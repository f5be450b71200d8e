import type { Clock } from "./clock";

/** What tells whether the load balancer leads flows here. */
export interface FlowsHereOptions {
  readonly clock: Clock;
  readonly healthCheckSeconds: number;
  readonly drainSeconds: number;
  /** Whether the load balancer is told that this server takes traffic. */
  readonly inService: () => boolean;
  /** Whether the Auto Scaling group has deregistered this server: then nobody checks it, and its flows stay for the deregistration delay. */
  readonly deregistered: () => boolean;
}

/** A deregistration is noticed so much later at most (drain-notices.ts). */
const NOTICED_LATE_SECONDS = 5;

/**
 * Whether the load balancer still leads this server's flows here, as far as the server can know: not when it has been out of service for
 * a check interval, as the second failed check moves them. The deregistration delay is at least `drainSeconds`.
 */
export class FlowsHere {
  private outSince: number | undefined;

  constructor(private readonly options: FlowsHereOptions) {}

  /** Looks; asked often, since a time out of service begins with the first look that finds it. */
  get areExpected(): boolean {
    const { clock, inService } = this.options;
    if (inService()) {
      this.outSince = undefined;
      return true;
    }
    this.outSince ??= clock.monotonic();
    return clock.monotonic() - this.outSince < this.keptSeconds * 1000;
  }

  private get keptSeconds(): number {
    const { deregistered, drainSeconds, healthCheckSeconds } = this.options;
    return deregistered()
      ? Math.max(healthCheckSeconds, drainSeconds - NOTICED_LATE_SECONDS)
      : healthCheckSeconds;
  }
}
