import * as pulumi from "@pulumi/pulumi";
import type { Place, PolicyStatement } from "./support";

/** What servers need to know to route for clients. */
export interface RoutedRightsArgs {
  readonly place: Place;
  /** Route tables that carry the tunnel range to a server. */
  readonly routeTableIds: readonly pulumi.Input<string>[];
}

/**
 * What a server may do for routed addressing. A right to change a route covers a whole table: EC2 knows no condition on the destination
 * (service authorization reference, CreateRoute and ReplaceRoute), so the tables are named one by one.
 *
 * An interface forwards for others only without the check of source and destination, which no launch template can turn off. The same call
 * could change an interface's security groups, therefore the condition on the attribute
 * (EC2 user guide, "ec2:Attribute condition key").
 */
export function routedRights(clusterName: string, args: RoutedRightsArgs): readonly PolicyStatement[] {
  const { partition, region, accountId } = args.place;
  const arn = (resource: pulumi.Input<string>) =>
    pulumi.interpolate`arn:${partition}:ec2:${region}:${accountId}:${resource}`;
  return [
    {
      Sid: "CarryTunnelRange",
      Effect: "Allow",
      Action: ["ec2:CreateRoute", "ec2:ReplaceRoute"],
      Resource: args.routeTableIds.map((id) => arn(pulumi.interpolate`route-table/${id}`)),
    },
    // The action knows no narrower resource.
    { Sid: "ReadRoutes", Effect: "Allow", Action: "ec2:DescribeRouteTables", Resource: "*" },
    {
      Sid: "ForwardForClients",
      Effect: "Allow",
      Action: "ec2:ModifyNetworkInterfaceAttribute",
      Resource: arn("network-interface/*"),
      Condition: {
        StringEquals: {
          "aws:ResourceTag/wgc:cluster": clusterName,
          "ec2:Attribute/SourceDestCheck": "false",
        },
      },
    },
  ];
}
