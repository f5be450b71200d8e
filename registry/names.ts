/** So many slips are a mistyped name at most; more make another name. */
const MOST_SLIPS = 3;

/**
 * The name nearest to a mistyped one: fewest letters added, left out, exchanged or swapped with their neighbour (Damerau's distance
 * of neighbours); undefined where none is near. Of equally near ones the first.
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  const typed = name.toLowerCase();
  // A third of the letters wrong is another name, not a slip.
  let best = Math.max(1, Math.min(MOST_SLIPS, Math.floor(typed.length / 3))) + 1;
  let nearest: string | undefined;
  for (const candidate of names) {
    if (Math.abs(candidate.length - typed.length) >= best) continue;
    const distance = editDistance(typed, candidate, best);
    if (distance >= best) continue;
    [best, nearest] = [distance, candidate];
    if (best === 0) break;
  }
  return nearest;
}

// Names have 63 letters at most; the rows are kept, because this is asked for each of 100,000 names.
let rows = [new Uint8Array(64), new Uint8Array(64), new Uint8Array(64)];

/**
 * The distance of two texts, or `limit` (at most 100) where it is that or more. What is further off the diagonal than the limit
 * cannot matter, so a row costs as much as the limit, not as the name.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  if (rows[0] === undefined || rows[0].length <= b.length)
    rows = [0, 1, 2].map(() => new Uint8Array(b.length + 1));
  let [earlier, last, row] = rows as [Uint8Array, Uint8Array, Uint8Array];
  for (let j = 0; j <= b.length; j++) last[j] = Math.min(j, limit);
  for (let i = 1; i <= a.length; i++) {
    const [from, to] = [Math.max(1, i - limit), Math.min(b.length, i + limit)];
    row[from - 1] = Math.min(from === 1 ? i : limit, limit);
    let least = row[from - 1] ?? 0;
    const letter = a.charCodeAt(i - 1);
    for (let j = from; j <= to; j++) {
      const other = b.charCodeAt(j - 1);
      const above = j === i + limit ? limit : (last[j] ?? 0);
      let cost = Math.min(
        above + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (letter === other ? 0 : 1),
        limit,
      );
      if (i > 1 && j > 1 && letter === b.charCodeAt(j - 2) && other === a.charCodeAt(i - 2))
        cost = Math.min(cost, (earlier[j - 2] ?? 0) + 1);
      row[j] = cost;
      if (cost < least) least = cost;
    }
    // Later rows cannot be less, but for a swap, which is looked for from the row before.
    if (least >= limit && i > 1) {
      let before = limit;
      for (let j = from - 1; j <= to; j++) before = Math.min(before, last[j] ?? limit);
      if (before >= limit) return limit;
    }
    [earlier, last, row] = [last, row, earlier];
  }
  return Math.min(limit, last[b.length] ?? limit);
}
