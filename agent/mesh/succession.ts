/**
 * How long a server that was the active one goes on in the load balancer's eyes: until this has found the next one healthy. Were it out
 * at once, no target would be healthy for that long, and then the load balancer leads flows to any. Pure.
 */
export class Succession {
  private activeSince: number | undefined;
  private goesOnUntil = Number.NEGATIVE_INFINITY;

  /** @param noticeMs within this time the load balancer has found a server healthy that it called unhealthy before */
  constructor(private readonly noticeMs: number) {}

  /** Takes whether this server is the active one. @param now monotonic milliseconds */
  see(isActive: boolean, now: number): void {
    if (isActive) {
      this.activeSince ??= now;
      this.goesOnUntil = Number.NEGATIVE_INFINITY;
    } else if (this.activeSince !== undefined) {
      // One that was active for a moment only was never healthy to the load balancer, and need not become so now.
      this.goesOnUntil = now + Math.min(this.noticeMs, now - this.activeSince);
      this.activeSince = undefined;
    }
  }

  /** Whether another one is active, and not yet for long enough. @param now monotonic milliseconds */
  isHandingOn(now: number): boolean {
    return now < this.goesOnUntil;
  }
}
