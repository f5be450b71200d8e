import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { mergeTags, type Place, policy, type Tags, trust } from "./support";

export interface ControlRoleArgs {
  readonly clusterName: string;
  readonly place: Place;
  readonly functionName: string;
  readonly logGroupArn: pulumi.Input<string>;
  readonly fileSystemArn: pulumi.Input<string>;
  readonly registryAccessPointArn: pulumi.Input<string>;
  readonly tags: Tags;
}

/**
 * What Lambda does with the function's role to connect it to the VPC: the actions of AWSLambdaVPCAccessExecutionRole
 * (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html) without those for logs.
 */
const INTERFACE_ACTIONS = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
] as const;

/** What the control function may do in AWS. **Cost**: none. */
export class ControlRole extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  /** Lambda refuses to make a function whose role cannot make network interfaces. */
  readonly rights: aws.iam.RolePolicy;

  constructor(name: string, args: ControlRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("wgc:index:ControlRole", name, { clusterName: args.clusterName }, opts);
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        description: `wgc ${args.clusterName}: control function`,
        assumeRolePolicy: trust("lambda.amazonaws.com"),
        tags: mergeTags(args.tags, { Name: args.functionName }),
      },
      { parent: this },
    );
    this.rights = new aws.iam.RolePolicy(
      `${name}-policy`,
      { role: role.name, policy: controlPolicy(args) },
      { parent: this },
    );
    this.arn = role.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

function controlPolicy(args: ControlRoleArgs): pulumi.Output<string> {
  const { region, accountId, partition } = args.place;
  const itself = pulumi.interpolate`arn:${partition}:lambda:${region}:${accountId}:function:${args.functionName}`;
  return policy(
    // Lambda asks for all resources here: describing knows no others, and with single ones it may fail to remove its interfaces
    // (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
    { Sid: "ConnectToVpc", Effect: "Allow", Action: INTERFACE_ACTIONS, Resource: "*" },
    // The service needs these rights, the code does not: only calls from inside the function carry its ARN (same page).
    {
      Sid: "DenyInterfacesToCode",
      Effect: "Deny",
      Action: INTERFACE_ACTIONS,
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": itself } },
    },
    // Into its own log group and no other; the group is made by the deployment.
    {
      Sid: "WriteLog",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: pulumi.interpolate`${args.logGroupArn}:*`,
    },
    // The registry, through its access point; the servers' records are a folder in it.
    {
      Sid: "MountRegistry",
      Effect: "Allow",
      Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
      Resource: args.fileSystemArn,
      Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": args.registryAccessPointArn } },
    },
  );
}
