import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ScheduledCapacity } from "../config/schedule";

/** How a group gets its servers. */
export interface CapacityArgs {
  /** What happens when a zone has no capacity. Default `balanced-best-effort`. */
  readonly zoneDistribution: "balanced-best-effort" | "balanced-only";
  readonly instanceType: string;
  /** Types for when `instanceType` cannot be had, of the same architecture. Default none. */
  readonly extraInstanceTypes: readonly string[];
  /** Servers that are never Spot instances, and the percentage of those above that are not. Default 2 and 100: no Spot. */
  readonly onDemandBase: number;
  readonly onDemandPercent: number;
  /** Servers that wait, booted ahead. Stopped ones cost their disks only. Default 0. */
  readonly warmPoolSize: number;
  readonly warmPoolState: "Stopped" | "Running";
}

/**
 * The part of the group's arguments that says what is launched: the template itself or, with several types or Spot, a mix of them. The
 * version is a number, not `$Latest`: a refresh can only roll back to a version that it can name.
 */
export function launchSource(
  args: CapacityArgs,
  template: { readonly id: pulumi.Output<string>; readonly latestVersion: pulumi.Output<number> },
): Pick<aws.autoscaling.GroupArgs, "launchTemplate" | "mixedInstancesPolicy" | "capacityRebalance"> {
  const version = template.latestVersion.apply(String);
  const spot = args.onDemandPercent < 100;
  if (!spot && args.extraInstanceTypes.length === 0) return { launchTemplate: { id: template.id, version } };
  return {
    mixedInstancesPolicy: {
      launchTemplate: {
        launchTemplateSpecification: { launchTemplateId: template.id, version },
        overrides: [args.instanceType, ...args.extraInstanceTypes].map((instanceType) => ({ instanceType })),
      },
      instancesDistribution: {
        onDemandAllocationStrategy: "prioritized",
        onDemandBaseCapacity: spot ? args.onDemandBase : 0,
        onDemandPercentageAboveBaseCapacity: args.onDemandPercent,
        // What AWS recommends for almost every use: the pools that are least likely to be interrupted, and of those the cheapest
        // (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-allocation-strategy.html).
        spotAllocationStrategy: "price-capacity-optimized",
      },
    },
    // A replacement is launched when AWS says that an interruption is likely, not when it comes.
    ...(spot ? { capacityRebalance: true } : {}),
  };
}

/**
 * A pool of exactly that size. Without an upper bound it would hold as many servers as the group may still grow by; with the same number
 * for both AWS keeps that many
 * (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html, MaxGroupPreparedCapacity).
 */
export function warmPool(
  args: Pick<CapacityArgs, "warmPoolSize" | "warmPoolState">,
): Pick<aws.autoscaling.GroupArgs, "warmPool"> {
  if (args.warmPoolSize === 0) return {};
  return {
    warmPool: {
      poolState: args.warmPoolState,
      minSize: args.warmPoolSize,
      maxGroupPreparedCapacity: args.warmPoolSize,
      // A server that served is ended on scale-in, never put back: it would come back with the boot, and the agent, of then.
      instanceReusePolicy: { reuseOnScaleIn: false },
    },
  };
}

export interface SchedulesArgs {
  readonly groupName: pulumi.Input<string>;
  readonly scheduledCapacity: readonly ScheduledCapacity[];
}

/** The provider leaves a size alone when it is -1; left out it would be 0 (aws_autoscaling_schedule, `min_size`). */
const UNCHANGED = -1;

/** Times at which the group's size changes. **Cost**: none of their own. */
export class Schedules extends pulumi.ComponentResource {
  constructor(name: string, args: SchedulesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:Schedules", name, { schedules: args.scheduledCapacity.map((one) => one.name) }, opts);
    for (const one of args.scheduledCapacity) {
      new aws.autoscaling.Schedule(
        `${name}-${one.name}`,
        {
          autoscalingGroupName: args.groupName,
          scheduledActionName: one.name,
          recurrence: one.cron,
          timeZone: one.timeZone,
          minSize: one.min ?? UNCHANGED,
          maxSize: one.max ?? UNCHANGED,
          desiredCapacity: one.desired ?? UNCHANGED,
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
