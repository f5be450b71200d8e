import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { secondPort } from "../wireguard/generations";
import { mergeTags, refuse, type Tags } from "./support";

export interface EndpointArgs {
  readonly clusterName: string;
  readonly vpcId: pulumi.Input<string>;
  /** One public subnet a zone; each gets one static address ($3.65 a month). */
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** UDP port that clients connect to. Default 51820. */
  readonly listenPort: number;
  /** Open the port after `listenPort` as well, at which every other generation of the server key is served; no charge by itself. Default false. */
  readonly serverKeyRotation: boolean;
  /** TCP port of the servers' health endpoint. Default 8080. */
  readonly healthPort: number;
  /** Where clients may connect from. Default `["0.0.0.0/0"]`. */
  readonly clientSourceRanges: readonly string[];
  /** Use servers of every zone from every zone: survives the loss of all servers of one zone, $0.02 per GB between zones. Default true. */
  readonly crossZone: boolean;
  /** Seconds a leaving server keeps its flows. Default 30. */
  readonly deregistrationDelaySeconds: number;
  /** DNS name of the endpoint and its public Route 53 zone; empty for none. Example: `vpn.example.com`, `example.com`. */
  readonly dnsName: string;
  readonly dnsZone: string;
  /** Refuse deletion: clients know the addresses and the name, and neither can be had again. Default false. */
  readonly protect: boolean;
  readonly tags: Tags;
}

/**
 * The shortest times and the lowest thresholds that a Network Load Balancer takes (API reference, CreateTargetGroup): a dead server
 * is out after 10 s.
 */
export const HEALTH_CHECK = {
  path: "/healthz",
  interval: 5,
  timeout: 2,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
} as const;

/** The ports that clients connect to, and what the names of the second one's resources end with. */
export function ports(args: {
  readonly listenPort: number;
  readonly serverKeyRotation: boolean;
}): readonly { readonly suffix: string; readonly port: number }[] {
  const first = { suffix: "", port: args.listenPort };
  return args.serverKeyRotation ? [first, { suffix: "-second", port: secondPort(args.listenPort) }] : [first];
}

/**
 * The internet-facing Network Load Balancer: one static address a zone, a UDP listener, and a target group whose health check
 * asks the agent over HTTP (UDP cannot be checked).
 *
 * **Cost**: $16.43 a month, $4.38 per NLCU and month, $3.65 a month for each zone's address.
 */
export class Endpoint extends pulumi.ComponentResource {
  /** `host:port` for client configurations. */
  readonly clientEndpoint: pulumi.Output<string>;
  /** The static addresses, in zone order. */
  readonly staticIps: readonly pulumi.Output<string>[];
  readonly loadBalancerArn: pulumi.Output<string>;
  /** One for each port. */
  readonly targetGroupArns: readonly pulumi.Output<string>[];
  readonly securityGroupId: pulumi.Output<string>;
  /** The Auto Scaling group waits for them: a target group without a listener reports no health. */
  readonly listeners: readonly aws.lb.Listener[];

  constructor(name: string, args: EndpointArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("Endpoint", [
      ["subnetIds", args.subnetIds.length < 2, "must be at least two, in different zones"],
      [
        "dnsZone",
        (args.dnsName === "") !== (args.dnsZone === "") && args.dnsName !== "",
        "must be given with dnsName",
      ],
      ["healthPort", args.healthPort === args.listenPort, "must differ from listenPort"],
    ]);
    super("wgc:index:Endpoint", name, { listenPort: args.listenPort, healthPort: args.healthPort }, opts);
    const tags = mergeTags(args.tags, { Name: args.clusterName });

    const firewall = this.securityGroup(name, args);
    this.securityGroupId = firewall.id;
    const addresses = args.subnetIds.map(
      (_, index) =>
        new aws.ec2.Eip(
          `${name}-ip-${index + 1}`,
          { domain: "vpc", tags: mergeTags(args.tags, { Name: `${args.clusterName}-${index + 1}` }) },
          { parent: this, protect: args.protect },
        ),
    );
    this.staticIps = addresses.map((address) => address.publicIp);
    const balancer = new aws.lb.LoadBalancer(
      `${name}-nlb`,
      {
        loadBalancerType: "network",
        internal: false,
        ipAddressType: "ipv4",
        enableCrossZoneLoadBalancing: args.crossZone,
        enableDeletionProtection: args.protect,
        // A Network Load Balancer made without a security group can never get one.
        securityGroups: [firewall.id],
        subnetMappings: args.subnetIds.map((subnetId, index) => {
          const allocationId = addresses[index]?.allocationId;
          return allocationId === undefined ? { subnetId } : { subnetId, allocationId };
        }),
        tags,
      },
      { parent: this, protect: args.protect },
    );
    this.loadBalancerArn = balancer.arn;
    const served = ports(args).map(({ suffix, port }) => this.serve(name, args, balancer, suffix, port));
    this.targetGroupArns = served.map(({ targets }) => targets.arn);
    this.listeners = served.map(({ listener }) => listener);
    const host = args.dnsName === "" ? balancer.dnsName : this.alias(name, args, balancer);
    this.clientEndpoint = pulumi.interpolate`${host}:${args.listenPort}`;
    this.registerOutputs({
      clientEndpoint: this.clientEndpoint,
      staticIps: this.staticIps,
      targetGroupArns: this.targetGroupArns,
      securityGroupId: this.securityGroupId,
    });
  }

