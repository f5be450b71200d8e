/** The word that was probably meant: the nearest of those that exist; undefined when none is near. */
export function suggest(word: string, existing: Iterable<string>): string | undefined {
  let best: string | undefined;
  // One slip in a short word, one more for every three letters: more is another word.
  let least = 1 + Math.floor(word.length / 4) + 1;
  for (const candidate of existing) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = slips(word, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** How many letters are wrong, missing, too many or exchanged with their neighbour (optimal string alignment distance). */
function slips(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const choices = [at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + (same ? 0 : 1)];
      next.push(Math.min(...choices, exchanged ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY));
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
