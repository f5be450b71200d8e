import {
  checkNat,
  chooseSubnets,
  chooseZones,
  type NatGateways,
  natStrategy,
  objectOf,
} from "./awsx-vpc-arguments";
import type { SubnetPlan } from "./subnet-layout";
import type { Json, JsonObject } from "./types";

/** What the expansion needs from the engine: make one resource, get its id (unknown in a preview) and outputs. */
export interface ChildRequest {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly inputs: JsonObject;
  readonly dependencies: readonly string[];
}
export interface Child {
  readonly urn: string;
  readonly id: Json;
  readonly reference: Json;
  readonly output: (property: string) => Json;
}
export interface VpcExpansion {
  readonly outputs: JsonObject;
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}
export interface VpcSurroundings {
  readonly name: string;
  readonly urn: string;
  readonly zones: readonly string[];
  readonly register: (request: ChildRequest) => Child;
}

/** Arguments that change what awsx makes and that this expansion does not know; refused rather than ignored. */
const NOT_EXPANDED = [
  "ipv4IpamPoolId",
  "ipv4NetmaskLength",
  "subnetNameTagStrategy",
  "vpcEndpointSpecs",
  "vpcEndpointStrategy",
];
const VPC_ARGUMENTS = [
  "assignGeneratedIpv6CidrBlock",
  "enableDnsHostnames",
  "enableDnsSupport",
  "enableNetworkAddressUsageMetrics",
  "instanceTenancy",
  "ipv6CidrBlock",
  "ipv6CidrBlockNetworkBorderGroup",
  "ipv6IpamPoolId",
  "ipv6NetmaskLength",
  "region",
] as const;

/**
 * Expands the remote component `awsx:ec2:Vpc` into the resources that the awsx provider makes from the same arguments, with the
 * names, parents and tags that it gives them (awsx 3, https://github.com/pulumi/pulumi-awsx, awsx/ec2/vpc.ts; behaviour, not code).
 */
export function expandVpc(args: JsonObject, at: VpcSurroundings): VpcExpansion {
  const unsupported = NOT_EXPANDED.filter((key) => args[key] !== undefined && args[key] !== null);
  if (unsupported.length > 0)
    throw new Error(`the plan cannot expand these arguments of awsx.ec2.Vpc: ${unsupported.join(", ")}`);
  const vpcCidr = typeof args["cidrBlock"] === "string" ? args["cidrBlock"] : "10.0.0.0/16";
  const zones = chooseZones(args, at.zones);
  const nat = natStrategy(args);
  const subnets = chooseSubnets(args, at.name, vpcCidr, zones);
  checkNat(nat.strategy, subnets);

  const tags: JsonObject = { Name: at.name, ...objectOf(args["tags"]) };
  const passed = VPC_ARGUMENTS.flatMap((key): [string, Json][] =>
    args[key] === undefined ? [] : [[key, args[key]]],
  );
  const vpc = at.register({
    type: "aws:ec2/vpc:Vpc",
    name: at.name,
    parent: at.urn,
    inputs: { ...Object.fromEntries(passed), cidrBlock: vpcCidr, tags },
    dependencies: [],
  });
  const gateway = at.register({
    type: "aws:ec2/internetGateway:InternetGateway",
    name: at.name,
    parent: vpc.urn,
    inputs: { vpcId: vpc.id, tags },
    dependencies: [vpc.urn],
  });
  return new ZoneBuilder(args, at, vpc, gateway, nat, tags).build(subnets, zones);
}

/** Makes what belongs to the subnets, zone by zone; public subnets first, because private routes need their NAT gateways. */
class ZoneBuilder {
  private readonly made = new Map<string, { type: string; child: Child }[]>();
  private readonly natGateways: Child[] = [];
  private readonly eips: Child[] = [];

  constructor(
    private readonly args: JsonObject,
    private readonly at: VpcSurroundings,
    private readonly vpc: Child,
    private readonly gateway: Child,
    private readonly nat: NatGateways,
    private readonly tags: JsonObject,
  ) {}

  build(subnets: readonly SubnetPlan[], zones: readonly string[]): VpcExpansion {
    const rank = (subnet: SubnetPlan): number => ["Public", "Private", "Isolated"].indexOf(subnet.type);
    for (const [index, zone] of zones.entries()) {
      const here = subnets.filter((subnet) => subnet.zone === zone && subnet.type !== "Unused");
      for (const subnet of here.sort((a, b) => rank(a) - rank(b))) this.addSubnet(subnet, index);
    }
    return this.outputs(subnets);
  }

