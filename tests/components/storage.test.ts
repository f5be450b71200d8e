import { Storage, type StorageArgs } from "../../components/storage";
import { all, arn, census, document, make, only } from "./harness";

const ARGS: StorageArgs = {
  clusterName: "wgc-test",
  place: { region: "eu-central-1", accountId: "123456789012", partition: "aws" },
  vpcId: "vpc-1",
  subnetIds: ["priv-1", "priv-2", "priv-3"],
  protect: false,
  tags: { Owner: "net" },
};
const build = (args: Partial<StorageArgs> = {}) => make(() => void new Storage("s", { ...ARGS, ...args }));

test("makes these resources and no others", async () => {
  expect(census(await build())).toEqual({
    "aws:ec2/securityGroup:SecurityGroup": 1,
    "aws:efs/accessPoint:AccessPoint": 2,
    "aws:efs/backupPolicy:BackupPolicy": 1,
    "aws:efs/fileSystem:FileSystem": 1,
    "aws:efs/fileSystemPolicy:FileSystemPolicy": 1,
    "aws:efs/mountTarget:MountTarget": 3,
    "aws:kms/alias:Alias": 1,
    "aws:kms/key:Key": 1,
  });
});

test("the file system is encrypted with the cluster's own key, backed up, and mounted in every zone behind one group", async () => {
  const made = await build();
  expect(only(made, "aws:efs/fileSystem:FileSystem").inputs).toEqual({
    encrypted: true,
    kmsKeyId: arn("s-key"),
    performanceMode: "generalPurpose",
    throughputMode: "bursting",
    tags: { Owner: "net", Name: "wgc-test" },
  });
  expect(only(made, "aws:efs/backupPolicy:BackupPolicy").inputs.backupPolicy).toEqual({ status: "ENABLED" });
  expect(all(made, "aws:efs/mountTarget:MountTarget").map(({ inputs }) => inputs)).toEqual(
    ["priv-1", "priv-2", "priv-3"].map((subnetId) => ({
      fileSystemId: "s-efs-id",
      subnetId,
      securityGroups: ["s-efs-sg-id"],
    })),
  );
});

test("the key is administered by the account and used by EFS only", async () => {
  const key = only(await build(), "aws:kms/key:Key").inputs;
  expect([key.enableKeyRotation, key.deletionWindowInDays]).toEqual([true, 30]);
  const [administer, use, ...more] = document(key.policy).Statement;
  expect(more).toEqual([]);
  const account = { AWS: "arn:aws:iam::123456789012:root" };
  expect({ ...administer, Action: [] }).toEqual({
    Sid: "AdministerKey",
    Effect: "Allow",
    Principal: account,
    Action: [],
    Resource: "*",
  });
  expect(
    administer.Action.filter((action: string) => /Encrypt|Decrypt|GenerateData|CreateGrant|\*$/.test(action)),
  ).toEqual(["kms:Describe*", "kms:Get*", "kms:List*"]);
  // What `pulumi up` and `pulumi destroy` do with it; KMS refuses a key whose policy could never be changed again.
  expect(administer.Action).toEqual(
    expect.arrayContaining([
      "kms:CancelKeyDeletion",
      "kms:EnableKeyRotation",
      "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateKeyDescription",
    ]),
  );
  expect(use).toEqual({
    Sid: "UseThroughFileSystem",
    Effect: "Allow",
    Principal: account,
    Action: ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    Resource: "*",
    Condition: {
      StringEquals: {
        "kms:CallerAccount": "123456789012",
        "kms:ViaService": "elasticfilesystem.eu-central-1.amazonaws.com",
      },
    },
  });
});

test("the file system refuses clear text, strangers, and every way around an access point or mount target", async () => {
  const { inputs } = only(await build(), "aws:efs/fileSystemPolicy:FileSystemPolicy");
  const deny = (Sid: string, Condition: unknown) => ({
    Sid,
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: [
      "elasticfilesystem:ClientMount",
      "elasticfilesystem:ClientWrite",
      "elasticfilesystem:ClientRootAccess",
    ],
    Resource: arn("s-efs"),
    Condition,
  });
  expect(document(inputs.policy)).toEqual({
    Version: "2012-10-17",
    Statement: [
      deny("DenyClearText", { Bool: { "aws:SecureTransport": "false" } }),
      deny("DenyOutsideAccessPoints", {
        StringNotEquals: { "elasticfilesystem:AccessPointArn": [arn("s-registry"), arn("s-runtime")] },
      }),
      deny("DenyAroundMountTarget", { Bool: { "elasticfilesystem:AccessedViaMountTarget": "false" } }),
    ],
  });
});

test("the file-system policy allows nobody, and asks only for what EFS says about NFS clients", async () => {
  const { inputs } = only(await build(), "aws:efs/fileSystemPolicy:FileSystemPolicy");
  const list: { Effect: string; Condition: Record<string, object> }[] = document(inputs.policy).Statement;
  // An Allow for everybody would let anonymous clients in again; an unknown key would refuse every mount.
  expect(new Set(list.map((statement) => statement.Effect))).toEqual(new Set(["Deny"]));
  const known = [
    "aws:SecureTransport",
    "aws:SourceIp",
    "elasticfilesystem:AccessPointArn",
    "elasticfilesystem:AccessedViaMountTarget",
  ];
  const used = list.flatMap(({ Condition }) => Object.values(Condition).flatMap((keys) => Object.keys(keys)));
  expect(used.filter((key) => !known.includes(key))).toEqual([]);
});

test("two access points with one owner, the servers' records inside the registry", async () => {
  const points = all(await build(), "aws:efs/accessPoint:AccessPoint").map(({ name, inputs }) => [
    name,
    inputs.rootDirectory,
    inputs.posixUser,
  ]);
  const directory = (path: string) => ({
    path,
    creationInfo: { ownerUid: 5182, ownerGid: 5182, permissions: "0700" },
  });
  expect(points).toEqual([
    ["s-registry", directory("/registry"), { uid: 5182, gid: 5182 }],
    ["s-runtime", directory("/registry/runtime"), { uid: 5182, gid: 5182 }],
  ]);
});

test("protection covers the data, its key and the ways to it", async () => {
  const isProtected = (await build({ protect: true })).filter((one) => one.protect).map((one) => one.name);
  expect(isProtected).toEqual([
    "s-efs",
    "s-key",
    "s-mount-1",
    "s-mount-2",
    "s-mount-3",
    "s-registry",
    "s-runtime",
  ]);
});
