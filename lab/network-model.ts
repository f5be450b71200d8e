/** The VPC of a plan as the lab's router needs it: route tables, who may reach the servers, and what the servers' agents agreed upon. */
import { UserError } from "../config/errors";
import type { PlannedResource } from "../plan";
import { bootSteps } from "./cloud-config";
import type { LabZone } from "./model";
import { type PlanView, record, text, texts } from "./plan-view";
import { coversRange } from "./ranges";
import { identityOf, type Statement } from "./rights";

/** A route of the plan's own, such as the one to the internet gateway; the lab shows it and does not route by it. */
export interface LabRoute {
  destination: string;
  /** What it leads to, as EC2's answers name it. */
  target: { gatewayId: string } | { natGatewayId: string };
}

/** A route table with the subnets that use it. */
export interface LabRouteTable {
  id: string;
  zone: string;
  /** Ranges of its subnets. */
  subnets: string[];
  tags: Record<string, string>;
  routes: LabRoute[];
}

export interface LabVpc {
  id: string;
  cidr: string;
  routeTables: LabRouteTable[];
}

/** A host behind the servers; clients' probes go to the first one. */
export interface LabBackend {
  name: string;
  zone: string;
  cidr: string;
}

/** What the servers' security groups let in besides the load balancer. Ports are inclusive; all of them for the protocol `-1`. */
export interface LabSecurity {
  /** From other servers, as far as they may send it too. */
  amongServers: LabRule[];
  fromRanges: (LabRule & { cidr: string })[];
}

export interface LabRule {
  protocol: string;
  from: number;
  to: number;
}

/** What the servers' `agent.json` says about the network behind them. */
export interface LabRouting {
  mode: "masquerade" | "routed";
  /** One server is in service and the others stand by: unhealthy to the load balancer, on purpose. */
  isPassive: boolean;
  tunnelCidr: string;
  /** UDP ports on which servers talk to each other; undefined where they do not. */
  meshPort: number | undefined;
  overlayPort: number | undefined;
}

/** The VPC with the route tables whose subnets the lab knows. */
export function readVpc(view: PlanView): LabVpc {
  const vpc = view.one("aws:ec2/vpc:Vpc");
  const subnets = new Map(view.all("aws:ec2/subnet:Subnet").map((subnet) => [subnet.id, subnet]));
  const associations = view.all("aws:ec2/routeTableAssociation:RouteTableAssociation");
  const tables = view.all("aws:ec2/routeTable:RouteTable").flatMap((table): LabRouteTable[] => {
    const used = associations
      .filter((association) => text(association, "routeTableId") === table.id)
      .flatMap((association) => subnets.get(text(association, "subnetId")) ?? []);
    const [first] = used;
    if (!first) return [];
    return [
      {
        id: table.id,
        zone: text(first, "availabilityZone"),
        subnets: used.map((subnet) => text(subnet, "cidrBlock")),
        tags: tagsOf(table.inputs["tags"]),
        routes: routesOf(view, table),
      },
    ];
  });
  return { id: vpc.id, cidr: text(vpc, "cidrBlock"), routeTables: tables };
}

function tagsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(record(value)).map(([key, tag]) => [key, String(tag)]));
}

/** What the servers' role may do, and the tags that it may be asked about. */
export interface LabRights {
  statements: Statement[];
  /** Of the servers' network interfaces. */
  interfaceTags: Record<string, string>;
}

/** The role's own policies, and the tags that the launch template gives to network interfaces. */
export function readRights(view: PlanView, role: string): LabRights {
  const template = view.one("aws:ec2/launchTemplate:LaunchTemplate");
  const specifications = template.inputs["tagSpecifications"];
  const interfaces = (Array.isArray(specifications) ? specifications : [])
    .map(record)
    .find(({ resourceType }) => resourceType === "network-interface");
  return { statements: identityOf(view, role), interfaceTags: tagsOf(interfaces?.["tags"]) };
}

function routesOf(view: PlanView, table: PlannedResource): LabRoute[] {
  return view
    .all("aws:ec2/route:Route")
    .filter((route) => text(route, "routeTableId") === table.id)
    .map((route) => {
      const { gatewayId, natGatewayId } = route.inputs;
      const target =
        natGatewayId === undefined
          ? { gatewayId: String(gatewayId) }
          : { natGatewayId: String(natGatewayId) };
      return { destination: text(route, "destinationCidrBlock"), target };
    });
}

/** One host in each of the first two zones, in a subnet without servers where the zone has one. */
export function readBackends(view: PlanView, zones: readonly LabZone[]): LabBackend[] {
  const used = new Set(zones.flatMap((zone) => [zone.serverCidr, zone.balancerCidr]));
  const subnets = view.all("aws:ec2/subnet:Subnet").map((subnet) => ({
    zone: text(subnet, "availabilityZone"),
    cidr: text(subnet, "cidrBlock"),
  }));
  return zones.slice(0, BACKENDS.length).map(({ name: zone, serverCidr }, index) => {
    const free = subnets.find((subnet) => subnet.zone === zone && !used.has(subnet.cidr));
    return { name: BACKENDS[index] ?? "", zone, cidr: free?.cidr ?? serverCidr };
  });
}

/** Names of the backends' machines. */
const BACKENDS = ["backend", "backend2"] as const;

/** The rules of the servers' security groups that name the servers themselves or a range. */
export function readSecurity(view: PlanView, groups: readonly string[]): LabSecurity {
  const rules = (direction: "Ingress" | "Egress"): PlannedResource[] =>
    view
      .all(`aws:vpc/securityGroup${direction}Rule:SecurityGroup${direction}Rule`)
      .filter((rule) => groups.includes(String(rule.inputs["securityGroupId"])));
  const own = (rule: PlannedResource): boolean =>
    groups.includes(String(rule.inputs["referencedSecurityGroupId"]));
  const leaving = rules("Egress").filter(own).map(ruleOf);
  return {
    amongServers: rules("Ingress")
      .filter(own)
      .map(ruleOf)
      .filter((rule) => leaving.some((out) => coversRule(out, rule))),
    fromRanges: rules("Ingress").flatMap((rule) =>
      texts(rule.inputs["cidrIpv4"]).map((cidr) => ({ ...ruleOf(rule), cidr })),
    ),
  };
}

const ALL = "-1";

function ruleOf(rule: PlannedResource): LabRule {
  const protocol = text(rule, "ipProtocol");
  const { fromPort, toPort } = rule.inputs;
  return { protocol, from: Number(fromPort ?? 0), to: Number(toPort ?? 65_535) };
}

const coversRule = (wide: LabRule, narrow: LabRule): boolean =>
  wide.protocol === ALL || (wide.protocol === narrow.protocol && coversRange(wide, narrow));

const AGENT_CONFIG = "/etc/wgc/agent.json";

/** Reads it from the user data, which writes the agent's configuration. */
export function readRouting(userData: string): LabRouting {
  const file = bootSteps(userData).find((step) => step.kind === "file" && step.path === AGENT_CONFIG);
  if (file?.kind !== "file")
    throw new UserError(
      `the user data does not write ${AGENT_CONFIG}; the lab reads the tunnel's range there`,
    );
  const config = record(JSON.parse(file.content));
  const port = (section: string, key: string): number | undefined => {
    const value = record(config[section])[key];
    return typeof value === "number" ? value : undefined;
  };
  return {
    mode: config["addressing"] === "routed" ? "routed" : "masquerade",
    isPassive: config["topology"] === "active-passive",
    tunnelCidr: String(config["tunnelIpv4"]),
    meshPort: port("mesh", "port"),
    overlayPort: port("routed", "overlayPort"),
  };
}
