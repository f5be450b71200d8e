/** Statistics of measured values. */

/**
 * The p-th percentile by nearest rank: the smallest measured value that at least p % of all values do not exceed. It is always a
 * value that was really measured; with 20 samples p95 is the second largest.
 *
 * @param p above 0, at most 100
 * @throws RangeError without values
 */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.ceil((p / 100) * sorted.length) - 1];
  if (value === undefined) throw new RangeError("no values to take a percentile of");
  return value;
}

/** The middle of the values; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new RangeError("no values to take the median of");
  return (low + high) / 2;
}

/** The figures that tables show. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** p50, p95 and maximum, to a tenth. */
export function spread(values: readonly number[]): Spread {
  const rounded = (p: number): number => Math.round(percentile(values, p) * 10) / 10;
  return { p50: rounded(50), p95: rounded(95), max: rounded(100) };
}
