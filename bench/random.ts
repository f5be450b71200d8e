/** Random numbers that a seed repeats. */
import { createHash } from "node:crypto";

/** Draws from one sequence of random numbers. */
export interface Random {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
  /** A number from `from` up to, but not including, `to`. */
  between(from: number, to: number): number;
  /** One of the items. */
  pick<T>(items: readonly T[]): T;
}

/** The sequence of a seed: SHA-256 of the seed and a counter, the same on every machine and in every version of Node.js. */
export function randomOf(seed: string | number): Random {
  let count = 0;
  const next = (): number => {
    const bytes = createHash("sha256").update(`${seed}/${count++}`).digest();
    return bytes.readUInt32BE(0) / 2 ** 32;
  };
  return {
    next,
    between: (from, to) => from + next() * (to - from),
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
  };
}
