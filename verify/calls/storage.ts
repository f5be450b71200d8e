import type { Json, JsonObject } from "../../plan";
import { call, deep, isObject, type Mappings } from "./call";

/** File system, keys, buckets, logs, roles, functions and DNS. */
export const storageCalls: Mappings = {
  "aws:efs/fileSystem:FileSystem": (take) => [
    call("efs", "CreateFileSystem", {
      CreationToken: "terraform-0123456789",
      ...take.pascal("encrypted", "kmsKeyId", "performanceMode", "throughputMode"),
      Tags: take.tags(),
    }),
  ],
  "aws:efs/mountTarget:MountTarget": (take) => [
    call("efs", "CreateMountTarget", take.pascal("fileSystemId", "securityGroups", "subnetId")),
  ],
  "aws:efs/accessPoint:AccessPoint": (take) => [
    call("efs", "CreateAccessPoint", {
      ClientToken: "terraform-0123456789",
      ...take.pascal("fileSystemId", "posixUser", "rootDirectory"),
      Tags: take.tags(),
    }),
  ],
  "aws:efs/backupPolicy:BackupPolicy": (take) => [
    call("efs", "PutBackupPolicy", take.pascal("backupPolicy", "fileSystemId")),
  ],
  "aws:efs/fileSystemPolicy:FileSystemPolicy": (take) => [
    call("efs", "PutFileSystemPolicy", { ...take.pascal("fileSystemId"), Policy: take.value("policy") }),
  ],
  "aws:kms/key:Key": (take) => {
    const KeyId = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const tags = take.tags().map(({ Key, Value }) => ({ TagKey: Key ?? null, TagValue: Value ?? null }));
    const rotates = take.value("enableKeyRotation") === true;
    return [
      call("kms", "CreateKey", { ...take.pascal("description", "policy"), Tags: tags }),
      ...(rotates ? [call("kms", "EnableKeyRotation", { KeyId })] : []),
      call("kms", "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: take.value("deletionWindowInDays") }),
    ];
  },
  "aws:kms/alias:Alias": (take) => [
    call("kms", "CreateAlias", { AliasName: take.value("name"), ...take.pascal("targetKeyId") }),
  ],
  "aws:s3/bucket:Bucket": (take) => {
    take.skip("forceDestroy");
    const Bucket = take.value("bucket");
    return [
      call("s3", "CreateBucket", { Bucket }),
      call("s3", "PutBucketTagging", { Bucket, Tagging: { TagSet: take.tags() } }),
    ];
  },
  "aws:s3/bucketObjectv2:BucketObjectv2": (take) => [
    call("s3", "PutObject", { ...take.pascal("bucket", "contentType", "key"), Body: take.value("source") }),
  ],
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (take) => [
    call("s3", "PutBucketOwnershipControls", {
      ...take.pascal("bucket"),
      OwnershipControls: { Rules: [deep(take.block("rule")) ?? null] },
    }),
  ],
  "aws:s3/bucketPolicy:BucketPolicy": (take) => [
    call("s3", "PutBucketPolicy", take.pascal("bucket", "policy")),
  ],
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (take) => [
    call("s3", "PutPublicAccessBlock", {
      ...take.pascal("bucket"),
      PublicAccessBlockConfiguration: take.pascal(
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
      ),
    }),
  ],
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (take) => [
    call("s3", "PutBucketEncryption", {
      ...take.pascal("bucket"),
      ServerSideEncryptionConfiguration: { Rules: take.list("rules").map(encryption) },
    }),
  ],
  "aws:s3/bucketVersioning:BucketVersioning": (take) => [
    call("s3", "PutBucketVersioning", take.pascal("bucket", "versioningConfiguration")),
  ],
  "aws:cloudwatch/logGroup:LogGroup": (take) => {
    const logGroupName = take.value("name");
    return [
      call("logs", "CreateLogGroup", {
        logGroupName,
        kmsKeyId: take.value("kmsKeyId"),
        tags: take.value("tags"),
      }),
      call("logs", "PutRetentionPolicy", { logGroupName, retentionInDays: take.value("retentionInDays") }),
    ];
  },
  "aws:ssm/document:Document": (take) => [
    call("ssm", "CreateDocument", {
      ...take.pascal("content", "documentFormat", "documentType", "name"),
      Tags: take.tags(),
    }),
  ],
  "aws:iam/role:Role": (take) => [
    call("iam", "CreateRole", {
      RoleName: take.value("name"),
      AssumeRolePolicyDocument: take.value("assumeRolePolicy"),
      ...take.pascal("description", "maxSessionDuration", "path"),
      Tags: take.tags(),
    }),
  ],
  "aws:iam/rolePolicy:RolePolicy": (take) => [
    call("iam", "PutRolePolicy", {
      RoleName: take.value("role"),
      PolicyName: take.value("name"),
      PolicyDocument: take.value("policy"),
    }),
  ],
  "aws:iam/instanceProfile:InstanceProfile": (take) => {
    const InstanceProfileName = take.value("name");
    return [
      call("iam", "CreateInstanceProfile", { InstanceProfileName, Tags: take.tags() }),
      call("iam", "AddRoleToInstanceProfile", { InstanceProfileName, RoleName: take.value("role") }),
    ];
  },
  "aws:lambda/function:Function": (take) => {
    const system = take.block("fileSystemConfig");
    return [
      call("lambda", "CreateFunction", {
        FunctionName: take.value("name"),
        ...take.pascal(
          "architectures",
          "description",
          "handler",
          "loggingConfig",
          "memorySize",
          "role",
          "runtime",
        ),
        ...take.pascal("timeout", "tracingConfig", "vpcConfig"),
        Code: { ZipFile: take.value("code") ?? null },
        // Names of variables are the function's own and stay as they are.
        Environment: { Variables: take.block("environment")["variables"] ?? {} },
        FileSystemConfigs: Object.keys(system).length === 0 ? [] : [deep(system) ?? null],
        Tags: take.value("tags"),
      }),
      ...concurrency(take.value("name"), take.value("reservedConcurrentExecutions")),
    ];
  },
  "aws:lambda/invocation:Invocation": (take) => {
    take.skip("triggers", "lifecycleScope");
    return [
      call("lambda", "Invoke", { ...take.pascal("functionName", "qualifier"), Payload: take.value("input") }),
    ];
  },
  "aws:route53/record:Record": (take) => [
    call("route53", "ChangeResourceRecordSets", {
      HostedZoneId: take.value("zoneId"),
      ChangeBatch: {
        Changes: [
          {
            Action: "CREATE",
            ResourceRecordSet: { ...take.pascal("name", "type"), AliasTarget: alias(take.block("aliases")) },
          },
        ],
      },
    }),
  ],
};

function concurrency(FunctionName: Json | undefined, ReservedConcurrentExecutions: Json | undefined) {
  return ReservedConcurrentExecutions === undefined
    ? []
    : [call("lambda", "PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions })];
}

function encryption(rule: Json): Json {
  if (!isObject(rule)) return rule;
  const { applyServerSideEncryptionByDefault: byDefault, ...rest } = rule;
  const named = deep(rest);
  const algorithm = isObject(byDefault) ? (byDefault["sseAlgorithm"] ?? null) : null;
  return {
    ...(isObject(named) ? named : {}),
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm },
  };
}

function alias({ name, zoneId, evaluateTargetHealth }: JsonObject): JsonObject {
  return {
    DNSName: name ?? null,
    HostedZoneId: zoneId ?? null,
    EvaluateTargetHealth: evaluateTargetHealth ?? null,
  };
}
