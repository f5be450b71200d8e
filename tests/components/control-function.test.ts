import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { ControlFunction, type ControlFunctionArgs, publicKeyIn } from "../../components/control-function";
import { inputs as protocol } from "../../control/protocol";
import { arn, census, document, make, only } from "./harness";

const folder = mkdtempSync(join(tmpdir(), "wgc-control-"));
writeFileSync(join(folder, "lambda.ts"), "export const handler = async () => 1;\n");
const INVOCATION = "aws:lambda/invocation:Invocation";
const ARGS: ControlFunctionArgs = {
  clusterName: "wgc-test",
  place: { region: "eu-central-1", accountId: "123456789012", partition: "aws" },
  vpcId: "vpc-1",
  subnetIds: ["priv-1", "priv-2"],
  fileSystemArn: "arn:fs",
  fileSystemSecurityGroupId: "sg-efs",
  registryAccessPointArn: "arn:registry",
  startsAfter: [],
  entry: join(folder, "lambda.ts"),
  outputFolder: join(folder, "out"),
  concurrency: 5,
  logRetentionDays: 30,
  cluster: {
    cluster: "wgc-test",
    endpoint: pulumi.output("vpn.example.com:51820"),
    tunnelIpv4: "10.100.0.0/16",
    dns: ["10.0.0.2"],
    routes: ["10.0.0.0/16"],
    mtu: 1420,
    persistentKeepalive: 25,
  },
  tags: { Owner: "net" },
};
const build = (args: Partial<ControlFunctionArgs> = {}) =>
  make(() => void new ControlFunction("c", { ...ARGS, ...args }));

test("one function, its log, role and security group, and one call: no address, no permission for others", async () => {
  expect(census(await build())).toEqual({
    "aws:cloudwatch/logGroup:LogGroup": 1,
    "aws:ec2/securityGroup:SecurityGroup": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 1,
    "aws:lambda/function:Function": 1,
    [INVOCATION]: 1,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 1,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 1,
  });
});

test("the function mounts the registry inside the VPC and knows where", async () => {
  const made = await build();
  const { code, ...inputs } = only(made, "aws:lambda/function:Function").inputs;
  expect(inputs).toEqual({
    name: "wgc-test-control",
    description: "wgc wgc-test: changes the registry of clients",
    role: arn("c-rights-role"),
    runtime: "nodejs24.x",
    architectures: ["arm64"],
    handler: "index.handler",
    memorySize: 512,
    timeout: 900,
    reservedConcurrentExecutions: 5,
    vpcConfig: { subnetIds: ["priv-1", "priv-2"], securityGroupIds: ["c-sg-id"] },
    fileSystemConfig: { arn: "arn:registry", localMountPath: "/mnt/registry" },
    environment: { variables: { WGC_REGISTRY: "/mnt/registry", UV_THREADPOOL_SIZE: "32" } },
    loggingConfig: { logFormat: "JSON", logGroup: "/wgc/wgc-test/control" },
    tracingConfig: { mode: "PassThrough" },
    tags: { Owner: "net", Name: "wgc-test-control" },
  });
  expect(only(made, "aws:cloudwatch/logGroup:LogGroup").inputs).toMatchObject({
    name: "/wgc/wgc-test/control",
    retentionInDays: 30,
  });
  const archive = (await (code as pulumi.asset.AssetArchive).assets) as Record<
    string,
    pulumi.asset.FileAsset
  >;
  expect(Object.keys(archive)).toEqual(["index.js"]);
  const file = String(await archive["index.js"]?.path);
  const content = readFileSync(file);
  expect(file.endsWith(`/${createHash("sha256").update(content).digest("hex")}.js`)).toBe(true);
  const program = { exports: {} as Record<string, unknown> };
  new Function("module", "exports", content.toString())(program, program.exports);
  expect(program.exports["handler"]).toEqual(expect.any(Function));
});

test("no concurrency is reserved where the account has none to spare", async () => {
  const { inputs } = only(await build({ concurrency: 0 }), "aws:lambda/function:Function");
  expect("reservedConcurrentExecutions" in inputs).toBe(false);
});

