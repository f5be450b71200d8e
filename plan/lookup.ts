import type { Json, JsonObject, Plan, PlannedResource } from "./types";
import { isObject } from "./values";

/** Type tokens that the cost line and the picture look for. */
export const types = {
  vpc: "aws:ec2/vpc:Vpc",
  subnet: "aws:ec2/subnet:Subnet",
  eip: "aws:ec2/eip:Eip",
  natGateway: "aws:ec2/natGateway:NatGateway",
  vpcEndpoint: "aws:ec2/vpcEndpoint:VpcEndpoint",
  flowLog: "aws:ec2/flowLog:FlowLog",
  launchTemplate: "aws:ec2/launchTemplate:LaunchTemplate",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  targetGroup: "aws:lb/targetGroup:TargetGroup",
  listener: "aws:lb/listener:Listener",
  group: "aws:autoscaling/group:Group",
  schedule: "aws:autoscaling/schedule:Schedule",
  fileSystem: "aws:efs/fileSystem:FileSystem",
  mountTarget: "aws:efs/mountTarget:MountTarget",
  bucket: "aws:s3/bucket:Bucket",
  key: "aws:kms/key:Key",
  alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
  dashboard: "aws:cloudwatch/dashboard:Dashboard",
  logGroup: "aws:cloudwatch/logGroup:LogGroup",
  securityGroup: "aws:ec2/securityGroup:SecurityGroup",
  ingressRule: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  egressRule: "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  lambda: "aws:lambda/function:Function",
} as const;

export function ofType(plan: Plan, type: string): PlannedResource[] {
  return plan.resources.filter((resource) => resource.type === type && !resource.external);
}

/**
 * The resources that an input names. In a resolved plan by id or ARN; in a preview, where ids are unknown, by what Pulumi recorded
 * of where the value came from, which may be more than the input names when a list comes from one output.
 */
export function referenced(
  plan: Plan,
  resource: PlannedResource,
  input: string,
  type: string,
): PlannedResource[] {
  const candidates = ofType(plan, type);
  const named = new Set(strings(resource.inputs[input]));
  const exact = candidates.filter(
    (candidate) =>
      candidate.id !== "" && (named.has(candidate.id) || named.has(String(candidate.outputs["arn"]))),
  );
  if (exact.length > 0) return exact;
  const sources = new Set(resource.propertyDependencies[input] ?? []);
  return candidates.filter((candidate) => sources.has(candidate.urn));
}

/** Every text inside a value. */
export function strings(value: Json | undefined): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(strings);
  return isObject(value) ? Object.values(value).flatMap(strings) : [];
}

export function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : [];
}

export function numberOf(value: Json | undefined, fallback: number): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" && Number.isFinite(Number(value))
    ? Number(value)
    : fallback;
}

/** One Auto Scaling group with what decides its servers. */
export interface ServerGroup {
  readonly group: PlannedResource;
  readonly template: PlannedResource | undefined;
  readonly desired: number;
  readonly instanceType: string;
  /** Servers of the desired number that may be Spot instances. */
  readonly spot: number;
  /** Instances that wait booted, and whether they run meanwhile. */
  readonly warm: { readonly size: number; readonly running: boolean };
  readonly subnets: readonly PlannedResource[];
  readonly zones: readonly string[];
  readonly publicAddresses: boolean;
}

export function serverGroups(plan: Plan): ServerGroup[] {
  return ofType(plan, types.group).map((group) => {
    const [template] = ["launchTemplate", "mixedInstancesPolicy"].flatMap((input) =>
      referenced(plan, group, input, types.launchTemplate),
    );
    const desired = numberOf(group.inputs["desiredCapacity"], numberOf(group.inputs["minSize"], 0));
    const subnets = referenced(plan, group, "vpcZoneIdentifiers", types.subnet);
    const asked = objects(template?.inputs["networkInterfaces"])[0]?.["associatePublicIpAddress"];
    const bySubnet = subnets.some((subnet) => subnet.inputs["mapPublicIpOnLaunch"] === true);
    return {
      group,
      template,
      desired,
      instanceType: String(template?.inputs["instanceType"] ?? "unknown"),
      spot: spotServers(group, desired),
      warm: warmServers(group),
      subnets,
      zones: zonesOf(group, subnets),
      publicAddresses: asked === undefined ? bySubnet : String(asked) === "true",
    };
  });
}

/** Subnets of a VPC that exists already are not in the plan; there is one a zone, and which one it is nobody asks. */
function zonesOf(group: PlannedResource, subnets: readonly PlannedResource[]): string[] {
  if (subnets.length === 0) return strings(group.inputs["vpcZoneIdentifiers"]);
  return [...new Set(subnets.map((subnet) => String(subnet.inputs["availabilityZone"])))].sort();
}

/**
 * Of what is above the base a percentage is On-Demand, rounded up
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html).
 */
function spotServers({ inputs }: PlannedResource, desired: number): number {
  const [mix] = objects(inputs["mixedInstancesPolicy"]).flatMap((policy) =>
    objects(policy["instancesDistribution"]),
  );
  if (mix === undefined) return 0;
  const above = Math.max(0, desired - numberOf(mix["onDemandBaseCapacity"], 0));
  return above - Math.ceil((above * numberOf(mix["onDemandPercentageAboveBaseCapacity"], 100)) / 100);
}

function warmServers({ inputs }: PlannedResource): ServerGroup["warm"] {
  const [pool] = objects(inputs["warmPool"]);
  return { size: numberOf(pool?.["minSize"], 0), running: pool?.["poolState"] === "Running" };
}
