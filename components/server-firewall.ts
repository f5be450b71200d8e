import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { contains } from "../config/cidr";
import { ports } from "./endpoint";
import { type Flow, NFS, passFlow } from "./flow";
import { connectMesh, type MeshArgs } from "./mesh-firewall";
import { mergeTags, type Tags } from "./support";

/** The ports and neighbours of a server. */
export interface FirewallArgs extends MeshArgs {
  readonly listenPort: number;
  readonly serverKeyRotation: boolean;
  readonly healthPort: number;
  /** Where servers send what clients send: the clients' routes. */
  readonly clientRoutes: readonly string[];
  /** Addresses of clients: among these nothing leaves a server but inside the overlay. */
  readonly tunnelCidr: string;
  readonly loadBalancerSecurityGroupId: pulumi.Input<string>;
  readonly fileSystemSecurityGroupId: pulumi.Input<string>;
  readonly tags: Tags;
}

/**
 * Everything that may pass between servers and their neighbours, both ends of each flow in one place. Servers take nothing from
 * anywhere but the load balancer, each other, and with routed addressing the routed prefixes (the balancer's group may be named although client addresses are preserved:
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html).
 */
export function connectServers(
  name: string,
  servers: aws.ec2.SecurityGroup,
  args: FirewallArgs,
  opts: pulumi.CustomResourceOptions,
): readonly pulumi.Resource[] {
  const tags = mergeTags(args.tags);
  const pair = (flow: Flow, from: pulumi.Input<string>, to: pulumi.Input<string>) =>
    passFlow(name, flow, { from, to, tags }, opts);
  const { loadBalancerSecurityGroupId: balancer, fileSystemSecurityGroupId: files } = args;
  const tunnels = ports(args).map(
    ({ suffix, port }): Flow => ({ name: `tunnel${suffix}`, why: "WireGuard", protocol: "udp", port }),
  );
  const health: Flow = { name: "health", why: "Health checks", protocol: "tcp", port: args.healthPort };
  const storage: Flow = {
    name: "storage",
    why: "Shared file system (NFS in TLS)",
    protocol: "tcp",
    port: NFS,
  };
  return [
    ...tunnels.flatMap((tunnel) => pair(tunnel, balancer, servers.id)),
    ...pair(health, balancer, servers.id),
    ...pair(storage, servers.id, files),
    // Packages, the agent from S3, SSM. DNS, time and instance metadata are not subject to security groups.
    new aws.vpc.SecurityGroupEgressRule(
      `${name}-https`,
      {
        securityGroupId: servers.id,
        description: "AWS APIs and package repositories",
        cidrIpv4: "0.0.0.0/0",
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        tags,
      },
      opts,
    ),
    ...connectMesh(name, servers.id, args, opts),
    ...args.clientRoutes
      .filter((route) => !contains(args.tunnelCidr, route))
      .map(
        (cidrIpv4, index) =>
          new aws.vpc.SecurityGroupEgressRule(
            `${name}-clients-${index + 1}`,
            {
              securityGroupId: servers.id,
              description: "Traffic of clients",
              cidrIpv4,
              ipProtocol: "-1",
              tags,
            },
            opts,
          ),
      ),
  ];
}
