import type { Clock, Timer } from "./clock";

/**
 * The way out: unhealthy at once, so that the load balancer moves the flows, but serving on until the time is up or somebody
 * is in a hurry. The WireGuard interface is never touched.
 */
export class Drain {
  private timer: Timer | undefined;
  private readonly finish: () => void;

  /** Why this server drains; undefined while it serves. */
  reason: string | undefined;
  /** Settles when the server may go. */
  readonly finished: Promise<void>;

  constructor(
    private readonly clock: Clock,
    private readonly seconds: number,
  ) {
    let resolve: () => void = () => {};
    this.finished = new Promise((done) => {
      resolve = done;
    });
    this.finish = resolve;
  }

  /** Starts to drain; a second call ends the waiting. */
  begin(reason: string): void {
    if (this.reason !== undefined) {
      this.timer?.cancel();
      this.finish();
      return;
    }
    this.reason = reason;
    this.timer = this.clock.after(this.seconds * 1000, () => this.finish());
  }
}
