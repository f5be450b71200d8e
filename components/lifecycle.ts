import type * as aws from "@pulumi/aws";

/**
 * The name of the servers' group. It is given and not made by Pulumi, because servers (user data), their role and alarms name the group
 * before it exists.
 */
export function groupName(clusterName: string): string {
  return `${clusterName}-servers`;
}

/**
 * A new server gets clients once its agent says that it is healthy, and is ended when it does not say so in time. More than the worst
 * boot that still succeeds takes: the normal one (180 s) and all pauses between its tries (221 s).
 */
export const LAUNCH_HOOK = { name: "wgc-launch", heartbeatSeconds: 600 } as const;
/**
 * A server that goes is ended once its agent says that its drain is over. A drain may take longer, the agent asks for more time; an
 * agent that is gone holds its instance no longer than this.
 */
export const TERMINATE_HOOK = { name: "wgc-terminate", heartbeatSeconds: 90 } as const;

/**
 * The group's hooks. They are made with the group, so that its first server meets them too; the provider does not change them later
 * (aws_autoscaling_group, `initial_lifecycle_hook`).
 */
export const LIFECYCLE_HOOKS: readonly aws.types.input.autoscaling.GroupInitialLifecycleHook[] = [
  {
    name: LAUNCH_HOOK.name,
    lifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
    heartbeatTimeout: LAUNCH_HOOK.heartbeatSeconds,
    defaultResult: "ABANDON",
  },
  {
    name: TERMINATE_HOOK.name,
    lifecycleTransition: "autoscaling:EC2_INSTANCE_TERMINATING",
    heartbeatTimeout: TERMINATE_HOOK.heartbeatSeconds,
    // Abandoned or not, the instance ends; "continue" lets other hooks of an organisation have their time as well.
    defaultResult: "CONTINUE",
  },
];

/** What a server has to know of it. */
export function lifecycleOf(clusterName: string) {
  return {
    group: groupName(clusterName),
    launchHook: LAUNCH_HOOK.name,
    terminateHook: TERMINATE_HOOK.name,
    heartbeatSeconds: TERMINATE_HOOK.heartbeatSeconds,
  };
}
