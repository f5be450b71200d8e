import type { Clock } from "./clock";
import { METADATA_MS } from "./drain-notices";
import { TOUCH_SECONDS } from "./takeover/ruleset";

/** What tells whether the load balancer leads flows here. */
export interface FlowsHereOptions {
  readonly clock: Clock;
  readonly healthCheckSeconds: number;
  readonly deregistrationDelaySeconds: number;
  /** Whether the load balancer is told that this server takes traffic, or has nowhere else to lead flows to. */
  readonly inService: () => boolean;
  /** Whether the Auto Scaling group has deregistered this server: then nobody checks it, and its flows stay for the deregistration delay. */
  readonly deregistered: () => boolean;
}

/**
 * Whether the load balancer still leads this server's flows here, as far as the server can know. One that is out of service may lose them
 * a check interval later, with the second failed check; the kernel's table is told in time for what it was told to be over by then.
 *
 * INVARIANTS: flows that may be gone stay so until the server is in service again.
 */
export class FlowsHere {
  private outSince: number | undefined;
  /** Whether this process has seen this server in service: if not, nobody knows how long ago it was deregistered. */
  private hasServed = false;
  private mayBeGone = false;

  constructor(private readonly options: FlowsHereOptions) {}

  /** Looks; asked often, since a time out of service begins with the first look that finds it. */
  get areExpected(): boolean {
    const { clock, inService } = this.options;
    if (inService()) {
      this.hasServed = true;
      this.outSince = undefined;
      this.mayBeGone = false;
      return true;
    }
    this.outSince ??= clock.monotonic();
    this.mayBeGone ||= clock.monotonic() - this.outSince >= this.keptSeconds * 1000;
    return !this.mayBeGone;
  }

  private get keptSeconds(): number {
    const { deregistered, deregistrationDelaySeconds, healthCheckSeconds } = this.options;
    // A deregistration is noticed late by the time between two looks at most.
    const isKept = deregistered() && this.hasServed;
    const kept = isKept ? deregistrationDelaySeconds - METADATA_MS / 1000 : healthCheckSeconds;
    return Math.max(0, kept - TOUCH_SECONDS);
  }
}
