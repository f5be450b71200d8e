import { architectureOf, isBurstable } from "./architecture";
import { type Check, check, type Fault, when } from "./check";
import type { ScheduledCapacity } from "./schedule";
import type { Settings } from "./schema";

/** Whether some servers may be Spot instances. */
export const usesSpot = (settings: { readonly onDemandPercent: number }): boolean =>
  settings.onDemandPercent < 100;

/**
 * The narrowest bounds that the group may have when a schedule is due. A size that one schedule sets stays until another one sets it, and
 * AWS takes each schedule as it is and refuses it only when its time comes, where nobody looks.
 */
function boundsOf(
  { min, max }: ScheduledCapacity,
  all: readonly ScheduledCapacity[],
  { minServers, maxServers }: Pick<Settings, "minServers" | "maxServers">,
): readonly [low: number, high: number] {
  const set = (key: "min" | "max"): number[] => all.flatMap((one) => one[key] ?? []);
  return [min ?? Math.max(minServers, ...set("min")), max ?? Math.min(maxServers, ...set("max"))];
}

/** Checks of what {@link capacitySettings} says against the rest. */
export const CAPACITY_OPTIONS: readonly Check[] = [
  check(["instanceType", "extraInstanceTypes"], ({ instanceType, extraInstanceTypes }) => {
    const fits = (type: string): boolean =>
      type !== instanceType &&
      architectureOf(type) === architectureOf(instanceType) &&
      isBurstable(type) === isBurstable(instanceType);
    const wrong = extraInstanceTypes.filter((type) => !fits(type));
    return when(wrong.length > 0, {
      key: "extraInstanceTypes",
      problem:
        `must name others than wgc:instanceType ${instanceType}, of its architecture (${architectureOf(instanceType)}: servers ` +
        `share one image) and like it ${isBurstable(instanceType) ? "on" : "without"} CPU credits (${wrong.join(", ")})`,
      mend: extraInstanceTypes.filter(fits).join(",") || '""',
    });
  }),
  // A warm pool's instances are stopped and started, which a Spot instance cannot be
  // (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html, "Limitations").
  check(
    ["warmPoolSize", "onDemandPercent", "extraInstanceTypes"],
    ({ warmPoolSize, onDemandPercent, extraInstanceTypes }) =>
      when(warmPoolSize > 0 && (usesSpot({ onDemandPercent }) || extraInstanceTypes.length > 0), {
        key: "warmPoolSize",
        problem:
          "must be 0 while wgc:onDemandPercent is below 100 or wgc:extraInstanceTypes is set: AWS has no warm pool for such groups",
        mend: "0",
      }),
  ),
  check(
    ["scheduledCapacity", "minServers", "maxServers", "crossZone", "availabilityZoneCount"],
    ({ scheduledCapacity, minServers, maxServers, crossZone, availabilityZoneCount }) => {
      const faults = scheduledCapacity.flatMap((one): Fault[] => {
        const { name, min, max, desired } = one;
        const [low, high] = boundsOf(one, scheduledCapacity, { minServers, maxServers });
        const fault = (problem: string): Fault[] => [
          { key: "scheduledCapacity", problem: `(${name}) ${problem}`, mend: '""' },
        ];
        const own = low === (min ?? minServers) && high === (max ?? maxServers);
        const left = own ? "" : ", one of which another schedule leaves so; name both here";
        if (low > high) return fault(`must not have min ${low} above max ${high}${left}`);
        if (low < minServers)
          return fault(
            `must not have min below wgc:minServers (${minServers}), below which alarms ring; set that one to the lowest size`,
          );
        if (desired !== undefined && (desired < low || desired > high))
          return fault(`must have desired between min ${low} and max ${high}${left}`);
        if (max !== undefined && max > maxServers)
          return fault(
            `must not have max above wgc:maxServers (${maxServers}), for which the subnets are checked`,
          );
        if (!crossZone && low < availabilityZoneCount)
          return fault(
            `must have min at least wgc:availabilityZoneCount (${availabilityZoneCount}) while wgc:crossZone is false`,
          );
        return [];
      });
      return faults.slice(0, 1);
    },
  ),
];
