import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterSettings } from "../config/load";
import { rollbackAlarmNames } from "../monitoring/alarms";
import { AGENT_PREFIX, AgentBundle } from "./agent-bundle";
import { alarmsUseKey } from "./alarm-topic";
import { Schedules } from "./capacity";
import { ControlFunction, type ControlFunctionArgs } from "./control-function";
import { Endpoint } from "./endpoint";
import { groupName } from "./lifecycle";
import { Monitoring } from "./monitoring";
import { Network } from "./network";
import { OperatorAccess } from "./operator-access";
import { Scaling } from "./scaling";
import { ServerRole } from "./server-role";
import { serverUserData } from "./server-user-data";
import { Servers, WARMUP_SECONDS } from "./servers";
import { SessionLog } from "./session-log";
import { Storage } from "./storage";
import { groupArn, mergeTags, type Place, type Tags } from "./support";

/** A cluster's settings (each is described in config/schema.ts) and where its programs come from. */
export interface VpnClusterArgs extends ClusterSettings {
  /** Absolute path of the agent's TypeScript entry. */
  readonly agentEntry: string;
  /** Absolute path of the control function's TypeScript entry. */
  readonly controlEntry: string;
  /** Absolute path of the folder that keeps bundled programs. */
  readonly bundleFolder: string;
}

/**
 * A highly available WireGuard cluster: stock clients connect to one endpoint, behind which any server can go.
 *
 * **Cost**: about $141 a month for three c7g.medium in three zones, before traffic; each part says its own.
 */
export class VpnCluster extends pulumi.ComponentResource {
  readonly clientEndpoint: pulumi.Output<string>;
  readonly staticIps: pulumi.Output<string[]>;
  readonly groupName: pulumi.Output<string>;
  readonly fileSystemId: pulumi.Output<string>;
  readonly registryAccessPointId: pulumi.Output<string>;
  readonly runtimeAccessPointId: pulumi.Output<string>;
  readonly agentBucket: pulumi.Output<string>;
  readonly vpcId: pulumi.Output<string>;
  readonly launchTemplateId: pulumi.Output<string>;
  readonly serverPublicKey: pulumi.Output<string>;
  readonly controlFunctionName: pulumi.Output<string>;
  /** Where alarms are told; undefined at monitoring level `none`. */
  readonly alarmTopicArn: pulumi.Output<string> | undefined;
  /** The role that operators take; undefined where nobody is named. */
  operatorRoleArn: pulumi.Output<string> | undefined;

  constructor(name: string, args: VpnClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:VpnCluster", name, { clusterName: args.clusterName, region: args.region }, opts);
    const { clusterName, protect } = args;
    const tags: Tags = mergeTags(
      { Project: "wgc", Cluster: clusterName, Stack: pulumi.getStack() },
      args.tags,
    );
    const common = { clusterName, tags };
    const inside = { parent: this };
    const place = this.place(args.region);

    const network = new Network(`${name}-network`, { ...args, ...common, place }, inside);
    const { vpcId } = network;
    const routeTables = [...network.routeTables, ...args.routeTables];
    const endpoint = new Endpoint(
      `${name}-endpoint`,
      { ...args, ...common, vpcId, subnetIds: network.publicSubnetIds },
      inside,
    );
    const storage = new Storage(
      `${name}-storage`,
      {
        ...common,
        place,
        protect,
        vpcId,
        subnetIds: network.privateSubnetIds,
        keyStatements: args.monitoring === "none" ? [] : [alarmsUseKey(clusterName, place)],
      },
      inside,
    );
    const bundle = new AgentBundle(
      `${name}-agent`,
      { ...common, protect, entry: args.agentEntry, outputFolder: args.bundleFolder },
      inside,
    );
    const control = new ControlFunction(
      `${name}-control`,
      {
        ...common,
        place,
        vpcId,
        subnetIds: network.privateSubnetIds,
        fileSystemArn: storage.fileSystemArn,
        fileSystemSecurityGroupId: storage.securityGroupId,
        registryAccessPointArn: storage.registryAccessPoint.arn,
        startsAfter: storage.ready,
        entry: args.controlEntry,
        outputFolder: args.bundleFolder,
        concurrency: args.controlConcurrency,
        logRetentionDays: args.flowLogRetentionDays,
        cluster: clusterDescription(args, endpoint.clientEndpoint),
      },
      inside,
    );
    const sessionLog = this.operators(name, args, { ...common, place }, control);
    const role = new ServerRole(
      `${name}-server`,
      {
        ...common,
        agentBucketArn: bundle.bucketArn,
        agentKeyPrefix: AGENT_PREFIX,
        fileSystemArn: storage.fileSystemArn,
        registryAccessPointArn: storage.registryAccessPoint.arn,
        runtimeAccessPointArn: storage.runtimeAccessPoint.arn,
        ...(args.addressing === "routed"
          ? { routed: { place, routeTableIds: routeTables.map(({ id }) => id) } }
          : {}),
        sessionLog,
        groupArn: groupArn(place, groupName(clusterName)),
        monitoring: args.monitoring,
      },
      inside,
    );
    const servers = new Servers(
      `${name}-servers`,
      {
        ...args,
        ...common,
        vpcId,
        subnetIds: args.nodeSubnets === "public" ? network.publicSubnetIds : network.privateSubnetIds,
        publicAddress: args.nodeSubnets === "public",
        loadBalancerSecurityGroupId: endpoint.securityGroupId,
        fileSystemSecurityGroupId: storage.securityGroupId,
        targetGroupArns: endpoint.targetGroupArns,
        instanceProfileArn: role.profileArn,
        // By name: the alarms are made after the group that they watch.
        rollbackAlarms: rollbackAlarmNames(clusterName, args.monitoring),
        userData: serverUserData(args, storage, bundle, network.routeTables),
        bootsAfter: [
          ...[...network.ready, ...storage.ready, ...endpoint.listeners],
          ...[bundle.object, role.rights, control.init],
        ],
      },
      inside,
    );
    if (args.scheduledCapacity.length > 0)
      new Schedules(
        `${name}-schedules`,
        { groupName: servers.groupName, scheduledCapacity: args.scheduledCapacity },
        inside,
      );
    new Scaling(
      `${name}-scaling`,
      { ...args, ...common, groupName: servers.groupName, warmupSeconds: WARMUP_SECONDS },
      inside,
    );
    this.alarmTopicArn = this.watch(
      name,
      args,
      { ...common, place },
      { endpoint, storage, control, servers },
    );

    this.clientEndpoint = endpoint.clientEndpoint;
    this.staticIps = pulumi.all([...endpoint.staticIps]);
    this.groupName = servers.groupName;
    this.fileSystemId = storage.fileSystemId;
    this.registryAccessPointId = storage.registryAccessPoint.id;
    this.runtimeAccessPointId = storage.runtimeAccessPoint.id;
    this.agentBucket = bundle.bucketName;
    this.vpcId = vpcId;
    this.launchTemplateId = servers.launchTemplateId;
    this.serverPublicKey = control.serverPublicKey;
    this.controlFunctionName = control.functionName;
    this.registerOutputs({
      clientEndpoint: this.clientEndpoint,
      staticIps: this.staticIps,
      groupName: this.groupName,
      fileSystemId: this.fileSystemId,
      registryAccessPointId: this.registryAccessPointId,
      runtimeAccessPointId: this.runtimeAccessPointId,
      agentBucket: this.agentBucket,
      vpcId: this.vpcId,
      launchTemplateId: this.launchTemplateId,
      serverPublicKey: this.serverPublicKey,
      controlFunctionName: this.controlFunctionName,
      alarmTopicArn: this.alarmTopicArn,
      operatorRoleArn: this.operatorRoleArn,
    });
  }

