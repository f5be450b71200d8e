/**
 * What the lab needs to know of a plan: a plain description of the cluster, read from the resolved resources.
 * Everything that the lab realises comes from here, so what runs on one machine is what gets deployed.
 */
import { createHash } from "node:crypto";
import { UserError } from "../config/errors";
import type { Plan, PlannedResource } from "../plan";
import type { StubHook } from "./aws-stub/auto-scaling";
import { hooksOf } from "./lifecycle-hooks";
import {
  type LabBackend,
  type LabRights,
  type LabRouting,
  type LabSecurity,
  type LabVpc,
  readBackends,
  readRights,
  readRouting,
  readSecurity,
  readVpc,
} from "./network-model";
import { number, PlanView, record, text } from "./plan-view";
import {
  type LabControlFunction,
  type LabFileSystem,
  readControl,
  readFileSystems,
  serverRole,
} from "./storage-model";

/** One Availability Zone with its subnets and the load balancer's static address in it. */
export interface LabZone {
  name: string;
  /** Range of the subnet that the servers of this zone live in. */
  serverCidr: string;
  /** Range of the subnet that the load balancer's node of this zone lives in. */
  balancerCidr: string;
  /** Static public address of the load balancer in this zone. */
  publicIp: string;
}

/** The target group's numbers, as the load balancer uses them; times in seconds. */
export interface LabTargetGroup {
  port: number;
  deregistrationDelay: number;
  /** Whether flows end when the deregistration delay is over. */
  terminateOnDeregistration: boolean;
  health: {
    port: number;
    path: string;
    /** Statuses that pass: `200`, `200,204` or `200-399`. */
    matcher: string;
    interval: number;
    timeout: number;
    healthy: number;
    unhealthy: number;
  };
}

/** The Auto Scaling group. */
export interface LabGroup {
  name: string;
  min: number;
  max: number;
  desired: number;
  gracePeriod: number;
  /** Whether a server that the load balancer finds unhealthy is replaced; else only one that EC2 finds dead. */
  asksBalancer: boolean;
  hooks: StubHook[];
}

/** One rule of the servers' security group, reduced to what may come from the load balancer. */
export interface LabPortRule {
  protocol: string;
  from: number;
  to: number;
}

export interface LabModel {
  stack: string;
  region: string;
  endpoint: { dnsName: string; port: number; crossZone: boolean };
  /** Ports of the load balancer, each with the port of the servers that it leads to; the first one is the endpoint's. */
  listeners: { port: number; targetPort: number }[];
  zones: LabZone[];
  vpc: LabVpc;
  /** Hosts behind the servers, in different zones where there is more than one. */
  backends: LabBackend[];
  group: LabGroup;
  targets: LabTargetGroup;
  allowedFromBalancer: LabPortRule[];
  security: LabSecurity;
  routing: LabRouting;
  /** Name of the servers' role, and what it may do through the API of EC2. */
  role: string;
  rights: LabRights;
  userData: string;
  objects: { bucket: string; key: string; path: string; sha256: string }[];
  fileSystems: LabFileSystem[];
  control: LabControlFunction;
}

function readZones(view: PlanView): LabZone[] {
  const subnets = new Map(view.all("aws:ec2/subnet:Subnet").map((subnet) => [subnet.id, subnet]));
  const addresses = new Map(view.all("aws:ec2/eip:Eip").map((eip) => [eip.id, text(eip, "publicIp")]));
  const groupSubnets = (view.one("aws:autoscaling/group:Group").inputs["vpcZoneIdentifiers"] ??
    []) as string[];
  const mappings = (view.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnetMappings"] ?? []) as {
    subnetId: string;
    allocationId: string;
  }[];
  const zoneOf = (id: string): string => {
    const subnet = subnets.get(id);
    if (!subnet) throw new UserError(`subnet ${id}, which servers or load balancer use, is not in the plan`);
    return text(subnet, "availabilityZone");
  };
  return mappings.map((mapping) => {
    const balancer = subnets.get(mapping.subnetId);
    const publicIp = addresses.get(mapping.allocationId);
    const name = zoneOf(mapping.subnetId);
    const servers = subnets.get(groupSubnets.find((id) => zoneOf(id) === name) ?? "");
    if (!balancer || !publicIp || !servers) {
      throw new UserError(
        `zone ${name}: the load balancer's subnet, its static address or the servers' subnet is not in the plan`,
      );
    }
    return {
      name,
      serverCidr: text(servers, "cidrBlock"),
      balancerCidr: text(balancer, "cidrBlock"),
      publicIp,
    };
  });
}

/** By port: the servers' second port is the one after the first. */
function byPort(resources: PlannedResource[]): PlannedResource[] {
  return resources.sort((a, b) => number(a, "port") - number(b, "port"));
}

function readListeners(view: PlanView): LabModel["listeners"] {
  const groups = view.some("aws:lb/targetGroup:TargetGroup");
  return byPort(view.some("aws:lb/listener:Listener")).map((listener) => {
    const [action] = (listener.inputs["defaultActions"] ?? []) as { targetGroupArn?: string }[];
    const group = groups.find(({ outputs }) => outputs["arn"] === action?.targetGroupArn);
    if (!group)
      throw new UserError(`${listener.urn}: the target group that it forwards to is not in the plan`);
    return { port: number(listener, "port"), targetPort: number(group, "port") };
  });
}

