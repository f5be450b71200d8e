import { type CostEstimate, estimateCost } from "../../plan/cost";
import type { JsonObject, Plan, PlannedResource } from "../../plan/types";

function resource(type: string, name: string, inputs: JsonObject): PlannedResource {
  return {
    urn: `urn:${name}`,
    type,
    name,
    parent: null,
    custom: true,
    external: false,
    id: `${name}-id`,
    inputs,
    outputs: inputs,
    dependencies: [],
    propertyDependencies: {},
    protect: false,
    retainOnDelete: false,
    ignoreChanges: [],
    replaceOnChanges: [],
    aliases: [],
    provider: "",
  };
}

/** What a group costs; its template has an 8 GB disk, detailed monitoring and public addresses. */
function cost(group: JsonObject, more: PlannedResource[] = []): CostEstimate {
  const template = resource("aws:ec2/launchTemplate:LaunchTemplate", "template", {
    instanceType: "c7g.medium",
    monitoring: { enabled: true },
    blockDeviceMappings: [{ ebs: { volumeSize: 8 } }],
    networkInterfaces: [{ associatePublicIpAddress: "true" }],
  });
  const resources = [template, resource("aws:autoscaling/group:Group", "group", group), ...more];
  const plan: Plan = {
    project: "wgc",
    stack: "dev",
    mode: "resolved",
    region: "us-east-1",
    outputs: {},
    diagnostics: [],
    resources,
  };
  return estimateCost(plan);
}
const quantities = ({ items }: CostEstimate) =>
  Object.fromEntries(items.map(({ what, quantity }) => [what, quantity]));
const launchTemplate = { id: "template-id", version: "1" };
const mix = (base: number, percent: number): JsonObject => ({
  desiredCapacity: 6,
  mixedInstancesPolicy: {
    launchTemplate: { launchTemplateSpecification: { launchTemplateId: "template-id", version: "1" } },
    instancesDistribution: { onDemandBaseCapacity: base, onDemandPercentageAboveBaseCapacity: percent },
  },
});

test("Spot servers are a line of their own, at most the On-Demand price; what is above the base is rounded up to On-Demand", () => {
  expect(quantities(cost(mix(3, 50)))).toMatchObject({
    "server c7g.medium": 5,
    "server c7g.medium, Spot: at most": 1,
    "gp3 disk, 8 GB": 6,
  });
  expect(quantities(cost(mix(2, 0)))).toMatchObject({
    "server c7g.medium": 2,
    "server c7g.medium, Spot: at most": 4,
  });
  // Each line is rounded to cents.
  expect(cost(mix(2, 0)).monthly).toBeCloseTo(cost({ desiredCapacity: 6, launchTemplate }).monthly ?? 0, 1);
  expect(quantities(cost(mix(0, 100)))["server c7g.medium, Spot: at most"]).toBeUndefined();
});

test("a stopped server that waits costs its disk, a running one what a server costs", () => {
  const warm = (poolState: string) =>
    cost({ desiredCapacity: 3, launchTemplate, warmPool: { minSize: 2, poolState } });
  expect(quantities(warm("Stopped"))).toEqual({
    "server c7g.medium": 3,
    "gp3 disk, 8 GB": 5,
    "detailed monitoring": 3,
    "public IPv4 address (server)": 3,
  });
  expect(quantities(warm("Running"))).toEqual({
    "server c7g.medium": 3,
    "server c7g.medium, waiting in the warm pool": 2,
    "gp3 disk, 8 GB": 5,
    "detailed monitoring": 5,
    "public IPv4 address (server)": 5,
  });
  expect(warm("Running").monthly).toBeCloseTo(cost({ desiredCapacity: 5, launchTemplate }).monthly ?? 0, 1);
});

test("schedules are named beside the table, with the sizes that they set", () => {
  const schedule = resource("aws:autoscaling/schedule:Schedule", "s", {
    scheduledActionName: "morning",
    recurrence: "0 7 * * *",
    timeZone: "Etc/UTC",
    minSize: 6,
    maxSize: -1,
    desiredCapacity: -1,
  });
  expect(cost({ desiredCapacity: 3, launchTemplate }, [schedule]).usage).toContain(
    "schedule morning (0 7 * * *, Etc/UTC): minSize 6; servers as above for those hours",
  );
});
