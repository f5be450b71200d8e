import type { Clock, Timer } from "../clock";

/** Health checks that must be missing for this server to be cut off; one and a half, and the load balancer moves flows after two. */
const MISSED_CHECKS = 1.5;
/** Until then none is missing. */
const IN_TOUCH_CHECKS = 1.2;
const LOOK_MS = 500;

/**
 * Notices that nothing reaches this server any more: neither the load balancer's health checks nor packets of clients. Then
 * its clients are moved elsewhere, and when it is reached again it must not speak to them from its own address.
 *
 * INVARIANTS: told once for each time of silence. Either sign of life is enough: a load balancer that stops checking does
 * not cost sessions while clients still talk.
 */
export class IsolationWatch {
  private timer: Timer | undefined;
  private lastHeard: number;
  private received = -1;
  private told = false;

  constructor(
    private readonly clock: Clock,
    private readonly healthCheckSeconds: number,
    private readonly onIsolated: () => void,
    /** Told twice a second whether somebody from outside reaches this server. */
    private readonly onLook: (inTouch: boolean) => void = () => {},
  ) {
    this.lastHeard = clock.monotonic();
  }

  /** Whether nothing has been heard for too long. */
  get isolated(): boolean {
    return this.told;
  }

  /** Looks at once: the time since an agent before this one said that it is in touch may be nearly over. */
  start(): void {
    this.check();
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** Somebody from outside reached this server. */
  heard(): void {
    this.lastHeard = this.clock.monotonic();
    this.told = false;
  }

  /** Bytes received from clients so far; fewer than before when one of them was removed. */
  bytes(received: number): void {
    if (received > this.received && this.received >= 0) this.heard();
    this.received = received;
  }

  private check(): void {
    const missedChecks = (this.clock.monotonic() - this.lastHeard) / 1000 / this.healthCheckSeconds;
    this.onLook(missedChecks <= IN_TOUCH_CHECKS);
    if (!this.told && missedChecks > MISSED_CHECKS) {
      this.told = true;
      this.onIsolated();
    }
    this.timer = this.clock.after(LOOK_MS, () => this.check());
  }
}
