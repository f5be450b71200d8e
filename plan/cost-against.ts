import type { CostEstimate } from "./cost";

/** What of a cost estimate is compared: what `wgc cost --json` prints, or a part of it. */
export interface EarlierCost {
  readonly monthly: number | null;
  readonly items: readonly Pick<CostEstimate["items"][number], "what" | "quantity" | "monthly">[];
}

/** One line of the comparison; a quantity of 0 means that there is none. */
export interface CostChange {
  readonly what: string;
  readonly before: { readonly quantity: number; readonly monthly: number };
  readonly now: { readonly quantity: number; readonly monthly: number };
  /** US dollars a month, positive when it costs more. */
  readonly difference: number;
}

export interface CostComparison {
  readonly before: number;
  readonly now: number;
  readonly difference: number;
  /** What differs; the rest is left out. */
  readonly changes: readonly CostChange[];
}

/** What a stack costs a month more or less than it did. */
export function compareCosts(before: EarlierCost, now: EarlierCost): CostComparison {
  const names = [...new Set([...now.items, ...before.items].map(({ what }) => what))];
  const of = ({ items }: EarlierCost, what: string) => {
    const same = items.filter((item) => item.what === what);
    return {
      quantity: sum(same.map(({ quantity }) => quantity)),
      monthly: cents(sum(same.map(({ monthly }) => monthly))),
    };
  };
  const changes = names.map((what) => {
    const [was, is] = [of(before, what), of(now, what)];
    return { what, before: was, now: is, difference: cents(is.monthly - was.monthly) };
  });
  const [was, is] = [before.monthly ?? 0, now.monthly ?? 0];
  return {
    before: was,
    now: is,
    difference: cents(is - was),
    changes: changes.filter(
      ({ before: was, now: is, difference }) => difference !== 0 || was.quantity !== is.quantity,
    ),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function cents(dollars: number): number {
  return Math.round(dollars * 100) / 100;
}
