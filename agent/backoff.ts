/** The wait before the next attempt: twice as long after each failure, up to the longest. @param failures before this one */
export function backoff(
  { first, longest }: { readonly first: number; readonly longest: number },
  failures: number,
): number {
  return Math.min(longest, first * 2 ** failures);
}
