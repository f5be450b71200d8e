import {
  numberOf,
  objects,
  ofType,
  referenced,
  type ServerGroup,
  serverGroups,
  strings,
  types,
} from "./lookup";
import type { JsonObject, Plan, PlannedResource } from "./types";

/** One permission to open connections, from the security groups' rules. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  /** Such as `UDP 51820`, `TCP 2049` or `all`. */
  readonly ports: string;
}

export interface ZoneSubnet {
  readonly type: string;
  readonly cidr: string;
  readonly servers: boolean;
  readonly natGateway: boolean;
  readonly mountTarget: boolean;
}

export interface Zone {
  readonly name: string;
  readonly subnets: readonly ZoneSubnet[];
  readonly address: string;
}

/** What the picture shows, read from the plan and from nothing else. */
export interface Architecture {
  readonly zones: readonly Zone[];
  readonly vpcCidr: string;
  readonly balancer:
    | {
        readonly name: string;
        readonly listener: string;
        readonly health: string;
        readonly crossZone: boolean;
      }
    | undefined;
  readonly groups: readonly ServerGroup[];
  readonly fileSystem: boolean;
  readonly buckets: readonly string[];
  readonly s3Endpoint: boolean;
  readonly keyUses: readonly string[];
  readonly alarms: readonly string[];
  readonly functions: readonly string[];
  readonly flows: readonly Flow[];
}

/** The names that flows use for their ends. */
export const ends = {
  clients: "clients",
  internet: "internet",
  balancer: "load balancer",
  servers: "servers",
  efs: "EFS",
} as const;

export function readArchitecture(plan: Plan): Architecture {
  const [balancer] = ofType(plan, types.loadBalancer);
  const [vpc] = ofType(plan, types.vpc);
  const groups = serverGroups(plan);
  const encrypted = [...ofType(plan, types.fileSystem), ...ofType(plan, types.bucket)].filter(
    (resource) => referenced(plan, resource, "kmsKeyId", types.key).length > 0,
  );
  return {
    zones: readZones(plan, balancer, groups),
    vpcCidr: String(vpc?.inputs["cidrBlock"] ?? ""),
    balancer: balancer === undefined ? undefined : readBalancer(plan, balancer),
    groups,
    fileSystem: ofType(plan, types.fileSystem).length > 0,
    buckets: ofType(plan, types.bucket).map((bucket) => bucket.name),
    s3Endpoint: ofType(plan, types.vpcEndpoint).some((endpoint) =>
      String(endpoint.inputs["serviceName"]).endsWith(".s3"),
    ),
    keyUses: ofType(plan, types.key).length === 0 ? [] : encrypted.map((resource) => resource.name),
    alarms: ofType(plan, types.alarm).map((alarm) => alarm.name),
    functions: ofType(plan, types.lambda).map((lambda) => lambda.name),
    flows: readFlows(plan),
  };
}

function readZones(
  plan: Plan,
  balancer: PlannedResource | undefined,
  groups: readonly ServerGroup[],
): Zone[] {
  const subnets = ofType(plan, types.subnet);
  const names = [...new Set(subnets.map((subnet) => String(subnet.inputs["availabilityZone"])))].sort();
  const addresses = balancerAddresses(plan, balancer);
  const holds = (type: string, input: string, subnet: PlannedResource): boolean =>
    ofType(plan, type).some(
      (resource) =>
        // awsx puts NAT gateways under their subnet, which is all that a preview knows of where they are.
        resource.parent === subnet.urn ||
        (resource.id !== "" && referenced(plan, resource, input, types.subnet).includes(subnet)),
    );
  return names.map((name, index) => {
    const here = subnets.filter((subnet) => subnet.inputs["availabilityZone"] === name);
    const shown = here.map((subnet) => ({
      type: subnetType(subnet),
      cidr: String(subnet.inputs["cidrBlock"]),
      servers: groups.some((group) => group.subnets.includes(subnet)),
      natGateway: holds(types.natGateway, "subnetId", subnet),
      mountTarget: holds(types.mountTarget, "subnetId", subnet),
    }));
    return {
      name,
      subnets: shown.sort((a, b) => (a.type < b.type ? 1 : -1)),
      address: addresses[index] ?? "",
    };
  });
}

function subnetType(subnet: PlannedResource): string {
  const tag = objects(subnet.inputs["tags"])[0]?.["SubnetType"];
  return typeof tag === "string"
    ? tag.toLowerCase()
    : subnet.inputs["mapPublicIpOnLaunch"] === true
      ? "public"
      : "private";
}

/** The endpoint's Elastic IPs in the order of its zones; NAT gateways' own are not among them. */
function balancerAddresses(plan: Plan, balancer: PlannedResource | undefined): string[] {
  if (balancer === undefined) return [];
  const mappings = objects(balancer.inputs["subnetMappings"]);
  const eips = ofType(plan, types.eip);
  return mappings.map((mapping) => {
    const eip = eips.find((candidate) => candidate.id !== "" && candidate.id === mapping["allocationId"]);
    return eip === undefined ? "Elastic IP" : String(eip.outputs["publicIp"]);
  });
}

