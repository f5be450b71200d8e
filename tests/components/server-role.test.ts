import { ServerRole } from "../../components/server-role";
import { census, document, make, only } from "./harness";

const build = () =>
  make(
    () =>
      void new ServerRole("r", {
        clusterName: "wgc-test",
        agentBucketArn: "arn:aws:s3:::bucket",
        agentKeyPrefix: "agent/",
        fileSystemArn: "arn:fs",
        registryAccessPointArn: "arn:registry",
        runtimeAccessPointArn: "arn:runtime",
        monitoring: "full",
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
