import * as pulumi from "@pulumi/pulumi";
import { ServerRole } from "../../components/server-role";
import { census, document, make, only } from "./harness";

const build = (sessionLog?: { logGroupArn: pulumi.Output<string>; keyArn: pulumi.Output<string> }) =>
  make(
    () =>
      void new ServerRole("r", {
        sessionLog,
        clusterName: "wgc-test",
        agentBucketArn: "arn:aws:s3:::bucket",
        agentKeyPrefix: "agent/",
        fileSystemArn: "arn:fs",
        registryAccessPointArn: "arn:registry",
        runtimeAccessPointArn: "arn:runtime",
        tags: {},
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
    ],
  });
});

test("where operators have sessions, it adds to their log and takes up their keys, and nothing more", async () => {
  const log = { logGroupArn: pulumi.output("arn:log"), keyArn: pulumi.output("arn:key") };
  const { inputs } = only(await build(log), "aws:iam/rolePolicy:RolePolicy");
  expect(document(inputs.policy).Statement.slice(4)).toEqual([
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
