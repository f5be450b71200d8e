/** What a client's probe saw: which answers came, over which server, and how long it had to do without. */
import { z } from "zod";

/** One answered probe. */
export interface Answer {
  /** Time of arrival, milliseconds of the lab's clock. */
  at: number;
  rtt: number;
  /** Address the backend saw: the server that carried the packet. */
  via: string;
}

/** A line that guest/echo prints. */
export const probeLineSchema = z.union([
  z.object({ sent: z.number() }),
  z.object({ seq: z.number(), rtt: z.number(), via: z.string() }),
]);

export interface TrafficReport {
  sent: number;
  received: number;
  last: Answer | undefined;
}

export class TrafficRecord {
  private sent = 0;
  private readonly answers: Answer[] = [];
  private readonly waiters = new Set<(answer: Answer) => void>();

  /** Takes one line of the probe's output. */
  take(line: string, now: number): void {
    const entry = probeLineSchema.parse(JSON.parse(line));
    if ("sent" in entry) {
      this.sent += 1;
      return;
    }
    const answer = { at: now, rtt: entry.rtt, via: entry.via };
    this.answers.push(answer);
    for (const waiter of [...this.waiters]) waiter(answer);
  }

  report(): TrafficReport {
    return { sent: this.sent, received: this.answers.length, last: this.answers.at(-1) };
  }

  /** Longest time without an answer since `from`, up to `to`; milliseconds. */
  longestGap(from: number, to: number): number {
    const before = this.answers.filter((answer) => answer.at < from).at(-1)?.at ?? from;
    const times = [before, ...this.answers.filter((a) => a.at >= from && a.at <= to).map((a) => a.at), to];
    return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time)));
  }

  /** The next answer that matches, or undefined when none came within the time limit (milliseconds). */
  next(matches: (answer: Answer) => boolean, limit: number): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve(answer);
      };
      const waiter = (answer: Answer): void => {
        if (matches(answer)) finish(answer);
      };
      const timer = setTimeout(() => finish(undefined), limit);
      this.waiters.add(waiter);
    });
  }
}
