/** How many times longer than usual things may take on this machine: `WGC_SLOW`, which `wgc test --vm` sets. */
const FACTOR = Math.max(1, Number(process.env["WGC_SLOW"] ?? 1) || 1);

/** A limit in milliseconds, made longer where the machine is slow. For waiting that ends with an event only. */
export function patient(milliseconds: number): number {
  return milliseconds * FACTOR;
}