test("it exists only when it can write its log, mount, and be refused what its code must not do", async () => {
  const made = await make(() => {
    const target = new aws.efs.MountTarget("mount", { fileSystemId: "fs-1", subnetId: "priv-1" });
    new ControlFunction("c", { ...ARGS, startsAfter: [target] });
  });
  expect(only(made, "aws:lambda/function:Function").dependencies).toEqual(
    expect.arrayContaining(["c-log", "c-rights-policy", "c-storage-in", "c-storage-out", "mount"]),
  );
});

test("the way to the file system is the only one, and both ends are open", async () => {
  const made = await build();
  expect(only(made, "aws:ec2/securityGroup:SecurityGroup").inputs).toMatchObject({ vpcId: "vpc-1" });
  const rule = { ipProtocol: "tcp", fromPort: 2049, toPort: 2049 };
  expect(only(made, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs).toMatchObject({
    ...rule,
    securityGroupId: "c-sg-id",
    referencedSecurityGroupId: "sg-efs",
  });
  expect(only(made, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs).toMatchObject({
    ...rule,
    securityGroupId: "sg-efs",
    referencedSecurityGroupId: "c-sg-id",
  });
});

test("the function may do exactly this", async () => {
  const made = await build();
  expect(document(only(made, "aws:iam/role:Role").inputs.assumeRolePolicy).Statement).toEqual([
    {
      Sid: "ServiceTakesRole",
      Effect: "Allow",
      Principal: { Service: "lambda.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  ]);
  const interfaces = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ];
  expect(document(only(made, "aws:iam/rolePolicy:RolePolicy").inputs.policy).Statement).toEqual([
    { Sid: "ConnectToVpc", Effect: "Allow", Action: interfaces, Resource: "*" },
    {
      Sid: "DenyInterfacesToCode",
      Effect: "Deny",
      Action: interfaces,
      Resource: "*",
      Condition: {
        ArnEquals: {
          "lambda:SourceFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:wgc-test-control",
        },
      },
    },
    {
      Sid: "WriteLog",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${arn("c-log")}:*`,
    },
    {
      Sid: "MountRegistry",
      Effect: "Allow",
      Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
      Resource: "arn:fs",
      Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": "arn:registry" } },
    },
  ]);
});

test("the deployment calls init with what the protocol wants; another setting, folder or code calls it again", async () => {
  const call = async (args: Partial<ControlFunctionArgs> = {}) => only(await build(args), INVOCATION).inputs;
  const first = await call();
  const request = JSON.parse(first.input);
  expect({ ...request, input: {} }).toEqual({ version: 1, operation: "init", input: {} });
  expect(protocol.init.parse(request.input).cluster).toEqual({
    cluster: "wgc-test",
    endpoint: "vpn.example.com:51820",
    tunnelIpv4: "10.100.0.0/16",
    dns: ["10.0.0.2"],
    routes: ["10.0.0.0/16"],
    mtu: 1420,
    persistentKeepalive: 25,
  });
  expect(await call()).toEqual(first);
  expect((await call({ cluster: { ...ARGS.cluster, mtu: 1400 } })).input).not.toBe(first.input);
  expect((await call({ registryAccessPointArn: "arn:other" })).triggers.registry).toBe("arn:other");
  writeFileSync(join(folder, "newer.ts"), "export const handler = async () => 2;\n");
  expect((await call({ entry: join(folder, "newer.ts") })).triggers.code).not.toBe(first.triggers.code);
});

test("the public key is what the function answered", async () => {
  let key: Promise<string> | undefined;
  await make(() => {
    const { serverPublicKey } = new ControlFunction("c", ARGS);
    key = new Promise((resolve) => serverPublicKey.apply(resolve));
  });
  expect(await key).toBe("the public key");
});

test("an answer that is a failure ends the deployment with its words", () => {
  const error = {
    code: "conflict",
    message: "cluster.json: tunnelIpv4 cannot change",
    issues: [{ path: "input.cluster.mtu", message: "is too large" }],
    remedy: "restore it",
  };
  expect(() => publicKeyIn(JSON.stringify({ version: 1, ok: false, error }))).toThrow(
    new pulumi.RunError(
      "the control function could not prepare the registry: cluster.json: tunnelIpv4 cannot change; input.cluster.mtu is too large; restore it",
    ),
  );
});
