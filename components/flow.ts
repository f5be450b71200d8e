import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { mergeTags, type Tags } from "./support";

/** What may pass from one security group to another. */
export interface Flow {
  readonly name: string;
  readonly why: string;
  readonly protocol: "udp" | "tcp";
  readonly port: number;
}

/** EFS listens on this port and no other (https://docs.aws.amazon.com/efs/latest/ug/network-access.html). */
export const NFS = 2049;

/** Opens both ends of a flow: out of one security group, into the other. */
export function passFlow(
  name: string,
  flow: Flow,
  { from, to, tags }: { from: pulumi.Input<string>; to: pulumi.Input<string>; tags: Tags },
  opts: pulumi.CustomResourceOptions,
): readonly pulumi.Resource[] {
  const rule = {
    description: flow.why,
    ipProtocol: flow.protocol,
    fromPort: flow.port,
    toPort: flow.port,
    tags: mergeTags(tags),
  };
  return [
    new aws.vpc.SecurityGroupEgressRule(
      `${name}-${flow.name}-out`,
      { ...rule, securityGroupId: from, referencedSecurityGroupId: to },
      opts,
    ),
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-${flow.name}-in`,
      { ...rule, securityGroupId: to, referencedSecurityGroupId: from },
      opts,
    ),
  ];
}