/** All target groups have the same servers and check them alike; the first one speaks for them. */
function readTargets(view: PlanView): LabTargetGroup {
  const [group = view.one("aws:lb/targetGroup:TargetGroup")] = byPort(
    view.some("aws:lb/targetGroup:TargetGroup"),
  );
  const health = record(group.inputs["healthCheck"]);
  return {
    port: number(group, "port"),
    deregistrationDelay: number(group, "deregistrationDelay"),
    terminateOnDeregistration: group.inputs["connectionTermination"] === true,
    health: {
      port: Number(health["port"]),
      path: String(health["path"] ?? "/"),
      // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html
      matcher: String(health["matcher"] ?? "200-399"),
      interval: Number(health["interval"] ?? 30),
      timeout: Number(health["timeout"] ?? 6),
      healthy: Number(health["healthyThreshold"] ?? 5),
      unhealthy: Number(health["unhealthyThreshold"] ?? 2),
    },
  };
}

/** The servers' security groups. */
function readServerGroups(view: PlanView): string[] {
  const template = view.one("aws:ec2/launchTemplate:LaunchTemplate");
  const interfaces = (template.inputs["networkInterfaces"] ?? []) as { securityGroups?: string[] }[];
  return [
    ...((template.inputs["vpcSecurityGroupIds"] ?? []) as string[]),
    ...interfaces.flatMap((entry) => entry.securityGroups ?? []),
  ];
}

/** The ports that the servers' security groups open to the load balancer's security groups. */
function readAllowedPorts(view: PlanView, serverGroups: readonly string[]): LabPortRule[] {
  const balancerGroups = (view.one("aws:lb/loadBalancer:LoadBalancer").inputs["securityGroups"] ??
    []) as string[];
  return view
    .all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    .filter((rule) => serverGroups.includes(String(rule.inputs["securityGroupId"])))
    .filter((rule) => balancerGroups.includes(String(rule.inputs["referencedSecurityGroupId"])))
    .filter((rule) => ["udp", "tcp"].includes(String(rule.inputs["ipProtocol"])))
    .map((rule) => ({
      protocol: text(rule, "ipProtocol"),
      from: number(rule, "fromPort"),
      to: number(rule, "toPort"),
    }));
}

function readObjects(view: PlanView): LabModel["objects"] {
  const types = ["aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2"];
  return types
    .flatMap((type) => view.all(type))
    .map((object) => {
      const asset = record(record(object.inputs["source"])["$asset"]);
      return {
        bucket: text(object, "bucket"),
        key: text(object, "key"),
        path: String(asset["path"]),
        sha256: String(asset["sha256"] ?? ""),
      };
    });
}

/**
 * Reads the lab's description of the cluster from a plan made in resolved mode.
 *
 * @throws UserError when the plan lacks a resource that the lab must realise; the message names it.
 */
export function readModel(plan: Plan): LabModel {
  const view = new PlanView(plan);
  const zones = readZones(view);
  const balancer = view.one("aws:lb/loadBalancer:LoadBalancer");
  const group = view.one("aws:autoscaling/group:Group");
  const listeners = readListeners(view);
  const serverGroups = readServerGroups(view);
  const role = serverRole(view);
  if (zones.length === 0)
    throw new UserError("the plan's load balancer has no subnets; the lab needs at least one zone");
  const userData = Buffer.from(
    text(view.one("aws:ec2/launchTemplate:LaunchTemplate"), "userData"),
    "base64",
  ).toString();
  return {
    stack: plan.stack,
    region: (zones[0]?.name ?? "").replace(/[a-z]$/, ""),
    endpoint: {
      dnsName: text(balancer, "dnsName"),
      port: listeners[0]?.port ?? 0,
      crossZone: balancer.inputs["enableCrossZoneLoadBalancing"] === true,
    },
    listeners,
    zones,
    vpc: readVpc(view),
    backends: readBackends(view, zones),
    group: {
      name: text(group, "name"),
      min: number(group, "minSize"),
      max: number(group, "maxSize"),
      desired: number(group, "desiredCapacity"),
      gracePeriod: number(group, "healthCheckGracePeriod"),
      asksBalancer: text(group, "healthCheckType") === "ELB",
      hooks: hooksOf(group.inputs),
    },
    targets: readTargets(view),
    allowedFromBalancer: readAllowedPorts(view, serverGroups),
    security: readSecurity(view, serverGroups),
    routing: readRouting(userData),
    role,
    rights: readRights(view, role),
    userData,
    objects: readObjects(view),
    fileSystems: readFileSystems(view),
    control: readControl(view),
  };
}

/** A short, stable EC2-like id for the lab's n-th server: `i-` and 17 hexadecimal digits. */
export function instanceId(group: string, number: number): string {
  return `i-${createHash("sha256").update(`${group}/${number}`).digest("hex").slice(0, 17)}`;
}
