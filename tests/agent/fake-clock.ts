import type { Clock, Timer } from "../../agent/clock";

/** A clock that moves only when it is told to; callbacks run in order of their time. */
export class FakeClock implements Clock {
  private time = 0;
  private offset = 0;
  private queue: { at: number; callback: () => void }[] = [];

  constructor(private readonly start = Date.parse("2026-01-01T00:00:00Z")) {}

  now(): number {
    return this.start + this.time + this.offset;
  }

  /** Somebody sets the wall clock. */
  set(now: number): void {
    this.offset = now - this.start - this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): Timer {
    const entry = { at: this.time + ms, callback };
    this.queue.push(entry);
    return {
      cancel: () => {
        this.queue = this.queue.filter((other) => other !== entry);
      },
    };
  }

  /** Time passes in which nothing runs, as for a stopped process. */
  skip(ms: number): void {
    this.time += ms;
  }

  /** Moves on, letting promises settle after each callback. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const next = this.queue.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.queue = this.queue.filter((entry) => entry !== next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await settle();
    }
    this.time = end;
  }
}

/** The same time on a machine whose wall clock is off by so many milliseconds. */
export function offBy(clock: Clock, off: { readonly ms: number }): Clock {
  return {
    now: () => clock.now() + off.ms,
    monotonic: () => clock.monotonic(),
    after: (ms, callback) => clock.after(ms, callback),
  };
}

/** Lets everything run that only waits for promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
