import type { Clock, Timer } from "./clock";
import type { LocalCopy, Snapshot } from "./local-copy";
import { type Log, messageOf } from "./log";

/** With many clients a copy takes a while to write; writing then takes at most this share of the time (5 %). */
const WRITE_SHARE = 20;

/** Writes the local copy after changes: one write at a time, the last state always ends up on disk. */
export class SnapshotSaver {
  private wanted = false;
  private running: Promise<void> | undefined;
  private timer: Timer | undefined;
  private notBefore = 0;

  /** Why the last write failed; undefined when it did not. */
  error: string | undefined;

  constructor(
    private readonly local: LocalCopy,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly snapshot: () => Snapshot,
  ) {}

  /** Asks for a write of the present state. */
  save(): void {
    this.wanted = true;
    if (this.running !== undefined || this.timer !== undefined) return;
    const wait = this.notBefore - this.clock.monotonic();
    if (wait <= 0) this.write();
    else {
      this.timer = this.clock.after(wait, () => {
        this.timer = undefined;
        this.write();
      });
    }
  }

  /** Takes the copy away; the next {@link save} makes one again. */
  drop(): void {
    this.wanted = false;
    this.timer?.cancel();
    this.timer = undefined;
    const before = this.running ?? Promise.resolve();
    this.keep(before.then(() => (this.wanted ? undefined : this.local.dropSnapshot())));
  }

  /** Writes what is still wanted, at once. */
  async stop(): Promise<void> {
    await this.running;
    this.timer?.cancel();
    if (this.wanted) this.write();
    await this.running;
  }

  private write(): void {
    this.wanted = false;
    this.keep(this.local.saveSnapshot(this.snapshot()));
  }

  private keep(done: Promise<void>): void {
    const started = this.clock.monotonic();
    const running = done
      .then(
        () => {
          this.error = undefined;
        },
        (error: unknown) => {
          this.error = `this server's own copy of the clients cannot be written: ${messageOf(error)}`;
          this.log.error(
            { problem: messageOf(error) },
            "this server's own copy of the clients cannot be written",
          );
        },
      )
      .finally(() => {
        if (this.running !== running) return;
        this.running = undefined;
        const ended = this.clock.monotonic();
        this.notBefore = ended + (ended - started) * WRITE_SHARE;
        if (this.wanted) this.save();
      });
    this.running = running;
  }
}
