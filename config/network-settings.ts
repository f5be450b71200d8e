import { integer, numberOf, oneOf, range, text, textList } from "./values";

/** Retention times that CloudWatch Logs accepts (PutRetentionPolicy, retentionInDays). */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Settings of the network that the cluster stands in, its own or one that exists already. */
export const networkSettings = {
  vpcCidr: range(16, 24, {
    default: "10.0.0.0/16",
    example: "10.0.0.0/16",
    description: "Address range of the VPC.",
  }),
  availabilityZoneCount: integer(2, 4, {
    default: "3",
    example: "3",
    description:
      "Availability zones to spread over, the first ones of the region; each costs one public IPv4 address ($3.65 a month).",
  }),
  availabilityZones: textList(/^[a-z]{2}(-[a-z]+)+-\d+[a-z]$/, "availability zone names like us-east-1a", {
    default: "",
    example: "us-east-1a,us-east-1b",
    description:
      "Names of the availability zones, where the first ones of the region are not wanted; as many as availabilityZoneCount.",
  }),
  nodeSubnets: oneOf(["public", "private"], {
    default: "public",
    example: "public",
    description:
      "Where servers stand; private needs natGateways (or vpcId, whose routes are its owner's), which add $0.045 per GB to all client traffic to the internet.",
  }),
  natGateways: oneOf(["none", "single", "onePerAz"], {
    default: "none",
    example: "none",
    description:
      "NAT gateways for the private subnets, $32.85 a month each and $0.045 per GB; single is a single point of failure.",
  }),
  interfaceEndpoints: textList(
    /^(autoscaling|ec2|kms|logs|monitoring|ssm|ssmmessages)$/,
    "services out of autoscaling, ec2, kms, logs, monitoring, ssm, ssmmessages",
    {
      default: "",
      example: "ssm,ssmmessages,kms,logs",
      description:
        "Services that are reached inside the VPC, $7.30 a month for each service and zone and $0.01 per GB; ssm, ssmmessages, kms and logs are what operators' sessions need.",
    },
  ),
  vpcId: text(/^vpc-[0-9a-f]{8,17}$/, "a VPC's id like vpc-0123456789abcdef0", {
    default: "",
    example: "vpc-0123456789abcdef0",
    description:
      "A VPC that exists already, instead of one of the program's own; its range is vpcCidr. Needs publicSubnetIds and privateSubnetIds. Not changeable after the first deployment.",
  }),
  publicSubnetIds: textList(/^subnet-[0-9a-f]{8,17}$/, "subnet ids like subnet-0123456789abcdef0", {
    default: "",
    example: "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    description: "Public subnets of vpcId, one a zone, as many as availabilityZoneCount.",
  }),
  privateSubnetIds: textList(/^subnet-[0-9a-f]{8,17}$/, "subnet ids like subnet-0123456789abcdef0", {
    default: "",
    example: "subnet-0123456789abcdef2,subnet-0123456789abcdef3",
    description: "Private subnets of vpcId, in the same zones and order as publicSubnetIds.",
  }),
  flowLogRetentionDays: numberOf(RETENTION_DAYS, {
    default: "30",
    example: "30",
    description: "Days to keep VPC flow logs, the control function's log and the log of operators' sessions.",
  }),
} as const;
