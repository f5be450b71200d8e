/**
 * How many times longer than usual things may take on this machine. The virtual machine sets it where its processor is
 * emulated (vm/run.ts); nothing else does.
 */
const FACTOR = Math.max(1, Number(process.env["WGC_SLOW"] ?? 1) || 1);

/**
 * A limit in milliseconds, longer where the machine is slow. Only for waits that end with an event: what the lab measures, and
 * what it does at a certain pace (health checks, probes, timers of AWS), goes by the clock.
 */
export function patient(milliseconds: number): number {
  return milliseconds * FACTOR;
}
