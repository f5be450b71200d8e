import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { mergeTags, type Tags } from "./support";

export interface InterfaceEndpointsArgs {
  readonly clusterName: string;
  readonly region: string;
  readonly vpcId: pulumi.Input<string>;
  /** Range of the VPC, which may use the endpoints. */
  readonly vpcCidr: string;
  /** One private subnet a zone. */
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** Names of services as in `com.amazonaws.REGION.NAME`. Example: `["ssm", "ssmmessages"]`. */
  readonly services: readonly string[];
  readonly tags: Tags;
}

/**
 * Interface endpoints of AWS services, under the services' usual names. `ec2messages` is not needed: since 3.3.40.0, which every
 * Amazon Linux 2023 of the last two years is above, the agent of Session Manager uses `ssmmessages` where it reaches it
 * (https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html).
 *
 * **Cost**: $7.30 a month for each service and zone, $0.01 per GB.
 */
export function interfaceEndpoints(
  name: string,
  args: InterfaceEndpointsArgs,
  opts: pulumi.CustomResourceOptions,
): readonly aws.ec2.VpcEndpoint[] {
  if (args.services.length === 0) return [];
  const { region, vpcId, vpcCidr, clusterName } = args;
  const firewall = new aws.ec2.SecurityGroup(
    `${name}-endpoints-sg`,
    {
      vpcId,
      description: "wgc endpoints of AWS services: HTTPS from the VPC in, nothing out",
      tags: mergeTags(args.tags, { Name: `${clusterName}-endpoints` }),
    },
    opts,
  );
  new aws.vpc.SecurityGroupIngressRule(
    `${name}-endpoints-https`,
    {
      securityGroupId: firewall.id,
      description: "AWS APIs",
      cidrIpv4: vpcCidr,
      ipProtocol: "tcp",
      fromPort: 443,
      toPort: 443,
      tags: mergeTags(args.tags),
    },
    opts,
  );
  return args.services.map(
    (service) =>
      new aws.ec2.VpcEndpoint(
        `${name}-${service}`,
        {
          vpcId,
          serviceName: `com.amazonaws.${region}.${service}`,
          vpcEndpointType: "Interface",
          privateDnsEnabled: true,
          subnetIds: [...args.subnetIds],
          securityGroupIds: [firewall.id],
          tags: mergeTags(args.tags, { Name: `${clusterName}-${service}` }),
        },
        opts,
      ),
  );
}
