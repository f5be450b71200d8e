import type { Json, JsonObject } from "../types";
import { ACCOUNT, type Invoke, list, text, zonesOf } from "./standin";

/**
 * A VPC that exists already is not known to a plan, which has no account: it is taken to be as the settings say, with the routes that
 * public and private subnets have. Whether it is so, `pulumi preview` finds out.
 */
const ids = (config: Readonly<Record<string, string>>, key: string): string[] =>
  (config[key] ?? "").split(/[\s,[\]"]+/).filter((id) => id !== "");

const place = (id: string, config: Readonly<Record<string, string>>) => {
  const [open, closed] = [ids(config, "wgc:publicSubnetIds"), ids(config, "wgc:privateSubnetIds")];
  return { isPublic: open.includes(id), index: Math.max(open.indexOf(id), closed.indexOf(id), 0) };
};

const vpc: Invoke = (args, region, config) => {
  const id = text(args, "id");
  const cidrBlock = config["wgc:vpcCidr"] ?? "10.0.0.0/16";
  return {
    id,
    arn: `arn:aws:ec2:${region}:${ACCOUNT}:vpc/${id}`,
    cidrBlock,
    cidrBlockAssociations: [{ associationId: "vpc-cidr-assoc-0", cidrBlock, state: "associated" }],
    enableDnsSupport: true,
    enableDnsHostnames: true,
    region,
  };
};

const subnet: Invoke = (args, region, config) => {
  const id = text(args, "id");
  return {
    id,
    arn: `arn:aws:ec2:${region}:${ACCOUNT}:subnet/${id}`,
    vpcId: config["wgc:vpcId"] ?? "",
    cidrBlock: config["wgc:vpcCidr"] ?? "10.0.0.0/16", // which part of it nobody asks
    availabilityZone: zonesOf(region)[place(id, config).index] ?? "",
    availableIpAddressCount: 250,
    mapPublicIpOnLaunch: place(id, config).isPublic,
    region,
  };
};

/** Each subnet has a table of its own, named after it. */
const tables: Invoke = (args, region) => {
  const filters: Json[] = list(args["filters"]);
  const values = filters.flatMap((filter) => list((filter as JsonObject)["values"]));
  return { id: region, ids: values.map((value) => String(value).replace("subnet-", "rtb-")), region };
};

const table: Invoke = (args, region, config) => {
  const id = text(args, "routeTableId");
  const { isPublic } = place(id.replace("rtb-", "subnet-"), config);
  const target = isPublic
    ? { gatewayId: "igw-0123456789abcdef0" }
    : { natGatewayId: "nat-0123456789abcdef0" };
  return { id, routeTableId: id, region, routes: [{ cidrBlock: "0.0.0.0/0", ...target }] };
};

export const existingVpc: Readonly<Record<string, Invoke>> = {
  "aws:ec2/getVpc:getVpc": vpc,
  "aws:ec2/getSubnet:getSubnet": subnet,
  "aws:ec2/getRouteTables:getRouteTables": tables,
  "aws:ec2/getRouteTable:getRouteTable": table,
};
