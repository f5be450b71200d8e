import * as z from "zod";
import type { Clock, Timer } from "./clock";
import type { Drain, DrainSource } from "./drain";
import type { OperatorDrain } from "./drain-command";
import type { Imds } from "./imds";
import { isWarm } from "./lifecycle/target";
import { type Log, messageOf } from "./log";

/** EC2 recommends to look every 5 s (EC2 user guide, "Spot Instance interruption notices"); a notice leaves two minutes. */
export const METADATA_MS = 5000;
const OPERATOR_MS = 500;

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
const spotSchema = z.object({ action: z.string(), time: z.string() });

/** What the notices need. */
export interface NoticeOptions {
  readonly imds: Pick<Imds, "get">;
  readonly operator: Pick<OperatorDrain, "reason">;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes what a source says; see {@link Drain.set}. */
  readonly tell: (...notice: Parameters<Drain["set"]>) => void;
  /** Takes where the Auto Scaling group wants this instance; undefined for an instance without a group. */
  readonly onTarget?: ((state: string | undefined) => void) | undefined;
}

/**
 * Looks for reasons to drain that come from outside the process: the Auto Scaling group's wish, a spot interruption, an operator.
 *
 * INVARIANTS: what cannot be read changes nothing; a server neither drains nor returns because its metadata service is away.
 */
export class DrainNotices {
  private readonly timers = new Map<string, Timer>();
  private stopped = false;
  private problem: string | undefined;

  constructor(private readonly options: NoticeOptions) {}

  /** Starts to look; settles when what an operator said is known, so that a restart does not put the server back in service. */
  async start(): Promise<void> {
    void this.repeat("metadata", METADATA_MS, () => this.lookAtMetadata());
    await this.repeat("operator", OPERATOR_MS, () => this.lookAtOperator());
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) timer.cancel();
  }

  private async repeat(name: string, ms: number, look: () => Promise<void>): Promise<void> {
    await look();
    if (this.stopped) return;
    this.timers.set(
      name,
      this.options.clock.after(ms, () => void this.repeat(name, ms, look)),
    );
  }

  private async lookAtOperator(): Promise<void> {
    try {
      this.tell("operator", await this.options.operator.reason());
    } catch (error) {
      this.options.log.warn(
        { problem: messageOf(error) },
        "cannot see whether an operator drains this server",
      );
    }
  }

  private async lookAtMetadata(): Promise<void> {
    const { imds, log } = this.options;
    try {
      // https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
      const state = await imds.get("autoscaling/target-lifecycle-state");
      const spot = await imds.get("spot/instance-action");
      this.tell("lifecycle", reasonOf(state));
      this.tell("spot", spot === undefined ? undefined : spotReason(spot));
      this.problem = undefined;
      if (!this.stopped) this.options.onTarget?.(state);
    } catch (error) {
      if (this.problem === undefined)
        log.info(
          { problem: messageOf(error) },
          "the instance metadata cannot be read; the end of this instance shows by a signal only",
        );
      this.problem = messageOf(error);
    }
  }

  private tell(source: DrainSource, reason: string | undefined): void {
    if (!this.stopped) this.options.tell(source, reason);
  }
}

/** A server in the warm pool is ready, and gets no clients until it leaves it. */
function reasonOf(state: string | undefined): string | undefined {
  if (state === "Terminated" || state === "Warmed:Terminated")
    return "the Auto Scaling group ends this instance";
  return isWarm(state) ? "this instance is in the warm pool" : undefined;
}

function spotReason(text: string): string {
  const { action, time } = spotSchema.parse(JSON.parse(text));
  return `spot interruption (${action}) at ${time}`;
}
