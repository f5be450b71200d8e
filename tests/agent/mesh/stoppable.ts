import type { Clock, Timer } from "../../../agent/clock";

/** The clock of a process that can be stopped: what would have run meanwhile runs when it goes on, timers before what has come. */
export class Stoppable implements Clock {
  private isStopped = false;
  private readonly timers: (() => void)[] = [];
  private readonly come: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  now(): number {
    return this.clock.now();
  }

  monotonic(): number {
    return this.clock.monotonic();
  }

  after(ms: number, callback: () => void): Timer {
    return this.clock.after(ms, () => this.run(callback, this.timers));
  }

  stop(): void {
    this.isStopped = true;
  }

  go(): void {
    this.isStopped = false;
    for (const work of [...this.timers.splice(0), ...this.come.splice(0)]) work();
  }

  /** Runs at once, or when the process goes on. */
  run(work: () => void, queue = this.come): void {
    if (this.isStopped) queue.push(work);
    else work();
  }
}