  /** What may come in; what may go on to the servers is said where the servers are. */
  private securityGroup(name: string, args: EndpointArgs): aws.ec2.SecurityGroup {
    const group = new aws.ec2.SecurityGroup(
      `${name}-nlb-sg`,
      {
        vpcId: args.vpcId,
        description: "wgc load balancer: clients in, servers out",
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-nlb` }),
      },
      { parent: this },
    );
    for (const { suffix, port } of ports(args)) {
      for (const [index, cidrIpv4] of args.clientSourceRanges.entries()) {
        new aws.vpc.SecurityGroupIngressRule(
          `${name}-clients-${index + 1}${suffix}`,
          {
            securityGroupId: group.id,
            description: "WireGuard clients",
            cidrIpv4,
            ipProtocol: "udp",
            fromPort: port,
            toPort: port,
            tags: mergeTags(args.tags),
          },
          { parent: this },
        );
      }
    }
    // ICMP type 3 code 4, "fragmentation needed": without it a client behind a smaller MTU hangs (RFC 1191).
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-path-mtu`,
      {
        securityGroupId: group.id,
        description: "Path MTU discovery",
        cidrIpv4: "0.0.0.0/0",
        ipProtocol: "icmp",
        fromPort: 3,
        toPort: 4,
        tags: mergeTags(args.tags),
      },
      { parent: this },
    );
    return group;
  }

  /** A listener and its target group. */
  private serve(
    name: string,
    args: EndpointArgs,
    balancer: aws.lb.LoadBalancer,
    suffix: string,
    port: number,
  ) {
    const targets = this.targetGroup(`${name}-tg${suffix}`, args, port);
    const listener = new aws.lb.Listener(
      `${name}-listener${suffix}`,
      {
        loadBalancerArn: balancer.arn,
        port,
        protocol: "UDP",
        defaultActions: [{ type: "forward", targetGroupArn: targets.arn }],
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this },
    );
    return { targets, listener };
  }

  /** No targetHealthStates: ELB refuses them for UDP (API reference, TargetGroupAttribute). Client addresses are always preserved. */
  private targetGroup(name: string, args: EndpointArgs, port: number): aws.lb.TargetGroup {
    return new aws.lb.TargetGroup(
      name,
      {
        vpcId: args.vpcId,
        protocol: "UDP",
        port,
        targetType: "instance",
        deregistrationDelay: args.deregistrationDelaySeconds,
        // Otherwise a client with keepalives stays on a server that is gone.
        connectionTermination: true,
        healthCheck: {
          enabled: true,
          protocol: "HTTP",
          port: String(args.healthPort),
          path: HEALTH_CHECK.path,
          matcher: "200",
          interval: HEALTH_CHECK.interval,
          timeout: HEALTH_CHECK.timeout,
          healthyThreshold: HEALTH_CHECK.healthyThreshold,
          unhealthyThreshold: HEALTH_CHECK.unhealthyThreshold,
        },
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this },
    );
  }

  private alias(name: string, args: EndpointArgs, balancer: aws.lb.LoadBalancer): pulumi.Input<string> {
    const zone = aws.route53.getZoneOutput({ name: args.dnsZone, privateZone: false }, { parent: this });
    new aws.route53.Record(
      `${name}-dns`,
      {
        zoneId: zone.zoneId,
        name: args.dnsName,
        type: "A",
        aliases: [{ name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true }],
      },
      { parent: this },
    );
    return args.dnsName;
  }
}
