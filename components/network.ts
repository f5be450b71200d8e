import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import { type ExistingVpcArgs, existingVpc } from "./existing-vpc";
import { type ZonedRouteTable, zonedRouteTables } from "./route-tables";
import { type SubnetLayout, subnetLayout } from "./subnet-layout";
import { at, mergeTags, type Place, policy, refuse, type Tags, trust } from "./support";
import { interfaceEndpoints } from "./vpc-endpoints";

/** NAT gateways for the private subnets. */
export type NatGateways = "none" | "single" | "onePerAz";

export interface NetworkArgs extends ExistingVpcArgs {
  /** Name of the cluster in tags and log groups. Example: `wgc-prod`. */
  readonly clusterName: string;
  readonly place: Place;
  /** A VPC that exists already, and one public and one private subnet a zone in it; empty for one of the cluster's own. */
  readonly vpcId: string;
  readonly publicSubnetIds: readonly string[];
  readonly privateSubnetIds: readonly string[];
  /** Address range of the VPC, /16 to /24. Default in the stack's settings: `10.0.0.0/16`. */
  readonly vpcCidr: string;
  /** Zones to spread over, 2 to 4; each costs one public address of the load balancer ($3.65 a month). Default 3. */
  readonly availabilityZoneCount: number;
  /** Names of the zones, where the region's first ones are not wanted. Example: `["us-east-1a", "us-east-1c"]`. Default: the first. */
  readonly availabilityZones: readonly string[];
  /** $32.85 a month each and $0.045 per GB; `single` is cheaper and a single point of failure. Default `none`. */
  readonly natGateways: NatGateways;
  /** Services with an endpoint in the private subnets, $7.30 a month for each and zone. Example: `["ssm"]`. Default none. */
  readonly interfaceEndpoints: readonly string[];
  /** Days to keep flow logs ($0.50 per GB written, $0.03 per GB and month kept). Default 30. */
  readonly flowLogRetentionDays: number;
  readonly tags: Tags;
}

const NAT_STRATEGY = { none: "None", single: "Single", onePerAz: "OnePerAz" } as const;

