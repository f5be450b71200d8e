import { scheduleList } from "./schedule-value";
import { integer, oneOf, textList } from "./values";

/** Settings of how the group gets and places its servers; all of them off, or as AWS has them, by default. */
export const capacitySettings = {
  zoneDistribution: oneOf(["balanced-best-effort", "balanced-only"], {
    default: "balanced-best-effort",
    example: "balanced-only",
    description:
      "What happens when a zone has no capacity: best-effort launches in another zone, balanced-only tries on in that one.",
  }),
  extraInstanceTypes: textList(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "EC2 instance types like c8g.medium", {
    default: "",
    example: "c8g.medium,c7gn.medium",
    description:
      "Other instance types for servers where instanceType cannot be had, in this order; as fast, and of the same architecture.",
  }),
  onDemandBase: integer(0, 500, {
    default: "2",
    example: "2",
    description: "Servers that are never Spot instances; counts while onDemandPercent is below 100.",
  }),
  onDemandPercent: integer(0, 100, {
    default: "100",
    example: "50",
    description:
      "Percentage of the servers above onDemandBase that is On-Demand; the rest are Spot instances, which cost less and may be taken back with two minutes' notice.",
  }),
  warmPoolSize: integer(0, 100, {
    default: "0",
    example: "1",
    description:
      "Servers that are booted ahead and wait, so that a new one serves sooner; not together with Spot or extraInstanceTypes.",
  }),
  warmPoolState: oneOf(["Stopped", "Running"], {
    default: "Stopped",
    example: "Stopped",
    description: "How they wait: Stopped costs their disks only, Running costs as much as a server.",
  }),
  scheduledCapacity: scheduleList({
    default: "",
    example: '[{"name":"morning","cron":"0 7 * * MON-FRI","timeZone":"Europe/Berlin","min":6}]',
    description:
      "Times at which the group's size changes: name, cron, timeZone (default Etc/UTC), and min, max or desired. Each stays until another one changes it.",
  }),
} as const;
