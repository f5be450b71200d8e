import type { Clock } from "./clock";
import type { Exec } from "./exec";

/** A tool that hangs is killed then, and tried again. */
const KILL_AFTER_MS = 5000;
/** Asking an interface costs as much as its peers do; where that is more than this, only the tool itself is tried. */
const CHEAP_MS = 100;
/** A call with every second beat. */
const BEATS = 2;

/** Calls `wg` at even intervals, for health to know whether it still answers: the look at all peers may be seconds away. */
export class ToolWatch {
  private since: number | undefined;
  private beats = 0;

  constructor(
    private readonly name: string,
    private readonly exec: Exec,
    private readonly clock: Clock,
  ) {}

  /** Milliseconds that the running call has been without an answer; 0 when none runs. */
  get waitingMs(): number {
    return this.since === undefined ? 0 : this.clock.monotonic() - this.since;
  }

  /** `lastLookMs`: how long the last look at all peers took. */
  beat(lastLookMs: number): void {
    if (this.since !== undefined || this.beats++ % BEATS !== 0) return;
    this.since = this.clock.monotonic();
    const done = () => {
      this.since = undefined;
    };
    const args = lastLookMs < CHEAP_MS ? ["show", this.name, "listen-port"] : ["--version"];
    // That it fails is the reconciler's to say, which looks at all the interface; this one is about waiting.
    this.exec("wg", args, { timeoutMs: KILL_AFTER_MS }).then(done, done);
  }
}