  /** Alarms and dashboard, where the stack wants them. */
  private watch(
    name: string,
    args: VpnClusterArgs,
    common: { readonly clusterName: string; readonly tags: Tags; readonly place: Place },
    parts: {
      readonly endpoint: Endpoint;
      readonly storage: Storage;
      readonly control: ControlFunction;
      readonly servers: Servers;
    },
  ): pulumi.Output<string> | undefined {
    if (args.monitoring === "none") return undefined;
    const { control, endpoint, servers, storage } = parts;
    const [targetGroupArn] = endpoint.targetGroupArns;
    if (targetGroupArn === undefined) throw new Error("the load balancer has no target group");
    return new Monitoring(
      `${name}-monitoring`,
      {
        ...args,
        ...common,
        level: args.monitoring,
        keyArn: storage.keyArn,
        zones: storage.zones,
        loadBalancerArn: endpoint.loadBalancerArn,
        targetGroupArn,
        groupName: servers.groupName,
        fileSystemId: storage.fileSystemId,
        functionName: control.functionName,
        endpoint: endpoint.clientEndpoint,
        logRetentionDays: args.flowLogRetentionDays,
        startsAfter: [servers.ready],
      },
      { parent: this },
    ).topicArn;
  }

  /** The operators' role and what their sessions are recorded in; nothing where nobody is named. */
  private operators(
    name: string,
    args: VpnClusterArgs,
    common: { readonly clusterName: string; readonly tags: Tags; readonly place: Place },
    control: ControlFunction,
  ): SessionLog | undefined {
    const { operatorPrincipals: principals, protect, healthPort } = args;
    if (principals.length === 0) return undefined;
    const log = new SessionLog(
      `${name}-sessions`,
      { ...common, protect, logRetentionDays: args.flowLogRetentionDays },
      { parent: this },
    );
    const access = new OperatorAccess(
      `${name}-operators`,
      { ...common, principals, healthPort, log, controlFunctionArn: control.functionArn },
      { parent: this },
    );
    this.operatorRoleArn = access.roleArn;
    return log;
  }

  /** The account that is deployed to; its partition is the second part of the caller's ARN. */
  private place(region: string): Place {
    const caller = aws.getCallerIdentityOutput({}, { parent: this });
    return {
      region,
      accountId: caller.accountId,
      partition: caller.arn.apply((arn) => arn.split(":")[1] ?? "aws"),
    };
  }
}

/** What clients' configurations are made of; it is in the registry and not in user data, so that a change of it rolls no server. */
function clusterDescription(
  args: VpnClusterArgs,
  endpoint: pulumi.Input<string>,
): ControlFunctionArgs["cluster"] {
  return {
    cluster: args.clusterName,
    endpoint,
    tunnelIpv4: args.tunnelCidr,
    dns: args.clientDns,
    routes: args.clientRoutes,
    mtu: args.mtu,
    persistentKeepalive: args.persistentKeepalive,
    bothPorts: args.serverKeyRotation,
  };
}
