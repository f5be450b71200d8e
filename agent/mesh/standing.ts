/** Since when a server without standing holds its roles, as it tells: whoever else holds one is the earlier one. */
export const NO_SENIORITY = Number.MAX_SAFE_INTEGER;

/**
 * Whether this server's roles count against another holder's: not while there are signs that it is the one that is, or was, cut off, and
 * not until whoever went on in touch has been heard for long enough after that. Pure.
 */
export class Standing {
  private isCutOff = false;
  private lostAt = Number.NEGATIVE_INFINITY;
  private began = Number.NEGATIVE_INFINITY;

  /** @param keptMs what was lost stays so for so long after the last sign */
  constructor(private readonly keptMs: number) {}

  /**
   * Takes what the server sees at this moment.
   *
   * @param now monotonic milliseconds
   * @param since when that began, as far as it is known
   * @returns whether it is in touch again just now
   */
  see(isCutOff: boolean, now: number, since = now): boolean {
    const isBack = this.isCutOff && !isCutOff;
    this.isCutOff = isCutOff;
    if (isCutOff) {
      this.began = this.counts(now) ? since : Math.min(this.began, since);
      this.lostAt = now;
    }
    return isBack;
  }

  /** When what was lost was lost; `now` where nothing is. @param now monotonic milliseconds */
  lostSince(now: number): number {
    return this.counts(now) ? now : this.began;
  }

  /** @param now monotonic milliseconds */
  counts(now: number): boolean {
    return now - this.lostAt >= this.keptMs;
  }
}
