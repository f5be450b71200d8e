import type { Clock, Timer } from "./clock";
import { type Log, messageOf } from "./log";

const RETRY_MS = 1000;

/**
 * Marks public keys on the shared storage: at once when it answers, else later.
 *
 * INVARIANTS: one write at a time; a key that could not be marked is tried again until it is.
 */
export class Marks {
  private readonly unmarked = new Set<string>();
  private writing = false;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly what: string,
    private readonly write: (publicKeys: readonly string[]) => Promise<unknown>,
  ) {}

  add(publicKeys: readonly string[]): void {
    for (const publicKey of publicKeys) this.unmarked.add(publicKey);
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async run(): Promise<void> {
    if (this.writing || this.stopped || this.unmarked.size === 0) return;
    this.writing = true;
    this.timer?.cancel();
    while (this.unmarked.size > 0) {
      const publicKeys = [...this.unmarked];
      try {
        await this.write(publicKeys);
      } catch (error) {
        const problem = messageOf(error);
        this.log.warn(
          { problem, retryInMs: RETRY_MS },
          `${this.what} cannot be marked for the other servers`,
        );
        break;
      }
      for (const publicKey of publicKeys) this.unmarked.delete(publicKey);
    }
    this.writing = false;
    if (this.unmarked.size > 0 && !this.stopped)
      this.timer = this.clock.after(RETRY_MS, () => void this.run());
  }
}
