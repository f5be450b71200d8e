import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, list, text } from "../read";

const REQUIRED = ["Project", "Cluster", "Stack"] as const;
const GROUP = "aws:autoscaling/group:Group";
/** What can be tagged and costs money, holds data or opens a door; what hangs on one of these is found through it. */
const TYPES = new Set([
  "aws:autoscaling/group:Group",
  "aws:cloudwatch/eventRule:EventRule",
  "aws:cloudwatch/logGroup:LogGroup",
  "aws:cloudwatch/metricAlarm:MetricAlarm",
  "aws:ec2/eip:Eip",
  "aws:ec2/flowLog:FlowLog",
  "aws:ec2/internetGateway:InternetGateway",
  "aws:ec2/launchTemplate:LaunchTemplate",
  "aws:ec2/natGateway:NatGateway",
  "aws:ec2/routeTable:RouteTable",
  "aws:ec2/securityGroup:SecurityGroup",
  "aws:ec2/subnet:Subnet",
  "aws:ec2/vpc:Vpc",
  "aws:ec2/vpcEndpoint:VpcEndpoint",
  "aws:efs/accessPoint:AccessPoint",
  "aws:efs/fileSystem:FileSystem",
  "aws:iam/instanceProfile:InstanceProfile",
  "aws:iam/policy:Policy",
  "aws:iam/role:Role",
  "aws:kms/key:Key",
  "aws:lambda/function:Function",
  "aws:lb/listener:Listener",
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:lb/targetGroup:TargetGroup",
  "aws:s3/bucket:Bucket",
  "aws:sns/topic:Topic",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
]);

/** Cost reports, cleanup and conditions in IAM go by these. */
export const requiredTags: ResourceValidationPolicy = {
  name: "required-tags",
  description: `Resources that cost, hold data or open a door have the tags ${REQUIRED.join(", ")}.`,
  enforcementLevel: "mandatory",
  remediationSteps: "Pass the component's tags on: tags: mergeTags(args.tags).",
  validateResource: ({ type, props }, report) => {
    if (!TYPES.has(type)) return;
    const missing = REQUIRED.filter((tag) => !valueOfTag(type, props, tag));
    if (missing.length > 0) report(`lacks the tag${missing.length > 1 ? "s" : ""} ${missing.join(", ")}`);
  },
};

function valueOfTag(type: string, props: unknown, tag: string): string | undefined {
  if (type !== GROUP) return text(field(props, "tags"), tag);
  return text(
    list(props, "tags").find((entry) => text(entry, "key") === tag),
    "value",
  );
}
