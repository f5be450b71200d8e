import { contains, overlaps } from "../config/cidr";

/** What AWS says about a subnet of an existing VPC. */
export interface SubnetFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly range: string;
  readonly freeAddresses: number;
  /** Where its route to the whole internet leads, an id like `igw-…`; undefined where it has none. */
  readonly defaultRoute: string | undefined;
}

/** What AWS says about an existing VPC. */
export interface VpcFacts {
  readonly id: string;
  /** All its ranges, the first one first. */
  readonly ranges: readonly string[];
  readonly dnsSupport: boolean;
  readonly dnsHostnames: boolean;
  readonly publicSubnets: readonly SubnetFacts[];
  readonly privateSubnets: readonly SubnetFacts[];
}

/** What the settings ask of it. */
export interface VpcWishes {
  readonly vpcCidr: string;
  readonly tunnelCidr: string;
  readonly nodeSubnets: "public" | "private";
}

/** A Network Load Balancer wants 8 free addresses in each of its subnets (user guide, "Network Load Balancers", subnets). */
const BALANCER_ADDRESSES = 8;

/** Everything about an existing VPC that would fail later, or worse, not fail and not work. */
export function vpcFaults(vpc: VpcFacts, wishes: VpcWishes): string[] {
  return [...rangeFaults(vpc, wishes), ...dnsFaults(vpc), ...zoneFaults(vpc), ...subnetFaults(vpc, wishes)];
}

function rangeFaults({ id, ranges }: VpcFacts, { vpcCidr, tunnelCidr }: VpcWishes): string[] {
  const [first] = ranges;
  const overlapping = ranges.filter((range) => overlaps(range, tunnelCidr));
  return [
    ...(first === vpcCidr ? [] : [`wgc:vpcCidr is ${vpcCidr}, and ${id} has ${first ?? "no range"}`]),
    ...overlapping.map((range) => `wgc:tunnelCidr ${tunnelCidr} overlaps ${range} of ${id}`),
  ];
}

function dnsFaults({ id, dnsSupport, dnsHostnames }: VpcFacts): string[] {
  return [
    ...(dnsSupport ? [] : [`${id} has enableDnsSupport off: servers find the file system by name`]),
    ...(dnsHostnames
      ? []
      : [`${id} has enableDnsHostnames off: the file system's mount targets get no names`]),
  ];
}

function zoneFaults({ publicSubnets, privateSubnets }: VpcFacts): string[] {
  const twice = [publicSubnets, privateSubnets].flatMap((subnets) =>
    subnets.flatMap(({ id, zone }, index) =>
      subnets.slice(0, index).some((other) => other.zone === zone)
        ? [`${id} is the second subnet of its kind in ${zone}; one a zone is needed`]
        : [],
    ),
  );
  // Mount targets and servers are paired by zone.
  const apart = publicSubnets.flatMap(({ id, zone }, index) => {
    const other = privateSubnets[index];
    return other === undefined || other.zone === zone
      ? []
      : [
          `${id} is in ${zone}, and ${other.id} at the same place of wgc:privateSubnetIds is in ${other.zone}`,
        ];
  });
  return [...twice, ...apart];
}

function subnetFaults(vpc: VpcFacts, { nodeSubnets, vpcCidr }: VpcWishes): string[] {
  const { publicSubnets, privateSubnets } = vpc;
  return [
    // Health checks and the calls to VPC endpoints are let in from the VPC's first range only.
    ...[...publicSubnets, ...privateSubnets].flatMap(({ id, range }) =>
      contains(vpcCidr, range) ? [] : [`${id} has ${range}, which is not in wgc:vpcCidr ${vpcCidr}`],
    ),
    ...[...publicSubnets, ...privateSubnets].flatMap(({ id, vpcId }) =>
      vpcId === vpc.id ? [] : [`${id} belongs to ${vpcId}, not to ${vpc.id}`],
    ),
    ...publicSubnets.flatMap(({ id, defaultRoute, freeAddresses }) => [
      ...(defaultRoute?.startsWith("igw-") === true
        ? []
        : [
            `${id} is among the public subnets, and its route to the internet leads to ${defaultRoute ?? "nothing"} instead of an internet gateway`,
          ]),
      ...(freeAddresses >= BALANCER_ADDRESSES
        ? []
        : [`${id} has ${freeAddresses} free addresses, and the load balancer needs ${BALANCER_ADDRESSES}`]),
    ]),
    ...privateSubnets.flatMap(({ id, defaultRoute, freeAddresses }) => [
      ...(freeAddresses > 0 ? [] : [`${id} has no free address for the file system's mount target`]),
      ...(defaultRoute?.startsWith("igw-") === true
        ? [
            `${id} is among the private subnets, and its route to the internet leads to an internet gateway (${defaultRoute})`,
          ]
        : []),
      ...(nodeSubnets === "private" && defaultRoute === undefined
        ? [`${id} has no route to the internet, which servers there need for their packages`]
        : []),
    ]),
  ];
}
