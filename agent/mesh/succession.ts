/**
 * How long a server that was the active one goes on in the load balancer's eyes: until this has found the next one healthy. Were it out
 * at once, no target would be healthy for a while, and then the load balancer leads flows to any. Pure.
 *
 * INVARIANTS: once a tenure. Who was out while it had the role, or was cut off, has nothing to hand on.
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
   * @param inTouch false when the others may have gone on without it for long: then one of them is healthy already
   * @param now monotonic milliseconds
   */
  see(serves: boolean, inTouch: boolean, now: number): void {
    if (serves) {
      this.servesSince ??= (this.isHandingOn(now) ? this.formerSince : undefined) ?? now;
      this.goesOnUntil = Number.NEGATIVE_INFINITY;
    } else if (this.servesSince !== undefined) {
      // One that served for a moment only was never healthy to the load balancer, and need not become so now.
      const servedMs = now - this.servesSince;
      if (inTouch) this.goesOnUntil = now + Math.min(this.noticeMs, servedMs);
      this.formerSince = this.servesSince;
      this.servesSince = undefined;
    }
  }

  /** Whether another one is active, and not yet for long enough. @param now monotonic milliseconds */
  isHandingOn(now: number): boolean {
    return now < this.goesOnUntil;
  }
}
