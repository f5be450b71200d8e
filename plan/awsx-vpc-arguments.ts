/** Reads the arguments of `awsx.ec2.Vpc` that say where what is made; see awsx-vpc.ts. */
import { layOutSubnets, type SubnetPlan, type SubnetSpec } from "./subnet-layout";
import type { Json, JsonObject } from "./types";
import { isObject } from "./values";

const strategies = ["None", "Single", "OnePerAz"] as const;
type NatStrategy = (typeof strategies)[number];

/** The NAT gateways that are asked for, and the addresses that they shall have. */
export interface NatGateways {
  readonly strategy: NatStrategy;
  readonly allocationIds: readonly Json[];
}

/** The zones that are asked for, by name or by number. */
export function chooseZones(args: JsonObject, available: readonly string[]): readonly string[] {
  const named = args["availabilityZoneNames"];
  const count = args["numberOfAvailabilityZones"];
  if (Array.isArray(named) && typeof count === "number") {
    throw new Error(
      "only one of availabilityZoneNames and numberOfAvailabilityZones can be given to awsx.ec2.Vpc",
    );
  }
  if (Array.isArray(named)) return named.map(String);
  const wanted = typeof count === "number" ? count : 3;
  if (available.length < wanted)
    throw new Error(`the region has ${available.length} availability zones, ${wanted} were asked for`);
  return available.slice(0, wanted);
}

/** The subnets of each zone, with their ranges. */
export function chooseSubnets(
  args: JsonObject,
  vpcName: string,
  vpcCidr: string,
  zones: readonly string[],
): SubnetPlan[] {
  const strategy = args["subnetStrategy"] ?? "Legacy";
  if (strategy !== "Legacy" && strategy !== "Auto" && strategy !== "Exact") {
    throw new Error(
      `the plan cannot expand subnetStrategy "${String(strategy)}" of awsx.ec2.Vpc; it knows Legacy, Auto and Exact`,
    );
  }
  const specs = Array.isArray(args["subnetSpecs"])
    ? args["subnetSpecs"].filter(isObject).map(readSpec)
    : undefined;
  if (strategy === "Legacy" && specs?.some((spec) => spec.cidrBlocks !== undefined)) {
    throw new Error(
      'awsx.ec2.Vpc ignores cidrBlocks unless subnetStrategy is "Auto" or "Exact"; set subnetStrategy',
    );
  }
  const zoneMask = args["availabilityZoneCidrMask"];
  return layOutSubnets({
    vpcName,
    vpcCidr,
    zones,
    strategy,
    ...(specs ? { specs } : {}),
    ...(typeof zoneMask === "number" ? { zoneMask } : {}),
  });
}

function readSpec(spec: JsonObject): SubnetSpec {
  const { type, name, cidrMask, size, cidrBlocks, tags } = spec;
  const known = ["Public", "Private", "Isolated", "Unused"] as const;
  const found = known.find((candidate) => candidate.toLowerCase() === String(type).toLowerCase());
  if (found === undefined)
    throw new Error(`subnetSpecs: unknown type ${JSON.stringify(type)}; allowed are ${known.join(", ")}`);
  const mask =
    typeof cidrMask === "number" ? cidrMask : typeof size === "number" ? 32 - Math.log2(size) : undefined;
  return {
    type: found,
    ...(typeof name === "string" ? { name } : {}),
    ...(mask === undefined ? {} : { cidrMask: mask }),
    ...(Array.isArray(cidrBlocks) ? { cidrBlocks: cidrBlocks.map(String) } : {}),
    ...(isObject(tags)
      ? { tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, String(value)])) }
      : {}),
  };
}

/** Which NAT gateways are asked for. */
export function natStrategy(args: JsonObject): NatGateways {
  const given = objectOf(args["natGateways"]);
  const wanted = String(given["strategy"] ?? "OnePerAz");
  const strategy = strategies.find((candidate) => candidate.toLowerCase() === wanted.toLowerCase());
  if (strategy === undefined)
    throw new Error(`natGateways.strategy is "${wanted}"; allowed are ${strategies.join(", ")}`);
  const allocationIds = Array.isArray(given["elasticIpAllocationIds"]) ? given["elasticIpAllocationIds"] : [];
  return { strategy, allocationIds };
}

/** Refuses NAT gateways where awsx does. */
export function checkNat(strategy: NatStrategy, subnets: readonly SubnetPlan[]): void {
  const has = (type: string): boolean => subnets.some((subnet) => subnet.type === type);
  if (strategy === "None" || (has("Public") && has("Private"))) return;
  throw new Error(
    `natGateways.strategy ${strategy} needs both public and private subnets (awsx.ec2.Vpc refuses anything else)`,
  );
}

/** An argument that is an object; empty where there is none. */
export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
