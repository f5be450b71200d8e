import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { isBurstable } from "../config/architecture";
import { type CapacityArgs, launchSource, warmPool } from "./capacity";
import { imageParameter } from "./instance-type";
import { groupName, LIFECYCLE_HOOKS } from "./lifecycle";
import type { MeshArgs } from "./mesh-firewall";
import { connectServers } from "./server-firewall";
import { mergeTags, refuse, type Tags } from "./support";

export interface ServersArgs extends CapacityArgs, MeshArgs {
  readonly clusterName: string;
  /** Whether all servers serve, or one while the others stand by. Default `active-active`. */
  readonly topology: "active-active" | "active-passive";
  readonly vpcId: pulumi.Input<string>;
  /** One subnet a zone, all public or all private. */
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** Give each server a public address ($3.65 a month), which it needs in a public subnet to reach AWS. */
  readonly publicAddress: boolean;
  /** UDP port of the tunnel and TCP port of the health endpoint. */
  readonly listenPort: number;
  readonly healthPort: number;
  /** Where traffic of clients may go. Example: `["10.0.0.0/16"]`. */
  readonly clientRoutes: readonly string[];
  /** Addresses of clients. Example: `10.100.0.0/16`. */
  readonly tunnelCidr: string;
  readonly loadBalancerSecurityGroupId: pulumi.Input<string>;
  readonly fileSystemSecurityGroupId: pulumi.Input<string>;
  /** Also let the load balancer in at the port after `listenPort`. Default false. */
  readonly serverKeyRotation: boolean;
  readonly targetGroupArns: readonly pulumi.Input<string>[];
  readonly instanceProfileArn: pulumi.Input<string>;
  /** EC2 instance type, $26.50 a month for the default c7g.medium. */
  readonly instanceType: string;
  /** Image to pin; empty for the newest Amazon Linux 2023 at each deployment. */
  readonly amiId: string;
  /** Size of the gp3 disk in GiB, $0.08 each a month. Default 8. */
  readonly diskGib: number;
  readonly minServers: number;
  readonly maxServers: number;
  /** Servers to start with; what scaling makes of it later is left alone. */
  readonly desiredServers: number;
  /** Names of CloudWatch alarms at which an instance refresh stops and rolls back. Default none. */
  readonly rollbackAlarms?: readonly pulumi.Input<string>[];
  /** What an instance runs at boot, as text. */
  readonly userData: pulumi.Input<string>;
  /** What must exist before the first server boots: mount targets, rights, the agent's object, routes. */
  readonly bootsAfter: readonly pulumi.Resource[];
  readonly tags: Tags;
}

/**
 * Seconds from a server's service until scaling counts it, and until an instance refresh goes on to the next one: clients move to it,
 * and what is wrong with it shows in alarms.
 */
export const WARMUP_SECONDS = 180;
/**
 * Seconds from a server's service until its failed health checks count. Its boot is over by then (the launch hook waits for it); what
 * is left is the load balancer, whose registration and first checks can take a few minutes
 * (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html).
 */
export const HEALTH_GRACE_SECONDS = 180;
/** Group metrics cost nothing; they are what alarms and dashboards read. */
export const GROUP_METRICS = [
  "GroupDesiredCapacity",
  "GroupInServiceInstances",
  "GroupMaxSize",
  "GroupMinSize",
  "GroupPendingInstances",
  "GroupStandbyInstances",
  "GroupTerminatingInstances",
  "GroupTotalInstances",
] as const;

/**
 * The VPN servers: a launch template and an Auto Scaling group over all zones.
 *
 * **Cost** of each server: its instance type, $3.65 a month for its public address, $2.10 for detailed monitoring, $0.64 for the disk.
 */
export class Servers extends pulumi.ComponentResource {
  readonly groupName: pulumi.Output<string>;
  readonly launchTemplateId: pulumi.Output<string>;
  /** Exists only once servers are healthy. */
  readonly ready: pulumi.Resource;
  readonly securityGroupId: pulumi.Output<string>;

