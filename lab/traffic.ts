/** What a client's probe saw: which answers came, over which server, and how long it had to do without. */
import { z } from "zod";
import { Waiters } from "./waiters";

/** One answered probe. */
export interface Answer {
  /** Time of arrival, milliseconds of the lab's clock. */
  at: number;
  rtt: number;
  /** Address the backend saw: the server that carried the packet. */
  via: string;
  /** Number of the request that it answers; requests are counted from 1. */
  seq: number;
}

/** One request that left. */
export interface Request {
  at: number;
  seq: number;
}

/** What a client sent and got in a time, with the last answer before it where there is one. */
export interface TrafficWindow {
  sent: Request[];
  before: Answer | undefined;
  answers: Answer[];
}

/** A time without an answer. */
export interface Outage {
  ms: number;
  /** When the last answer before it came; the lab's clock, milliseconds. */
  began: number;
}

/** The longest one from `from` to `to`, which `window` is of; one that began earlier counts from its beginning. Pure. */
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

/** A client that talks for hours keeps at least so many of its last requests and answers. */
const KEEP = 50_000;

/** Drops the older half once there are twice as many as are kept. */
function prune(items: unknown[]): void {
  if (items.length >= 2 * KEEP) items.splice(0, items.length - KEEP);
}

/** A line that guest/echo prints; `at` is of the kernel's monotonic clock. */
export const probeLineSchema = z.union([
  z.object({ sent: z.number(), at: z.number() }),
  z.object({ seq: z.number(), rtt: z.number(), via: z.string(), at: z.number() }),
]);

export interface TrafficReport {
  sent: number;
  received: number;
  last: Answer | undefined;
}

export class TrafficRecord {
  private readonly requests: Request[] = [];
  private sent = 0;
  private received = 0;
  private readonly answers: Answer[] = [];
  private readonly waiters = new Waiters<Answer>();

  /** @param monotonicAtZero what the kernel's monotonic clock shows when the lab's shows 0 */
  constructor(private readonly monotonicAtZero = 0) {}

  /** Takes one line of the probe's output. */
  take(line: string): void {
    const entry = probeLineSchema.parse(JSON.parse(line));
    const at = entry.at - this.monotonicAtZero;
    if ("sent" in entry) {
      this.sent += 1;
      prune(this.requests);
      this.requests.push({ at, seq: entry.sent });
      return;
    }
    const answer = { at, rtt: entry.rtt, via: entry.via, seq: entry.seq };
    this.received += 1;
    prune(this.answers);
    this.answers.push(answer);
    this.waiters.tell(answer);
  }

  report(): TrafficReport {
    return { sent: this.sent, received: this.received, last: this.answers.at(-1) };
  }

  /** Longest time without an answer since `from`, up to `to`; milliseconds. */
  longestGap(from: number, to: number): number {
    return longestOutage(this.window(from, to), from, to).ms;
  }

  /** Everything from `from` to `to`. */
  window(from: number, to: number): TrafficWindow {
    const isIn = ({ at }: { at: number }): boolean => at >= from && at <= to;
    return {
      sent: this.requests.filter(isIn),
      before: this.answers.findLast(({ at }) => at < from),
      answers: this.answers.filter(isIn),
    };
  }

  /** The next answer that matches, or undefined when none came within the time limit (milliseconds). */
  next(matches: (answer: Answer) => boolean, limit: number): Promise<Answer | undefined> {
    return this.waiters.next(matches, limit);
  }
}
