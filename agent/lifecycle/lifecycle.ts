import { backoff } from "../backoff";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";
import type { LifecycleCalls } from "./calls";
import type { SettledTarget } from "./settled";
import { isWarm, owedOnTheWayTo, type Transition } from "./target";

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly calls: Pick<LifecycleCalls, "complete" | "heartbeat">;
  readonly settled: Pick<SettledTarget, "read" | "save">;
  /** The terminate hook's heartbeat timeout. */
  readonly heartbeatSeconds: number;
  /** Whether the load balancer may send clients here. */
  readonly healthy: () => boolean;
  /** Whether nothing is wrong but that this server is not to serve. */
  readonly sound: () => boolean;
  /** Whether nobody uses this server any more, or its drain's time is up. */
  readonly drained: () => boolean;
}

/** How often it is looked whether the server is ready to go on. */
const LOOK_MS = 500;
/** Wait after the first call without success; it doubles up to the longest, which is shorter while nothing is wrong but the moment. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = { early: 5000, failed: 15_000 } as const;
/**
 * So long a launch is tried to be completed. The instance waits no longer than its hook (600 s); one that is in service already, where
 * only the note of it was lost, never waits again.
 */
const LAUNCH_LIMIT_MS = 900_000;

/**
 * Completes the lifecycle actions of this instance: the launch once the server is healthy, the end once its drain is over; and asks for
 * more time while a drain takes longer than the hook waits.
 *
 * INVARIANTS: nothing is called before the metadata says that this instance is on its way somewhere, and nothing twice once it
 * succeeded. One call runs at a time. Nothing waits for it: what fails is tried again, and shows in log and metrics.
 */
export class Lifecycle {
  readonly stats = { completed: 0, heartbeats: 0, failures: 0 };
  private target: string | undefined;
  private settled: string | undefined;
  /** What was seen before it was known what is done already. */
  private waiting: { readonly target: string | undefined } | undefined;
  private started = false;
  private timer: Timer | undefined;
  private looking = false;
  private stopped = false;
  private began = 0;
  private beatAt = 0;
  private tries = 0;
  private nextTry = 0;

  constructor(private readonly options: LifecycleOptions) {}

  /** The action that this instance still owes. */
  get owed(): Transition | undefined {
    return this.target === this.settled ? undefined : owedOnTheWayTo(this.target);
  }

  /** Takes what an earlier run of the agent has done already. */
  async start(): Promise<void> {
    try {
      this.settled = await this.options.settled.read();
    } catch (error) {
      this.options.log.warn({ problem: messageOf(error) }, "cannot read which lifecycle action is done");
    }
    this.started = true;
    if (this.waiting !== undefined) this.see(this.waiting.target);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /** Told by the metadata service where the group wants this instance. */
  see(target: string | undefined): void {
    if (!this.started) {
      this.waiting = { target };
      return;
    }
    if (target === this.target || this.stopped) return;
    this.target = target;
    this.began = this.beatAt = this.options.clock.monotonic();
    this.tries = this.nextTry = 0;
    if (this.owed !== undefined) {
      this.options.log.info({ target, action: this.owed }, "the group waits for this server's word");
      void this.look();
    } else if (target !== undefined && target !== this.settled) {
      // Standby, Detached: on the way back from there the instance may have to wait again.
      void this.settle(target);
    }
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    this.timer?.cancel();
    try {
      await this.act();
    } finally {
      this.looking = false;
      if (!this.stopped && this.owed !== undefined)
        this.timer = this.options.clock.after(LOOK_MS, () => void this.look());
    }
  }

  private async act(): Promise<void> {
    const { owed, target } = this;
    if (owed === undefined || target === undefined) return;
    const now = this.options.clock.monotonic();
    if (!this.isReady(owed)) return this.keepAlive(owed, now);
    if (now < this.nextTry) return;
    await this.complete(owed, target, now);
  }

  private isReady(owed: Transition): boolean {
    const { drained, sound, healthy } = this.options;
    if (owed === "terminate") return drained();
    return isWarm(this.target) ? sound() : healthy();
  }

  /** A launch that takes longer than its hook is one that failed; a drain may take all of its time. */
  private async keepAlive(owed: Transition, now: number): Promise<void> {
    const { calls, heartbeatSeconds } = this.options;
    if (owed !== "terminate" || now - this.beatAt < heartbeatSeconds * 500) return;
    this.beatAt = now;
    const answer = await this.attempt("heartbeat", owed, () => calls.heartbeat(owed));
    if (answer === "done") this.stats.heartbeats += 1;
  }

  private async complete(owed: Transition, target: string, now: number): Promise<void> {
    const { calls, log } = this.options;
    if (this.tries === 0) this.began = now;
    const answer = await this.attempt("completion", owed, () => calls.complete(owed));
    if (answer === "done") {
      this.stats.completed += 1;
      log.info({ action: owed, target }, "the lifecycle action is completed");
      return this.settle(target);
    }
    if (this.target !== target) return;
    if (owed === "launch" && now - this.began >= LAUNCH_LIMIT_MS) {
      log.warn({ action: owed, target }, "gave up: the group does not wait for this server");
      return this.settle(target);
    }
    // The hook of an end begins to wait only when the deregistration delay is over, and AWS does not tell when.
    this.nextTry = now + backoff({ first: FIRST_WAIT_MS, longest: LONGEST_WAIT_MS[answer] }, this.tries);
    this.tries += 1;
  }

  private async attempt(
    what: string,
    action: Transition,
    call: () => ReturnType<LifecycleCalls["complete"]>,
  ): Promise<"done" | "early" | "failed"> {
    try {
      return await call();
    } catch (error) {
      this.stats.failures += 1;
      this.options.log.warn(
        { action, problem: messageOf(error) },
        `the ${what} of a lifecycle action failed; it is tried again`,
      );
      return "failed";
    }
  }

  private async settle(target: string): Promise<void> {
    this.settled = target;
    try {
      await this.options.settled.save(target);
    } catch (error) {
      this.options.log.warn({ problem: messageOf(error) }, "cannot note which lifecycle action is done");
    }
  }
}
