import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";
import type { SessionsTable } from "./sessions-table";

/** Whether the table still stands is looked at so often; while it does not, it is tried again sooner. */
const UPKEEP_MS = { usual: 10_000, broken: 5000 } as const;

/** Keeps the table of sessions loaded, whoever flushed it. */
export class TableUpkeep {
  private timer: Timer | undefined;
  private loaded = false;
  private stopped = false;
  /** Why the table does not stand; undefined when it does. */
  problem: string | undefined;

  /** @param onLook told after each look */
  constructor(
    private readonly table: SessionsTable,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly onLook: () => void,
  ) {}

  /** Starts; settles when the table stands, or could not be made. */
  async start(): Promise<void> {
    await this.look();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    try {
      if (this.problem !== undefined || !this.loaded || !(await this.table.isLoaded()))
        await this.table.load();
      this.loaded = true;
      this.problem = undefined;
    } catch (error) {
      this.problem = `the table of sessions cannot be loaded, sessions are not taken over: ${messageOf(error)}`;
      this.log.error({ problem: this.problem }, "sessions are not taken over");
    }
    this.onLook();
    const pause = this.problem === undefined ? UPKEEP_MS.usual : UPKEEP_MS.broken;
    if (!this.stopped) this.timer = this.clock.after(pause, () => void this.look());
  }
}
