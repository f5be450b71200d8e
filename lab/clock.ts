/**
 * The lab's clock is the daemon's performance.now(). All machines of a lab share the kernel's monotonic clock, so what they note
 * themselves can be told in the lab's time exactly, however late the daemon reads it.
 */

/** Milliseconds that the kernel's monotonic clock (clock_gettime(2)) shows when the lab's clock shows 0. */
export const MONOTONIC_AT_ZERO = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** A time of day in milliseconds since 1970 on the lab's clock. */
export function fromWallClock(milliseconds: number): number {
  return milliseconds - (Date.now() - performance.now());
}
