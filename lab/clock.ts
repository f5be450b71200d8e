/**
 * The lab's clock is the daemon's performance.now(). All machines of a lab share the kernel's monotonic clock, so what they note
 * themselves can be told in the lab's time exactly, however late the daemon reads it.
 */

/** So many readings of both clocks: one of them is not interrupted in between. */
const READINGS = 1000;

/**
 * The kernel's monotonic clock minus performance.now(). Both read the same clock, but the first call of either takes about a millisecond
 * (and many when the machine is busy): a single pair would date every answer later than it came, some behind the end of what is looked at.
 */
function offset(): number {
  let [narrowest, found] = [Number.POSITIVE_INFINITY, 0];
  for (let reading = 0; reading < READINGS; reading += 1) {
    const before = performance.now();
    const monotonic = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    found = monotonic - (before + after) / 2;
  }
  return found;
}

/** Milliseconds that the kernel's monotonic clock (clock_gettime(2)) shows when the lab's clock shows 0. */
export const MONOTONIC_AT_ZERO = offset();

/** A time of day in milliseconds since 1970 on the lab's clock. */
export function fromWallClock(milliseconds: number): number {
  return milliseconds - (Date.now() - performance.now());
}
