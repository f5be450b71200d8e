/** The two ways on which an Auto Scaling instance waits for its own word. */
export type Transition = "launch" | "terminate";

/**
 * The action that an instance owes on its way to a state; undefined when it owes none. The states are those of the metadata item
 * `autoscaling/target-lifecycle-state`; the launch hook holds an instance on its way into a warm pool, and again on its way out of it
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html,
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html).
 */
export function owedOnTheWayTo(target: string | undefined): Transition | undefined {
  if (target === "Terminated" || target === "Warmed:Terminated") return "terminate";
  return target === "InService" || isWarm(target) ? "launch" : undefined;
}

/** Whether the instance is, or will be, in the warm pool: ready, and not to serve. */
export function isWarm(target: string | undefined): boolean {
  return target === "Warmed:Stopped" || target === "Warmed:Running" || target === "Warmed:Hibernated";
}
