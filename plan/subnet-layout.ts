import { formatCidr, nextRange, overlaps, parseCidr, type Range, size } from "./cidr";

export type SubnetType = "Public" | "Private" | "Isolated" | "Unused";

/** One entry of awsx's `subnetSpecs`: a subnet that every availability zone gets. */
export interface SubnetSpec {
  readonly type: SubnetType;
  readonly name?: string;
  readonly cidrMask?: number;
  readonly cidrBlocks?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

export interface SubnetPlan {
  readonly name: string;
  readonly type: SubnetType;
  readonly zone: string;
  readonly cidrBlock: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface LayoutRequest {
  readonly vpcName: string;
  readonly vpcCidr: string;
  readonly zones: readonly string[];
  readonly strategy: "Legacy" | "Auto" | "Exact";
  readonly specs?: readonly SubnetSpec[];
  readonly zoneMask?: number;
}

const DEFAULT_SPECS: readonly SubnetSpec[] = [{ type: "Private" }, { type: "Public" }];
/** Order inside a zone and smallest allowed prefix by type, with the Legacy strategy (awsx documentation, ec2.Vpc). */
const LEGACY_ORDER = [
  { type: "Private", prefix: 19 },
  { type: "Public", prefix: 20 },
  { type: "Isolated", prefix: 24 },
] as const;

/**
 * The subnets that `awsx.ec2.Vpc` makes, zone by zone (https://www.pulumi.com/registry/packages/awsx/api-docs/ec2/vpc/,
 * "Subnet Layout Strategies"). Ranges that overlap or leave the VPC are refused, as awsx and AWS would.
 */
export function layOutSubnets(request: LayoutRequest): SubnetPlan[] {
  const explicit =
    request.strategy !== "Legacy" && request.specs?.some((spec) => spec.cidrBlocks !== undefined);
  const subnets = request.zones.flatMap((zone, index) => {
    const ranges = explicit ? explicitRanges(request, index) : zoneRanges(request, index);
    return ranges.map(({ spec, cidrBlock }) => ({
      name: `${request.vpcName}-${spec.name ?? spec.type.toLowerCase()}-${index + 1}`,
      type: spec.type,
      zone,
      cidrBlock,
      tags: spec.tags ?? {},
    }));
  });
  checkRanges(subnets, request.vpcCidr);
  return subnets;
}

function explicitRanges(request: LayoutRequest, zone: number): { spec: SubnetSpec; cidrBlock: string }[] {
  return (request.specs ?? []).map((spec, index) => {
    const cidrBlock = spec.cidrBlocks?.[zone];
    if (cidrBlock === undefined || spec.cidrBlocks?.length !== request.zones.length) {
      throw new Error(
        `subnetSpecs[${index}].cidrBlocks must name one range for each of the ${request.zones.length} zones`,
      );
    }
    return { spec, cidrBlock };
  });
}

function zoneRanges(request: LayoutRequest, zone: number): { spec: SubnetSpec; cidrBlock: string }[] {
  const vpc = parseCidr(request.vpcCidr);
  const zonePrefix =
    (request.strategy === "Legacy" ? undefined : request.zoneMask) ??
    vpc.prefix + Math.ceil(Math.log2(request.zones.length));
  const base: Range = { first: vpc.first + zone * size(zonePrefix), prefix: zonePrefix };
  const chosen = request.strategy === "Legacy" ? legacySpecs(request, base) : autoSpecs(request, base);
  let previous: Range | undefined;
  return chosen.map(({ spec, prefix }) => {
    const range: Range = previous === undefined ? { first: base.first, prefix } : nextRange(previous, prefix);
    previous = range;
    if (prefix > 32 || range.first + size(prefix) > base.first + size(base.prefix)) {
      throw new Error(
        `subnet "${spec.name ?? spec.type}" (/${prefix}) does not fit into its zone's ${formatCidr(base)}`,
      );
    }
    return { spec, cidrBlock: formatCidr(range) };
  });
}

function legacySpecs(request: LayoutRequest, base: Range): { spec: SubnetSpec; prefix: number }[] {
  const specs = request.specs;
  if (specs === undefined) {
    // Halves: the private subnet takes the first half of the zone, the public one half of the rest.
    return DEFAULT_SPECS.map((spec, index) => ({ spec, prefix: base.prefix + index + 1 }));
  }
  const newBits = specs.length === 1 ? 0 : 1;
  return LEGACY_ORDER.flatMap(({ type, prefix }) =>
    specs
      .filter((spec) => spec.type === type)
      .map((spec) => ({ spec, prefix: spec.cidrMask ?? Math.max(base.prefix + newBits, prefix) })),
  );
}

function autoSpecs(request: LayoutRequest, base: Range): { spec: SubnetSpec; prefix: number }[] {
  if (request.specs === undefined) {
    return DEFAULT_SPECS.map((spec, index) => ({ spec, prefix: Math.max(base.prefix, 16) + index + 1 }));
  }
  const even = base.prefix + Math.ceil(Math.log2(request.specs.length));
  return request.specs.map((spec) => ({ spec, prefix: spec.cidrMask ?? even }));
}

function checkRanges(subnets: readonly SubnetPlan[], vpcCidr: string): void {
  const vpc = parseCidr(vpcCidr);
  const ranges = subnets.map((subnet) => ({ subnet, range: parseCidr(subnet.cidrBlock) }));
  for (const [index, { subnet, range }] of ranges.entries()) {
    if (range.first < vpc.first || range.first + size(range.prefix) > vpc.first + size(vpc.prefix)) {
      throw new Error(`subnet ${subnet.name} (${subnet.cidrBlock}) is outside the VPC's ${vpcCidr}`);
    }
    const clash = ranges.slice(0, index).find((other) => overlaps(other.range, range));
    if (clash) {
      throw new Error(
        `subnets ${clash.subnet.name} (${clash.subnet.cidrBlock}) and ${subnet.name} (${subnet.cidrBlock}) overlap`,
      );
    }
  }
}
