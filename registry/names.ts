/**
 * The name nearest to a mistyped one: fewest letters added, left out, exchanged or swapped with their neighbour (Damerau's distance
 * of neighbours); undefined where none is near. Of equally near ones the first.
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  const typed = name.toLowerCase();
  // A third of the letters wrong is another name, not a slip.
  let best = Math.max(1, Math.floor(typed.length / 3)) + 1;
  let nearest: string | undefined;
  for (const candidate of names) {
    if (Math.abs(candidate.length - typed.length) >= best) continue;
    const distance = editDistance(typed, candidate, best);
    if (distance >= best) continue;
    [best, nearest] = [distance, candidate];
  }
  return nearest;
}

/** The distance of two texts, or `limit` where it is that or more. */
export function editDistance(a: string, b: string, limit: number): number {
  let earlier: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (earlier[j - 2] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    // Rows only grow, but for a swap, which looks back one row more.
    if (least >= limit && Math.min(...last) >= limit) return limit;
    [earlier, last] = [last, row];
  }
  return Math.min(limit, last[b.length] ?? limit);
}
