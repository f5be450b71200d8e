/** Lets at most `burst` through at once and `perSecond` in the long run. Time comes in as an argument. */
export class TokenBucket {
  private tokens: number;
  private last: number | undefined;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.tokens = burst;
  }

  /** Takes a token, if there is one. @param now milliseconds that never go back */
  take(now: number): boolean {
    const passed = now - (this.last ?? now);
    this.last = now;
    this.tokens = Math.min(this.burst, this.tokens + (passed / 1000) * this.perSecond);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