function readBalancer(plan: Plan, balancer: PlannedResource): NonNullable<Architecture["balancer"]> {
  const [listener] = ofType(plan, types.listener);
  const [target] = ofType(plan, types.targetGroup);
  const check = objects(target?.inputs["healthCheck"])[0] ?? {};
  const every = numberOf(check["interval"], 30);
  const path = typeof check["path"] === "string" ? ` ${check["path"]}` : "";
  return {
    name: balancer.name,
    listener:
      `${String(listener?.inputs["protocol"] ?? "")} ${String(listener?.inputs["port"] ?? "")}`.trim(),
    health: `${String(check["protocol"] ?? "TCP")} ${String(check["port"] ?? "")}${path} every ${every} s × ${numberOf(check["unhealthyThreshold"], 3)}`,
    crossZone: String(balancer.inputs["enableCrossZoneLoadBalancing"]) === "true",
  };
}

function readFlows(plan: Plan): Flow[] {
  const owners = groupOwners(plan);
  const flows = [
    ...ofType(plan, types.ingressRule).flatMap((rule) => ruleFlows(plan, owners, rule, "in")),
    ...ofType(plan, types.egressRule).flatMap((rule) => ruleFlows(plan, owners, rule, "out")),
    ...ofType(plan, types.securityGroup).flatMap((group) => inlineFlows(owners, group)),
  ];
  const unique = new Map(flows.map((flow) => [`${flow.from}|${flow.to}|${flow.ports}`, flow]));
  return [...unique.keys()].sort().flatMap((key) => unique.get(key) ?? []);
}

/** Which part of the picture each security group protects, by URN and by id. */
function groupOwners(plan: Plan): Map<string, string> {
  const owners = new Map<string, string>();
  const claim = (owner: string, resource: PlannedResource, inputs: readonly string[]): void => {
    for (const input of inputs) {
      for (const group of referenced(plan, resource, input, types.securityGroup)) {
        owners.set(group.urn, owner);
        if (group.id !== "") owners.set(group.id, owner);
      }
    }
  };
  for (const balancer of ofType(plan, types.loadBalancer)) claim(ends.balancer, balancer, ["securityGroups"]);
  for (const template of ofType(plan, types.launchTemplate))
    claim(ends.servers, template, ["vpcSecurityGroupIds", "networkInterfaces"]);
  for (const mount of ofType(plan, types.mountTarget)) claim(ends.efs, mount, ["securityGroups"]);
  for (const lambda of ofType(plan, types.lambda)) claim(lambda.name, lambda, ["vpcConfig"]);
  return owners;
}

function ruleFlows(
  plan: Plan,
  owners: ReadonlyMap<string, string>,
  rule: PlannedResource,
  direction: "in" | "out",
): Flow[] {
  const [group] = referenced(plan, rule, "securityGroupId", types.securityGroup);
  const self = owners.get(group?.urn ?? "") ?? group?.name ?? "?";
  const [peerGroup] = referenced(plan, rule, "referencedSecurityGroupId", types.securityGroup);
  // Whatever ranges they come from, what connects to the load balancer are the clients.
  const range =
    self === ends.balancer && direction === "in" ? ends.clients : rangeName(rule.inputs, direction);
  const peer = peerGroup ? (owners.get(peerGroup.urn) ?? peerGroup.name) : range;
  return [flow(self, peer, portsOf(rule.inputs, "ipProtocol"), direction)];
}

function inlineFlows(owners: ReadonlyMap<string, string>, group: PlannedResource): Flow[] {
  const self = owners.get(group.urn) ?? group.name;
  return (["in", "out"] as const).flatMap((direction) =>
    objects(group.inputs[direction === "in" ? "ingress" : "egress"]).flatMap((rule) => {
      const peers = strings(rule["securityGroups"]).map((id) => owners.get(id) ?? "another group");
      const ranges = [...strings(rule["cidrBlocks"]), ...strings(rule["ipv6CidrBlocks"])].map((cidr) =>
        rangeName({ cidrIpv4: cidr }, direction),
      );
      return [...peers, ...ranges].map((peer) => flow(self, peer, portsOf(rule, "protocol"), direction));
    }),
  );
}

function flow(self: string, peer: string, ports: string, direction: "in" | "out"): Flow {
  return direction === "in" ? { from: peer, to: self, ports } : { from: self, to: peer, ports };
}

function rangeName(rule: JsonObject, direction: "in" | "out"): string {
  const range = rule["cidrIpv4"] ?? rule["cidrIpv6"];
  if (range === "0.0.0.0/0" || range === "::/0") return direction === "in" ? ends.clients : ends.internet;
  if (typeof range === "string") return range;
  return "prefixListId" in rule ? "S3" : "a range known later";
}

function portsOf(rule: JsonObject, protocolKey: string): string {
  const protocol = String(rule[protocolKey] ?? "-1");
  if (protocol === "-1") return "all";
  const { fromPort, toPort } = rule;
  // For ICMP the two fields are type and code (EC2 API, IpPermission).
  if (protocol === "icmp") return `ICMP type ${String(fromPort)} code ${String(toPort)}`;
  const ports =
    fromPort === undefined || fromPort === -1
      ? ""
      : fromPort === toPort
        ? ` ${fromPort}`
        : ` ${fromPort}–${toPort}`;
  return `${protocol.toUpperCase()}${ports}`;
}
