import { AwsError, type AwsQuery } from "../aws/query";
import type { LifecycleConfig } from "../config";
import type { Transition } from "./target";

/** How a call went: `early` when the instance does not wait there (not yet, or no longer). */
export type Answer = "done" | "early";

/** The calls of Auto Scaling that a server makes about itself. */
export class LifecycleCalls {
  constructor(
    private readonly query: Pick<AwsQuery, "call">,
    private readonly names: LifecycleConfig,
    private readonly instance: string,
  ) {}

  /** Lets the group go on with this instance. @throws AwsError when the call fails for another reason than {@link Answer}'s. */
  complete(transition: Transition): Promise<Answer> {
    return this.call("CompleteLifecycleAction", transition, { LifecycleActionResult: "CONTINUE" });
  }

  /** Starts the hook's time anew. @throws AwsError as {@link complete} does. */
  heartbeat(transition: Transition): Promise<Answer> {
    return this.call("RecordLifecycleActionHeartbeat", transition, {});
  }

  private async call(action: string, transition: Transition, more: Record<string, string>): Promise<Answer> {
    const { group, launchHook, terminateHook } = this.names;
    try {
      await this.query.call(action, {
        AutoScalingGroupName: group,
        LifecycleHookName: transition === "launch" ? launchHook : terminateHook,
        InstanceId: this.instance,
        ...more,
      });
      return "done";
    } catch (error) {
      if (isEarly(error)) return "early";
      throw error;
    }
  }
}

/** What the service says of an instance that does not wait; it has no code of its own for it. */
function isEarly(error: unknown): boolean {
  return (
    error instanceof AwsError &&
    error.code === "ValidationError" &&
    error.message.includes("No active Lifecycle Action")
  );
}
