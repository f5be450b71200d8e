/** The longest time that a client was without an answer, and when that was. Pure. */
import type { TrafficWindow } from "../../lab/traffic";

export interface Outage {
  readonly ms: number;
  /** When the last answer before it came; the lab's clock, milliseconds. */
  readonly began: number;
}

/** The longest one from `from` to `to`, which `window` is of; one that began earlier counts from its beginning. */
export function longestOutage(
  { before, answers }: Pick<TrafficWindow, "before" | "answers">,
  from: number,
  to: number,
): Outage {
  let longest: Outage = { ms: 0, began: from };
  let last = before?.at ?? from;
  for (const at of [...answers.map((answer) => answer.at), to]) {
    if (at - last > longest.ms) longest = { ms: at - last, began: last };
    last = at;
  }
  return longest;
}