/**
 * The VPC: a public and a private subnet in each zone, an S3 gateway endpoint and flow logs, and interface endpoints where they are
 * wanted. A VPC that exists already is looked at and left as it is: its routes, its gateway endpoints and its flow logs are its owner's.
 *
 * **Cost**: nothing by itself; NAT gateways, interface endpoints and flow logs as their arguments say.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** One public subnet a zone, in zone order. */
  readonly publicSubnetIds: readonly pulumi.Output<string>[];
  /** One private subnet a zone, in zone order. */
  readonly privateSubnetIds: readonly pulumi.Output<string>[];
  /** The program's own route tables: each subnet has its own, so that each zone's may point at a server of that zone. */
  readonly routeTables: readonly ZonedRouteTable[];
  /** Routes to the internet and endpoints exist once these are known; whatever boots with a need for them waits. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    const zones = args.availabilityZoneCount;
    const named = args.availabilityZones;
    refuse("Network", [
      ["availabilityZones", named.length > 0 && named.length !== zones, `must name ${zones} zones or none`],
      ["natGateways", !(args.natGateways in NAT_STRATEGY), "must be none, single or onePerAz"],
    ]);
    // Its own message comes before any resource exists.
    const layout = args.vpcId === "" ? subnetLayout(args.vpcCidr, zones) : undefined;
    super("wgc:index:Network", name, { vpcCidr: args.vpcCidr, availabilityZoneCount: zones }, opts);
    const vpc = layout === undefined ? undefined : this.ownVpc(name, args, layout);
    const perZone = (ids: pulumi.Output<string[]>) =>
      Array.from({ length: zones }, (_, index) => at(ids, index));
    const ids =
      vpc === undefined
        ? existingVpc(args, this)
        : {
            vpcId: vpc.vpcId,
            publicSubnetIds: perZone(vpc.publicSubnetIds),
            privateSubnetIds: perZone(vpc.privateSubnetIds),
          };
    this.vpcId = ids.vpcId;
    this.publicSubnetIds = ids.publicSubnetIds;
    this.privateSubnetIds = ids.privateSubnetIds;
    this.routeTables = vpc === undefined ? [] : zonedRouteTables(vpc, 2 * zones);
    if (vpc !== undefined) {
      this.addGatewayEndpoint(name, args, vpc);
      this.addFlowLogs(name, args);
    }
    const endpoints = interfaceEndpoints(
      name,
      {
        ...args,
        region: args.place.region,
        vpcId: this.vpcId,
        subnetIds: this.privateSubnetIds,
        services: args.interfaceEndpoints,
      },
      { parent: this },
    );
    this.ready = [...(vpc === undefined ? [] : [vpc]), ...endpoints];
    this.registerOutputs({
      vpcId: this.vpcId,
      publicSubnetIds: this.publicSubnetIds,
      privateSubnetIds: this.privateSubnetIds,
    });
  }

  private ownVpc(name: string, args: NetworkArgs, layout: SubnetLayout): awsx.ec2.Vpc {
    const named = args.availabilityZones;
    return new awsx.ec2.Vpc(
      name,
      {
        cidrBlock: args.vpcCidr,
        ...(named.length > 0
          ? { availabilityZoneNames: [...named] }
          : { numberOfAvailabilityZones: args.availabilityZoneCount }),
        // EFS mount targets and SSM are found by name.
        enableDnsHostnames: true,
        enableDnsSupport: true,
        natGateways: { strategy: NAT_STRATEGY[args.natGateways] },
        subnetStrategy: "Auto",
        // Ranges are given and not left to awsx, so that one more zone moves no existing subnet.
        subnetSpecs: [
          { type: "Public", cidrBlocks: [...layout.publicRanges] },
          { type: "Private", cidrBlocks: [...layout.privateRanges] },
        ],
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this },
    );
  }

  /**
   * S3 without NAT charges: the agent and the packages of Amazon Linux come from there. The endpoint keeps its full-access policy,
   * because traffic of clients to any bucket takes the same route tables.
   */
  private addGatewayEndpoint(name: string, args: NetworkArgs, vpc: awsx.ec2.Vpc): void {
    new aws.ec2.VpcEndpoint(
      `${name}-s3`,
      {
        vpcId: this.vpcId,
        serviceName: `com.amazonaws.${args.place.region}.s3`,
        vpcEndpointType: "Gateway",
        routeTableIds: vpc.routeTables.apply((tables) => pulumi.all(tables.map((table) => table.id))),
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-s3` }),
      },
      { parent: this },
    );
  }

  private addFlowLogs(name: string, args: NetworkArgs): void {
    const { region, accountId, partition } = args.place;
    const group = new aws.cloudwatch.LogGroup(
      `${name}-flow-logs`,
      {
        name: `/wgc/${args.clusterName}/flow-logs`,
        retentionInDays: args.flowLogRetentionDays,
        tags: mergeTags(args.tags),
      },
      { parent: this },
    );
    const role = new aws.iam.Role(
      `${name}-flow-logs-role`,
      {
        // Only flow logs of this account and region may use the role (the confused deputy:
        // https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html).
        assumeRolePolicy: trust("vpc-flow-logs.amazonaws.com", {
          StringEquals: { "aws:SourceAccount": accountId },
          ArnLike: {
            "aws:SourceArn": pulumi.interpolate`arn:${partition}:ec2:${region}:${accountId}:vpc-flow-log/*`,
          },
        }),
        tags: mergeTags(args.tags),
      },
      { parent: this },
    );
    const rights = new aws.iam.RolePolicy(
      `${name}-flow-logs-policy`,
      {
        role: role.name,
        policy: policy(
          // Writes records into this cluster's log group and no other.
          {
            Sid: "WriteRecords",
            Effect: "Allow",
            Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            Resource: pulumi.interpolate`${group.arn}:*`,
          },
          // The service looks for its log group by listing; the action knows no narrower resource.
          { Sid: "FindLogGroup", Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
        ),
      },
      { parent: this },
    );
    new aws.ec2.FlowLog(
      `${name}-flow-log`,
      {
        vpcId: this.vpcId,
        trafficType: "ALL",
        logDestinationType: "cloud-watch-logs",
        logDestination: group.arn,
        iamRoleArn: role.arn,
        // Nitro instances report every minute whatever is asked for, so this says what happens.
        maxAggregationInterval: 60,
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this, dependsOn: [rights] },
    );
  }
}
