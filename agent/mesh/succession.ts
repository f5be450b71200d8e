/**
 * How long a server that was the active one goes on in the load balancer's eyes: until this has found the next one healthy. Were it out
 * at once, no target would be healthy for a while, and then the load balancer leads flows to any. Pure.
 *
 * INVARIANTS: once a tenure. The time runs from when it was no longer ready, or was cut off: another one may be active since then.
 */
export class Succession {
  private servesSince: number | undefined;
  private formerSince: number | undefined;
  private goesOnUntil = Number.NEGATIVE_INFINITY;

  /** @param noticeMs so much later the next one is healthy to the load balancer before this one is not */
  constructor(private readonly noticeMs: number) {}

  /**
   * Takes how this server is at this moment.
   *
   * @param serves whether it is the active one, and ready
   * @param now monotonic milliseconds
   * @param lostSince since when the others may have gone on without it; now, when it is in touch
   */
  see(serves: boolean, now: number, lostSince = now): void {
    if (serves) {
      this.servesSince ??= (this.isHandingOn(now) ? this.formerSince : undefined) ?? now;
      this.goesOnUntil = Number.NEGATIVE_INFINITY;
    } else if (this.servesSince !== undefined) {
      // One that served for a moment only was never healthy to the load balancer, and need not become so now.
      this.goesOnUntil = lostSince + Math.min(this.noticeMs, now - this.servesSince);
      this.formerSince = this.servesSince;
      this.servesSince = undefined;
    }
  }

  /** Whether another one is active, and not yet for long enough. @param now monotonic milliseconds */
  isHandingOn(now: number): boolean {
    return now < this.goesOnUntil;
  }
}
