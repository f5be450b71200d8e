import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import { type ZonedRouteTable, zonedRouteTables } from "./route-tables";
import { subnetLayout } from "./subnet-layout";
import { at, mergeTags, type Place, policy, refuse, type Tags, trust } from "./support";

/** NAT gateways for the private subnets. */
export type NatGateways = "none" | "single" | "onePerAz";

export interface NetworkArgs {
  /** Name of the cluster in tags and log groups. Example: `wgc-prod`. */
  readonly clusterName: string;
  readonly place: Place;
  /** Address range of the VPC, /16 to /24. Default in the stack's settings: `10.0.0.0/16`. */
  readonly vpcCidr: string;
  /** Zones to spread over, 2 to 4; each costs one public address of the load balancer ($3.65 a month). Default 3. */
  readonly availabilityZoneCount: number;
  /** Names of the zones, where the region's first ones are not wanted. Example: `["us-east-1a", "us-east-1c"]`. Default: the first. */
  readonly availabilityZones: readonly string[];
  /** $32.85 a month each and $0.045 per GB; `single` is cheaper and a single point of failure. Default `none`. */
  readonly natGateways: NatGateways;
  /** Days to keep flow logs ($0.50 per GB written, $0.03 per GB and month kept). Default 30. */
  readonly flowLogRetentionDays: number;
  readonly tags: Tags;
}

const NAT_STRATEGY = { none: "None", single: "Single", onePerAz: "OnePerAz" } as const;

/**
 * The VPC: a public and a private subnet in each zone, an S3 gateway endpoint and flow logs.
 *
 * **Cost**: nothing by itself; NAT gateways and flow logs as their arguments say.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** One public subnet a zone, in zone order. */
  readonly publicSubnetIds: readonly pulumi.Output<string>[];
  /** One private subnet a zone, in zone order. */
  readonly privateSubnetIds: readonly pulumi.Output<string>[];
  /** The route tables of all subnets: each subnet has its own, so that each zone's may point at a server of that zone. */
  readonly routeTables: readonly ZonedRouteTable[];
  /** Default routes to the internet exist once this is known; whatever boots with a need for the internet waits for it. */
  readonly vpc: awsx.ec2.Vpc;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    const zones = args.availabilityZoneCount;
    const named = args.availabilityZones;
    refuse("Network", [
      ["availabilityZones", named.length > 0 && named.length !== zones, `must name ${zones} zones or none`],
      ["natGateways", !(args.natGateways in NAT_STRATEGY), "must be none, single or onePerAz"],
    ]);
    const layout = subnetLayout(args.vpcCidr, zones);
    super("wgc:index:Network", name, { vpcCidr: args.vpcCidr, availabilityZoneCount: zones }, opts);

    this.vpc = new awsx.ec2.Vpc(
      name,
      {
        cidrBlock: args.vpcCidr,
        ...(named.length > 0 ? { availabilityZoneNames: [...named] } : { numberOfAvailabilityZones: zones }),
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
    this.vpcId = this.vpc.vpcId;
    const perZone = (ids: pulumi.Output<string[]>) =>
      Array.from({ length: zones }, (_, index) => at(ids, index));
    this.publicSubnetIds = perZone(this.vpc.publicSubnetIds);
    this.privateSubnetIds = perZone(this.vpc.privateSubnetIds);
    this.routeTables = zonedRouteTables(this.vpc, 2 * zones);

    this.addGatewayEndpoint(name, args);
    this.addFlowLogs(name, args);
    this.registerOutputs({
      vpcId: this.vpcId,
      publicSubnetIds: this.publicSubnetIds,
      privateSubnetIds: this.privateSubnetIds,
    });
  }

  /**
   * S3 without NAT charges: the agent and the packages of Amazon Linux come from there. The endpoint keeps its full-access policy,
   * because traffic of clients to any bucket takes the same route tables.
   */
  private addGatewayEndpoint(name: string, args: NetworkArgs): void {
    new aws.ec2.VpcEndpoint(
      `${name}-s3`,
      {
        vpcId: this.vpcId,
        serviceName: `com.amazonaws.${args.place.region}.s3`,
        vpcEndpointType: "Gateway",
        routeTableIds: this.vpc.routeTables.apply((tables) => pulumi.all(tables.map((table) => table.id))),
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
