import type { Clock } from "../clock";
import { type Log, messageOf } from "../log";
import type { FlowEvent } from "./flow-events";
import type { IssuedAt } from "./own-sessions";
import type { SessionsTable } from "./sessions-table";

/** What the catching up needs. */
export interface CatchUpOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly table: Pick<SessionsTable, "issued">;
  /** Told each index that this server handed out lately. */
  readonly onIssued: (event: FlowEvent, at: IssuedAt) => void;
  /** Told after each look that found some. */
  readonly onFound: () => void;
}

/**
 * Handshakes that happened while nobody listened to the kernel's events.
 *
 * INVARIANTS: one look at a time, however many gaps there are; a gap during a look causes one more.
 */
export class CatchUp {
  private isRunning = false;
  private again = false;

  constructor(private readonly options: CatchUpOptions) {}

  /** Events may have been missed. */
  gap(): void {
    this.again = true;
    if (!this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    while (this.again) {
      this.again = false;
      try {
        await this.look();
      } catch (error) {
        const problem = messageOf(error);
        this.options.log.warn({ problem }, "handshakes of the last minutes could not be looked up");
      }
    }
    this.isRunning = false;
  }

  private async look(): Promise<void> {
    const { clock, table, onFound, onIssued } = this.options;
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    const issued = (await table.issued()).sort((a, b) => b.ageMs - a.ageMs);
    for (const { endpoint, index, ageMs } of issued)
      onIssued({ endpoint, index }, { since: now - ageMs, began: monotonic - ageMs, late: true });
    if (issued.length > 0) onFound();
  }
}
