import { type CapacityArgs, Schedules } from "../../components/capacity";
import { Servers } from "../../components/servers";
import { SERVERS } from "./fixtures";
import { all, make, only } from "./harness";

const GROUP = "aws:autoscaling/group:Group";
const inputsOf = async (args: Partial<CapacityArgs>) =>
  only(await make(() => void new Servers("s", { ...SERVERS, ...args })), GROUP).inputs;

test("without Spot and other types the group names its template alone, and has no warm pool", async () => {
  const inputs = await inputsOf({});
  expect(inputs.launchTemplate).toEqual({ id: "s-template-id", version: "7" });
  for (const name of ["mixedInstancesPolicy", "capacityRebalance", "warmPool"])
    expect(inputs[name]).toBeUndefined();
});

test("a Spot mix, whole: a pinned version, the base and share of On-Demand, and a replacement before the interruption", async () => {
  const inputs = await inputsOf({ onDemandPercent: 25, onDemandBase: 3, extraInstanceTypes: ["c8g.medium"] });
  expect(inputs.launchTemplate).toBeUndefined();
  expect(inputs.capacityRebalance).toBe(true);
  expect(inputs.mixedInstancesPolicy).toEqual({
    launchTemplate: {
      launchTemplateSpecification: { launchTemplateId: "s-template-id", version: "7" },
      overrides: [{ instanceType: "c7g.medium" }, { instanceType: "c8g.medium" }],
    },
    instancesDistribution: {
      onDemandAllocationStrategy: "prioritized",
      onDemandBaseCapacity: 3,
      onDemandPercentageAboveBaseCapacity: 25,
      spotAllocationStrategy: "price-capacity-optimized",
    },
  });
});

test("other types alone make no server a Spot instance", async () => {
  const inputs = await inputsOf({ extraInstanceTypes: ["c8g.medium"] });
  expect(inputs.mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity).toBe(100);
  expect(inputs.capacityRebalance).toBeUndefined();
});

test("a warm pool has exactly the size that is asked for, and takes no server back", async () => {
  expect((await inputsOf({ warmPoolSize: 2, warmPoolState: "Running" })).warmPool).toEqual({
    poolState: "Running",
    minSize: 2,
    maxGroupPreparedCapacity: 2,
    instanceReusePolicy: { reuseOnScaleIn: false },
  });
});

test("zones are balanced as asked", async () => {
  const { availabilityZoneDistribution } = await inputsOf({ zoneDistribution: "balanced-only" });
  expect(availabilityZoneDistribution).toEqual({ capacityDistributionStrategy: "balanced-only" });
});

test("a refresh rolls back on the alarms that it is given", async () => {
  const made = await make(() => void new Servers("s", { ...SERVERS, rollbackAlarms: ["one", "two"] }));
  expect(only(made, GROUP).inputs.instanceRefresh.preferences.alarmSpecification).toEqual({
    alarms: ["one", "two"],
  });
});

test("a schedule leaves alone what it does not name", async () => {
  const made = await make(
    () =>
      void new Schedules("t", {
        groupName: "group",
        scheduledCapacity: [
          { name: "up", cron: "0 7 * * MON-FRI", timeZone: "Europe/Berlin", min: 6 },
          { name: "down", cron: "0 20 * * *", timeZone: "Etc/UTC", min: 3, max: 9, desired: 3 },
        ],
      }),
  );
  const common = { autoscalingGroupName: "group" };
  expect(all(made, "aws:autoscaling/schedule:Schedule").map(({ inputs }) => inputs)).toEqual([
    {
      ...common,
      scheduledActionName: "down",
      recurrence: "0 20 * * *",
      timeZone: "Etc/UTC",
      minSize: 3,
      maxSize: 9,
      desiredCapacity: 3,
    },
    {
      ...common,
      scheduledActionName: "up",
      recurrence: "0 7 * * MON-FRI",
      timeZone: "Europe/Berlin",
      minSize: 6,
      maxSize: -1,
      desiredCapacity: -1,
    },
  ]);
});
