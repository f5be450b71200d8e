import type { JsonObject } from "../../plan";
import { call, type Mapping, type Mappings, type Take, tagSpecification } from "./call";

/** VPC, subnets, routes, addresses and security groups. */
export const networkCalls: Mappings = {
  "aws:ec2/vpc:Vpc": (take) => {
    const VpcId = "vpc-0123456789abcdef0";
    return [
      call("ec2", "CreateVpc", {
        ...take.pascal("cidrBlock", "instanceTenancy"),
        ...tagSpecification("vpc", take.tags()),
      }),
      call("ec2", "ModifyVpcAttribute", { VpcId, EnableDnsSupport: attribute(take, "enableDnsSupport") }),
      call("ec2", "ModifyVpcAttribute", { VpcId, EnableDnsHostnames: attribute(take, "enableDnsHostnames") }),
    ];
  },
  "aws:ec2/subnet:Subnet": (take) => [
    call("ec2", "CreateSubnet", {
      ...take.pascal("availabilityZone", "cidrBlock", "vpcId"),
      ...tagSpecification("subnet", take.tags()),
    }),
    call("ec2", "ModifySubnetAttribute", {
      SubnetId: "subnet-0123456789abcdef0",
      MapPublicIpOnLaunch: attribute(take, "mapPublicIpOnLaunch"),
    }),
  ],
  "aws:ec2/internetGateway:InternetGateway": (take) => [
    call("ec2", "CreateInternetGateway", tagSpecification("internet-gateway", take.tags())),
    call("ec2", "AttachInternetGateway", {
      ...take.pascal("vpcId"),
      InternetGatewayId: "igw-0123456789abcdef0",
    }),
  ],
  "aws:ec2/natGateway:NatGateway": (take) => [
    call("ec2", "CreateNatGateway", {
      ...take.pascal("allocationId", "connectivityType", "subnetId"),
      ...tagSpecification("natgateway", take.tags()),
    }),
  ],
  "aws:ec2/routeTable:RouteTable": (take) => [
    call("ec2", "CreateRouteTable", {
      ...take.pascal("vpcId"),
      ...tagSpecification("route-table", take.tags()),
    }),
  ],
  "aws:ec2/route:Route": (take) => [
    call(
      "ec2",
      "CreateRoute",
      take.pascal("destinationCidrBlock", "gatewayId", "natGatewayId", "routeTableId"),
    ),
  ],
  "aws:ec2/routeTableAssociation:RouteTableAssociation": (take) => [
    call("ec2", "AssociateRouteTable", take.pascal("routeTableId", "subnetId")),
  ],
  "aws:ec2/eip:Eip": (take) => [
    call("ec2", "AllocateAddress", {
      ...take.pascal("domain"),
      ...tagSpecification("elastic-ip", take.tags()),
    }),
  ],
  "aws:ec2/vpcEndpoint:VpcEndpoint": (take) => [
    call("ec2", "CreateVpcEndpoint", {
      ...take.pascal("privateDnsEnabled", "routeTableIds", "securityGroupIds", "serviceName", "subnetIds"),
      ...take.pascal("vpcEndpointType", "vpcId"),
      PolicyDocument: take.value("policy"),
      ...tagSpecification("vpc-endpoint", take.tags()),
    }),
  ],
  "aws:ec2/flowLog:FlowLog": (take) => [
    call("ec2", "CreateFlowLogs", {
      ...take.pascal("logDestination", "logDestinationType", "maxAggregationInterval", "trafficType"),
      DeliverLogsPermissionArn: take.value("iamRoleArn"),
      ResourceIds: take.list("vpcId"),
      ResourceType: "VPC",
      ...tagSpecification("vpc-flow-log", take.tags()),
    }),
  ],
  "aws:ec2/securityGroup:SecurityGroup": (take) => [
    call("ec2", "CreateSecurityGroup", {
      GroupName: take.value("name"),
      ...take.pascal("description", "vpcId"),
      ...tagSpecification("security-group", take.tags()),
    }),
  ],
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule((input) =>
    call("ec2", "AuthorizeSecurityGroupIngress", input),
  ),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule((input) =>
    call("ec2", "AuthorizeSecurityGroupEgress", input),
  ),
};

/** EC2 wraps each attribute of a VPC or subnet. */
function attribute(take: Take, name: string): JsonObject | undefined {
  const Value = take.value(name);
  return Value === undefined ? undefined : { Value };
}

function rule(make: (input: JsonObject) => ReturnType<typeof call>): Mapping {
  return (take) => {
    const Description = take.value("description");
    const text = Description === undefined ? {} : { Description };
    const range = take.value("cidrIpv4");
    const group = take.value("referencedSecurityGroupId");
    const list = take.value("prefixListId");
    return [
      make({
        GroupId: take.value("securityGroupId") ?? null,
        IpPermissions: [
          {
            ...take.pascal("fromPort", "ipProtocol", "toPort"),
            ...(range === undefined ? {} : { IpRanges: [{ CidrIp: range, ...text }] }),
            ...(group === undefined ? {} : { UserIdGroupPairs: [{ GroupId: group, ...text }] }),
            ...(list === undefined ? {} : { PrefixListIds: [{ PrefixListId: list, ...text }] }),
          },
        ],
        ...tagSpecification("security-group-rule", take.tags()),
      }),
    ];
  };
}
