import type { Clock } from "./clock";
import type { Exec } from "./exec";
import { BEAT_MS } from "./pulse";

/** A tool that hangs is killed then, and tried again. */
const KILL_AFTER_MS = 5000;
/** An answer is trusted for so long. */
const FRESH_MS = 1300;

/**
 * Calls `wg` when nobody else has had an answer from it for a while, for health to know whether it still answers: the next
 * look at all peers may be seconds away. Asking an interface costs as much as its peers do, so only the tool itself is tried.
 *
 * INVARIANTS: one call at a time. Waiting is counted in beats, so that a process which was stopped sees no wait.
 */
export class ToolWatch {
  private waited: number | undefined;
  private answeredAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly exec: Exec,
    private readonly clock: Clock,
  ) {}

  /** Milliseconds that the running call has been without an answer; 0 when none runs. */
  get waitingMs(): number {
    return (this.waited ?? 0) * BEAT_MS;
  }

  /** @param lastLookAt when the last look at the interface ended, which calls `wg` too (monotonic) */
  beat(lastLookAt: number): void {
    if (this.waited !== undefined) {
      this.waited++;
      return;
    }
    if (this.clock.monotonic() - Math.max(this.answeredAt, lastLookAt) < FRESH_MS) return;
    this.waited = 0;
    const done = () => {
      this.waited = undefined;
      this.answeredAt = this.clock.monotonic();
    };
    // That it fails is the reconciler's to say, which looks at all the interface; this one is about waiting.
    this.exec("wg", ["--version"], { timeoutMs: KILL_AFTER_MS }).then(done, done);
  }
}
