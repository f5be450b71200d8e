import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../config/errors";
import { type SubnetFacts, type VpcFacts, type VpcWishes, vpcFaults } from "./vpc-faults";

/** A VPC that somebody else made. */
export interface ExistingVpcArgs extends VpcWishes {
  readonly vpcId: string;
  readonly publicSubnetIds: readonly string[];
  readonly privateSubnetIds: readonly string[];
}

/** Its ids, once it has been looked at. */
export interface ExistingVpc {
  readonly vpcId: pulumi.Output<string>;
  readonly publicSubnetIds: readonly pulumi.Output<string>[];
  readonly privateSubnetIds: readonly pulumi.Output<string>[];
}

/**
 * Looks an existing VPC up and hands out its ids only when it is fit, so that nothing is made in one that is not; a preview finds out.
 *
 * @throws UserError, through the outputs, with everything that is wrong.
 */
export function existingVpc(args: ExistingVpcArgs, parent: pulumi.Resource): ExistingVpc {
  const checked = pulumi.output(fitVpc(args, { parent }));
  const ids = (kind: "publicSubnets" | "privateSubnets", known: readonly string[]) =>
    known.map((id, index) => checked.apply((facts) => facts[kind][index]?.id ?? id));
  return {
    vpcId: checked.apply(({ id }) => id),
    publicSubnetIds: ids("publicSubnets", args.publicSubnetIds),
    privateSubnetIds: ids("privateSubnets", args.privateSubnetIds),
  };
}

/**
 * Looks a VPC up.
 *
 * @throws UserError with everything that is wrong with it.
 */
export async function fitVpc(args: ExistingVpcArgs, opts: pulumi.InvokeOptions): Promise<VpcFacts> {
  const facts = await lookUp(args, opts);
  const faults = vpcFaults(facts, args);
  if (faults.length === 0) return facts;
  throw new UserError(
    [`the VPC ${args.vpcId} cannot be used:`, ...faults.map((fault) => `  - ${fault}`)].join("\n"),
  );
}

async function lookUp(args: ExistingVpcArgs, opts: pulumi.InvokeOptions): Promise<VpcFacts> {
  const vpc = await aws.ec2.getVpc({ id: args.vpcId }, opts);
  const subnets = (ids: readonly string[]) => Promise.all(ids.map((id) => subnet(id, opts)));
  const others = vpc.cidrBlockAssociations.map(({ cidrBlock }) => cidrBlock);
  return {
    id: vpc.id,
    ranges: [...new Set([vpc.cidrBlock, ...others])],
    dnsSupport: vpc.enableDnsSupport,
    dnsHostnames: vpc.enableDnsHostnames,
    publicSubnets: await subnets(args.publicSubnetIds),
    privateSubnets: await subnets(args.privateSubnetIds),
  };
}

async function subnet(id: string, opts: pulumi.InvokeOptions): Promise<SubnetFacts> {
  const found = await aws.ec2.getSubnet({ id }, opts);
  const own = await aws.ec2.getRouteTables(
    { vpcId: found.vpcId, filters: [{ name: "association.subnet-id", values: [id] }] },
    opts,
  );
  const [table] = own.ids;
  // Without a table of its own a subnet has the VPC's main one
  // (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html).
  const { routes } = await aws.ec2.getRouteTable(
    table === undefined
      ? { vpcId: found.vpcId, filters: [{ name: "association.main", values: ["true"] }] }
      : { routeTableId: table },
    opts,
  );
  const route = routes.find(({ cidrBlock }) => cidrBlock === "0.0.0.0/0");
  const targets = [route?.gatewayId, route?.natGatewayId, route?.transitGatewayId, route?.networkInterfaceId];
  return {
    id: found.id,
    vpcId: found.vpcId,
    zone: found.availabilityZone,
    range: found.cidrBlock,
    freeAddresses: found.availableIpAddressCount,
    defaultRoute: route === undefined ? undefined : (targets.find((each) => each) ?? "another target"),
  };
}
