import * as pulumi from "@pulumi/pulumi";
import { ServerRole, type ServerRoleArgs } from "../../components/server-role";
import { census, document, make, only } from "./harness";

const build = (args: Partial<ServerRoleArgs> = {}) =>
  make(
    () =>
      void new ServerRole("r", {
        clusterName: "wgc-test",
        agentBucketArn: "arn:aws:s3:::bucket",
        agentKeyPrefix: "agent/",
        fileSystemArn: "arn:fs",
        registryAccessPointArn: "arn:registry",
        runtimeAccessPointArn: "arn:runtime",
        groupArn: "arn:group",
        monitoring: "full",
        tags: {},
        ...args,
      }),
  );

test("one role with one inline policy, no managed policy", async () => {
  const made = await build();
  expect(census(made)).toEqual({
    "aws:iam/instanceProfile:InstanceProfile": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 1,
  });
  expect(document(only(made, "aws:iam/role:Role").inputs.assumeRolePolicy)).toEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "ServiceTakesRole",
        Effect: "Allow",
        Principal: { Service: "ec2.amazonaws.com" },
        Action: "sts:AssumeRole",
      },
    ],
  });
  expect(only(made, "aws:iam/instanceProfile:InstanceProfile").inputs.role).toBe("r-role");
});

test("a server may do exactly this", async () => {
  const { inputs } = only(await build(), "aws:iam/rolePolicy:RolePolicy");
  expect(document(inputs.policy)).toEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "OperatorSessions",
        Effect: "Allow",
        Action: [
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ],
        Resource: "*",
      },
      { Sid: "FetchAgent", Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/agent/*" },
      {
        Sid: "MountSharedStorage",
        Effect: "Allow",
        Action: "elasticfilesystem:ClientMount",
        Resource: "arn:fs",
        Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": ["arn:registry", "arn:runtime"] } },
      },
      {
        Sid: "WriteRecords",
        Effect: "Allow",
        Action: "elasticfilesystem:ClientWrite",
        Resource: "arn:fs",
        Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": "arn:runtime" } },
      },
      {
        Sid: "CompleteLifecycle",
        Effect: "Allow",
        Action: ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"],
        Resource: "arn:group",
      },
      {
        Sid: "SendMetrics",
        Effect: "Allow",
        Action: "cloudwatch:PutMetricData",
        Resource: "*",
        Condition: { StringEquals: { "cloudwatch:namespace": "wgc/wgc-test" } },
      },
    ],
  });
});

test("with routed addressing a server may also move routes in the named tables, and turn the check of its cluster's interfaces off", async () => {
  const routed = {
    place: { region: "eu-central-1", accountId: "123456789012", partition: "aws" },
    routeTableIds: ["rtb-1", "rtb-2"],
  };
  const statements = async (args: Partial<ServerRoleArgs>) =>
    document(only(await build(args), "aws:iam/rolePolicy:RolePolicy").inputs.policy).Statement;
  const before = await statements({});
  const after = await statements({ routed });
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.slice(before.length)).toEqual([
    {
      Sid: "CarryTunnelRange",
      Effect: "Allow",
      Action: ["ec2:CreateRoute", "ec2:ReplaceRoute"],
      Resource: [
        "arn:aws:ec2:eu-central-1:123456789012:route-table/rtb-1",
        "arn:aws:ec2:eu-central-1:123456789012:route-table/rtb-2",
      ],
    },
    { Sid: "ReadRoutes", Effect: "Allow", Action: "ec2:DescribeRouteTables", Resource: "*" },
    {
      Sid: "ForwardForClients",
      Effect: "Allow",
      Action: "ec2:ModifyNetworkInterfaceAttribute",
      Resource: "arn:aws:ec2:eu-central-1:123456789012:network-interface/*",
      Condition: {
        StringEquals: {
          "aws:ResourceTag/wgc:cluster": "wgc-test",
          "ec2:Attribute/SourceDestCheck": "false",
        },
      },
    },
  ]);
});

test("where operators have sessions, it adds to their log and takes up their keys, and nothing more", async () => {
  const sessionLog = { logGroupArn: pulumi.output("arn:log"), keyArn: pulumi.output("arn:key") };
  const statements = async (args: Partial<ServerRoleArgs>) =>
    document(only(await build(args), "aws:iam/rolePolicy:RolePolicy").inputs.policy).Statement;
  const before = await statements({});
  expect((await statements({ sessionLog })).slice(before.length)).toEqual([
    {
      Sid: "RecordSessions",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      Resource: "arn:log:*",
    },
    { Sid: "FindSessionLog", Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
    { Sid: "DecryptSessions", Effect: "Allow", Action: "kms:Decrypt", Resource: "arn:key" },
  ]);
});