  private add(kind: string, type: string, request: Omit<ChildRequest, "dependencies">): Child {
    const child = this.at.register({ ...request, dependencies: [request.parent] });
    this.made.set(kind, [...(this.made.get(kind) ?? []), { type, child }]);
    return child;
  }

  private addSubnet(plan: SubnetPlan, zoneIndex: number): void {
    const { name, type } = plan;
    const subnet = this.add("subnets", type, {
      type: "aws:ec2/subnet:Subnet",
      name,
      parent: this.vpc.urn,
      inputs: {
        vpcId: this.vpc.id,
        availabilityZone: plan.zone,
        mapPublicIpOnLaunch: type === "Public",
        cidrBlock: plan.cidrBlock,
        tags: { ...this.tags, ...plan.tags, Name: name, SubnetType: type },
      },
    });
    const table = this.add("routeTables", type, {
      type: "aws:ec2/routeTable:RouteTable",
      name,
      parent: subnet.urn,
      inputs: { vpcId: this.vpc.id, tags: { ...this.tags, Name: name, SubnetType: type } },
    });
    this.add("routeTableAssociations", type, {
      type: "aws:ec2/routeTableAssociation:RouteTableAssociation",
      name,
      parent: table.urn,
      inputs: { routeTableId: table.id, subnetId: subnet.id },
    });
    if (type === "Public") this.addNatGateway(subnet, zoneIndex);
    this.addRoute(plan, table, zoneIndex);
  }

  private addNatGateway(subnet: Child, zoneIndex: number): void {
    const wanted = { None: 0, Single: 1, OnePerAz: zoneIndex + 1 }[this.nat.strategy];
    if (this.natGateways.length >= wanted) return;
    const name = `${this.at.name}-${zoneIndex + 1}`;
    const tags = { ...objectOf(this.args["tags"]), Name: name };
    let allocationId = this.nat.allocationIds[zoneIndex];
    if (this.nat.allocationIds.length === 0) {
      const eip = this.add("eips", "Public", {
        type: "aws:ec2/eip:Eip",
        name,
        parent: subnet.urn,
        inputs: { tags },
      });
      this.eips.push(eip);
      allocationId = eip.output("allocationId");
    }
    this.natGateways.push(
      this.add("natGateways", "Public", {
        type: "aws:ec2/natGateway:NatGateway",
        name,
        parent: subnet.urn,
        inputs: { subnetId: subnet.id, allocationId: allocationId ?? null, tags },
      }),
    );
  }

  private addRoute(plan: SubnetPlan, table: Child, zoneIndex: number): void {
    const nat = this.natGateways[this.nat.strategy === "Single" ? 0 : zoneIndex];
    const target =
      plan.type === "Public"
        ? { gatewayId: this.gateway.id }
        : plan.type === "Private" && this.nat.strategy !== "None" && nat
          ? { natGatewayId: nat.id }
          : undefined;
    if (target === undefined) return;
    this.add("routes", plan.type, {
      type: "aws:ec2/route:Route",
      name: plan.name,
      parent: table.urn,
      inputs: { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", ...target },
    });
  }

  private outputs(subnets: readonly SubnetPlan[]): VpcExpansion {
    const all = (kind: string, type?: string): Child[] =>
      (this.made.get(kind) ?? [])
        .filter((entry) => type === undefined || entry.type === type)
        .map((entry) => entry.child);
    const references: Record<string, Child[]> = {};
    for (const kind of ["subnets", "routeTables", "routes", "routeTableAssociations", "natGateways", "eips"])
      references[kind] = all(kind);
    const ids: Record<string, Child[]> = {};
    for (const type of ["Public", "Private", "Isolated"]) {
      ids[`${type.toLowerCase()}SubnetIds`] = all("subnets", type);
      references[`${type.toLowerCase()}Subnets`] = all("subnets", type);
    }
    const outputs: JsonObject = {
      vpcId: this.vpc.id,
      vpc: this.vpc.reference,
      internetGateway: this.gateway.reference,
      vpcEndpoints: [],
      subnetLayout: subnetLayout(subnets),
    };
    const dependencies: Record<string, readonly string[]> = { vpcId: [this.vpc.urn] };
    for (const [key, children] of Object.entries(references))
      outputs[key] = children.map((child) => child.reference);
    for (const [key, children] of Object.entries(ids)) {
      outputs[key] = children.map((child) => child.id);
      dependencies[key] = children.map((child) => child.urn);
    }
    return { outputs, dependencies };
  }
}

function subnetLayout(subnets: readonly SubnetPlan[]): Json {
  const first = subnets.filter((subnet) => subnet.zone === subnets[0]?.zone);
  return first.map((subnet) => ({ type: subnet.type, cidrMask: Number(subnet.cidrBlock.split("/")[1]) }));
}
