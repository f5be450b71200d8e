import { ec2Id, ec2Standin, handle, type Standin, type StandinContext, text } from "./standin";

/** `…-2`, `…-b` and `…-us-east-1b` all mean the second; 0 when the name says nothing. */
export function ordinalOf(name: string): number {
  const digits = /-(\d{1,2})$/.exec(name)?.[1];
  if (digits !== undefined) return Number(digits);
  const letter = /(?:-|\d)([a-h])$/.exec(name)?.[1];
  return letter === undefined ? 0 : letter.charCodeAt(0) - "a".charCodeAt(0) + 1;
}

/**
 * Elastic IPs of the endpoint are 192.0.2.10, .20, .30 … by zone, those of NAT gateways 198.51.100.10 … (both ranges are for
 * documentation, RFC 5737). NAT gateways' addresses are told apart by their parent: awsx puts them under a subnet.
 */
function publicAddress(context: StandinContext): string {
  const network = context.parent.includes("aws:ec2/subnet:Subnet::") ? "198.51.100" : "192.0.2";
  const ordinal = ordinalOf(context.name) || (Number.parseInt(context.hex(4), 16) % 10) + 11;
  return `${network}.${context.claim(`eip ${network}`, ordinal * 10) % 256}`;
}

const eip: Standin = (_inputs, context) => {
  const id = ec2Id("eipalloc", context);
  const publicIp = publicAddress(context);
  return {
    id,
    outputs: {
      allocationId: id,
      publicIp,
      publicDns: `ec2-${publicIp.replaceAll(".", "-")}.compute-1.amazonaws.com`,
      arn: context.arn("ec2", `elastic-ip/${id}`),
      domain: "vpc",
    },
  };
};

export const network: Readonly<Record<string, Standin>> = {
  "aws:ec2/vpc:Vpc": ec2Standin("vpc", "vpc", (_id, _inputs, context) => ({
    mainRouteTableId: `rtb-${context.hex(17, "main")}`,
    defaultRouteTableId: `rtb-${context.hex(17, "main")}`,
    defaultSecurityGroupId: `sg-${context.hex(17, "default")}`,
    defaultNetworkAclId: `acl-${context.hex(17, "default")}`,
    dhcpOptionsId: `dopt-${context.hex(17, "dhcp")}`,
  })),
  "aws:ec2/subnet:Subnet": ec2Standin("subnet", "subnet"),
  "aws:ec2/internetGateway:InternetGateway": ec2Standin("igw", "internet-gateway"),
  "aws:ec2/routeTable:RouteTable": ec2Standin("rtb", "route-table"),
  "aws:ec2/route:Route": handle("r-rtb", () => ({ state: "active", origin: "CreateRoute" })),
  "aws:ec2/routeTableAssociation:RouteTableAssociation": handle("rtbassoc"),
  "aws:ec2/eip:Eip": eip,
  "aws:ec2/natGateway:NatGateway": ec2Standin("nat", "natgateway", (_id, _inputs, context) => ({
    networkInterfaceId: `eni-${context.hex(17, "eni")}`,
  })),
  "aws:ec2/securityGroup:SecurityGroup": ec2Standin("sg", "security-group"),
  "aws:ec2/securityGroupRule:SecurityGroupRule": handle("sgrule", (_id, _inputs, context) => ({
    securityGroupRuleId: `sgr-${context.hex(17)}`,
  })),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ec2Standin(
    "sgr",
    "security-group-rule",
    (id) => ({
      securityGroupRuleId: id,
    }),
  ),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ec2Standin(
    "sgr",
    "security-group-rule",
    (id) => ({
      securityGroupRuleId: id,
    }),
  ),
  "aws:ec2/vpcEndpoint:VpcEndpoint": ec2Standin("vpce", "vpc-endpoint", (_id, _inputs, context) => ({
    prefixListId: `pl-${context.hex(8)}`,
    state: "available",
  })),
  "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation": handle("a-vpce"),
  "aws:ec2/flowLog:FlowLog": ec2Standin("fl", "vpc-flow-log"),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ec2Standin("sg", "security-group"),
  "aws:route53/record:Record": (inputs, context) => {
    const name = text(inputs, "name");
    return {
      id: `${text(inputs, "zoneId")}_${name}_${text(inputs, "type")}_${context.hex(4)}`,
      outputs: { fqdn: name },
    };
  },
};
