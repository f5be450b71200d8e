import type { Clock, Timer } from "./clock";

/** Time between two beats. */
export const BEAT_MS = 500;
/** A beat that is so late comes after a time in which the process did not run, */
const LATE_MS = 100;
/** and what has arrived meanwhile is read first. */
const GRACE_MS = 20;

/** Calls at even intervals. A beat never judges what nobody had time to read. */
export class Pulse {
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly beat: () => void,
  ) {}

  start(): void {
    const dueAt = this.clock.monotonic() + BEAT_MS;
    this.timer = this.clock.after(BEAT_MS, () => {
      if (this.clock.monotonic() - dueAt <= LATE_MS) this.strike();
      else this.timer = this.clock.after(GRACE_MS, () => this.strike());
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  private strike(): void {
    this.start();
    this.beat();
  }
}