  constructor(name: string, args: ServersArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("Servers", [
      ["minServers", args.minServers > args.maxServers, `must not be above maxServers (${args.maxServers})`],
      [
        "desiredServers",
        args.desiredServers < args.minServers || args.desiredServers > args.maxServers,
        `must lie between minServers (${args.minServers}) and maxServers (${args.maxServers})`,
      ],
      ["diskGib", args.diskGib < 8, "must be at least 8, the size of the image"],
    ]);
    super(
      "wgc:index:Servers",
      name,
      { instanceType: args.instanceType, minServers: args.minServers, maxServers: args.maxServers },
      opts,
    );
    const firewall = new aws.ec2.SecurityGroup(
      `${name}-sg`,
      {
        vpcId: args.vpcId,
        description: "wgc servers: load balancer in, file system, AWS and traffic of clients out",
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-server` }),
      },
      { parent: this },
    );
    const rules = connectServers(name, firewall, args, { parent: this });
    const template = this.launchTemplate(name, args, firewall.id);
    const group = this.group(name, args, template, [...rules, ...args.bootsAfter]);
    this.ready = group;
    this.groupName = group.name;
    this.launchTemplateId = template.id;
    this.securityGroupId = firewall.id;
    this.registerOutputs({
      groupName: this.groupName,
      launchTemplateId: this.launchTemplateId,
      securityGroupId: this.securityGroupId,
    });
  }

  /**
   * Resolved when deploying and not by EC2 (`resolve:ssm:`), because an instance refresh cannot roll back to a template that
   * resolves to something else by then (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html).
   */
  private image(args: ServersArgs): pulumi.Input<string> {
    if (args.amiId !== "") return args.amiId;
    const parameter = aws.ssm.getParameterOutput(
      { name: imageParameter(args.instanceType) },
      { parent: this },
    );
    // The provider marks every parameter secret; this one is public.
    return pulumi.unsecret(parameter.value);
  }

  private launchTemplate(
    name: string,
    args: ServersArgs,
    securityGroupId: pulumi.Output<string>,
  ): aws.ec2.LaunchTemplate {
    const own = { Name: `${args.clusterName}-server`, "wgc:cluster": args.clusterName };
    return new aws.ec2.LaunchTemplate(
      `${name}-template`,
      {
        description: `wgc ${args.clusterName}: VPN server`,
        imageId: this.image(args),
        instanceType: args.instanceType,
        // Standard credits would throttle a busy server to its baseline, which looks idle enough to be scaled in.
        ...(isBurstable(args.instanceType) ? { creditSpecification: { cpuCredits: "unlimited" } } : {}),
        iamInstanceProfile: { arn: args.instanceProfileArn },
        // Tokens only, and no hop further than the instance itself: forwarded packets never reach the metadata service.
        metadataOptions: {
          httpEndpoint: "enabled",
          httpTokens: "required",
          httpPutResponseHopLimit: 1,
          httpProtocolIpv6: "disabled",
          instanceMetadataTags: "disabled",
        },
        monitoring: { enabled: true },
        networkInterfaces: [
          {
            deviceIndex: 0,
            associatePublicIpAddress: String(args.publicAddress),
            deleteOnTermination: "true",
            securityGroups: [securityGroupId],
          },
        ],
        blockDeviceMappings: [
          {
            deviceName: "/dev/xvda",
            ebs: {
              volumeType: "gp3",
              volumeSize: args.diskGib,
              encrypted: "true",
              deleteOnTermination: "true",
            },
          },
        ],
        instanceInitiatedShutdownBehavior: "terminate",
        userData: pulumi.output(args.userData).apply((text) => Buffer.from(text).toString("base64")),
        updateDefaultVersion: true,
        // Only what never changes: another tag here would be another version of the template, and all servers would be replaced for
        // it. Instances get the stack's tags from the group.
        tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({
          resourceType,
          tags: own,
        })),
        tags: mergeTags(args.tags, own),
      },
      { parent: this },
    );
  }

  private group(
    name: string,
    args: ServersArgs,
    template: aws.ec2.LaunchTemplate,
    bootsAfter: readonly pulumi.Resource[],
  ): aws.autoscaling.Group {
    const tags = mergeTags(args.tags, {
      Name: `${args.clusterName}-server`,
      "wgc:cluster": args.clusterName,
    });
    return new aws.autoscaling.Group(
      `${name}-group`,
      {
        name: groupName(args.clusterName),
        initialLifecycleHooks: [...LIFECYCLE_HOOKS],
        minSize: args.minServers,
        maxSize: args.maxServers,
        desiredCapacity: args.desiredServers,
        vpcZoneIdentifiers: [...args.subnetIds],
        targetGroupArns: [...args.targetGroupArns],
        ...healthOf(args),
        healthCheckGracePeriod: HEALTH_GRACE_SECONDS,
        defaultInstanceWarmup: WARMUP_SECONDS,
        availabilityZoneDistribution: { capacityDistributionStrategy: args.zoneDistribution },
        ...launchSource(args, template),
        ...warmPool(args),
        instanceRefresh: { strategy: "Rolling", preferences: refreshPreferences(args) },
        instanceMaintenancePolicy: { minHealthyPercentage: 100, maxHealthyPercentage: 150 },
        enabledMetrics: [...GROUP_METRICS],
        metricsGranularity: "1Minute",
        waitForCapacityTimeout: "15m",
        tags: Object.entries(tags).map(([key, value]) => ({ key, value, propagateAtLaunch: true })),
      },
      { parent: this, dependsOn: [...bootsAfter], ignoreChanges: ["desiredCapacity"] },
    );
  }
}

/**
 * Whose opinion on a server's health the group acts on, and how many the load balancer must find healthy before a deployment succeeds.
 *
 * Where one server serves, the others are unhealthy to the load balancer on purpose; a group that acted on it would replace them for ever. So
 * it asks EC2 alone then, and does not notice an agent that fails on a machine that runs.
 */
function healthOf({ topology, minServers }: Pick<ServersArgs, "topology" | "minServers">) {
  return topology === "active-passive"
    ? { healthCheckType: "EC2", minElbCapacity: 1 }
    : { healthCheckType: "ELB", minElbCapacity: minServers };
}

function refreshPreferences({
  rollbackAlarms = [],
}: ServersArgs): aws.types.input.autoscaling.GroupInstanceRefreshPreferences {
  return {
    autoRollback: true,
    // New servers first: never fewer than now, at most half as many again. Up to three servers that is one at a time.
    minHealthyPercentage: 100,
    maxHealthyPercentage: 150,
    instanceWarmup: String(WARMUP_SECONDS),
    skipMatching: true,
    ...(rollbackAlarms.length === 0 ? {} : { alarmSpecification: { alarms: [...rollbackAlarms] } }),
  };
}
