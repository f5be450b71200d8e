import type { JsonObject } from "../types";
import { ordinalOf } from "./network";
import { ec2Id, handle, named, type Standin, type StandinContext, text, zonesOf } from "./standin";

const fileSystem: Standin = (_inputs, context) => {
  const id = ec2Id("fs", context);
  return {
    id,
    outputs: {
      arn: context.arn("elasticfilesystem", `file-system/${id}`),
      dnsName: `${id}.efs.${context.region}.amazonaws.com`,
      ownerId: context.account,
      numberOfMountTargets: 0,
    },
  };
};

/** The subnet's; of a VPC that is not in the plan, the zones in the order of the mount targets. */
function zoneOf(inputs: JsonObject, context: StandinContext): string {
  const known = text(context.outputsOf(text(inputs, "subnetId")), "availabilityZone");
  if (known !== "") return known;
  const ordinal = context.claim(`zones of ${text(inputs, "fileSystemId")}`, ordinalOf(context.name) || 1);
  return zonesOf(context.region)[ordinal - 1] ?? "";
}

const mountTarget: Standin = (inputs, context) => {
  const fileSystemId = text(inputs, "fileSystemId");
  return {
    id: ec2Id("fsmt", context),
    outputs: {
      dnsName: `${fileSystemId}.efs.${context.region}.amazonaws.com`,
      networkInterfaceId: `eni-${context.hex(17, "eni")}`,
      availabilityZoneName: zoneOf(inputs, context),
      fileSystemArn: context.arn("elasticfilesystem", `file-system/${fileSystemId}`),
    },
  };
};

const accessPoint: Standin = (inputs, context) => {
  const id = ec2Id("fsap", context);
  return {
    id,
    outputs: {
      arn: context.arn("elasticfilesystem", `access-point/${id}`),
      fileSystemArn: context.arn("elasticfilesystem", `file-system/${text(inputs, "fileSystemId")}`),
      ownerId: context.account,
    },
  };
};

const bucket: Standin = (inputs, context) => {
  // Bucket names are global, at most 63 characters; the provider adds its usual suffix to the logical name.
  const id = text(inputs, "bucket", `${context.name.toLowerCase()}-${context.hex(7)}`);
  return {
    id,
    outputs: {
      bucket: id,
      arn: context.arn("s3", id, { region: "", account: "" }),
      bucketDomainName: `${id}.s3.amazonaws.com`,
      bucketRegionalDomainName: `${id}.s3.${context.region}.amazonaws.com`,
    },
  };
};

const object: Standin = (inputs, context) => {
  const key = text(inputs, "key");
  const bucketName = text(inputs, "bucket");
  return {
    id: key,
    outputs: {
      arn: context.arn("s3", `${bucketName}/${key}`, { region: "", account: "" }),
      etag: context.hex(32),
      versionId: context.hex(32, "version"),
    },
  };
};

const key: Standin = (_inputs, context) => {
  const hex = context.hex(32);
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    "-",
  );
  return { id, outputs: { arn: context.arn("kms", `key/${id}`), keyId: id } };
};

const alias: Standin = (inputs, context) => {
  const name = text(inputs, "name");
  const target = text(inputs, "targetKeyId");
  const targetKeyArn = target.startsWith("arn:") ? target : context.arn("kms", `key/${target}`);
  return { id: name, outputs: { arn: context.arn("kms", name), targetKeyArn } };
};

export const storage: Readonly<Record<string, Standin>> = {
  "aws:efs/fileSystem:FileSystem": fileSystem,
  "aws:efs/mountTarget:MountTarget": mountTarget,
  "aws:efs/accessPoint:AccessPoint": accessPoint,
  "aws:efs/fileSystemPolicy:FileSystemPolicy": named("fileSystemId"),
  "aws:efs/backupPolicy:BackupPolicy": named("fileSystemId"),
  "aws:s3/bucket:Bucket": bucket,
  "aws:s3/bucketV2:BucketV2": bucket,
  "aws:s3/bucketObject:BucketObject": object,
  "aws:s3/bucketObjectv2:BucketObjectv2": object,
  "aws:s3/bucketVersioning:BucketVersioning": named("bucket"),
  "aws:s3/bucketPolicy:BucketPolicy": named("bucket"),
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": named("bucket"),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": named("bucket"),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": named("bucket"),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": named("bucket"),
  "aws:kms/key:Key": key,
  "aws:kms/alias:Alias": alias,
  "aws:kms/keyPolicy:KeyPolicy": handle("keypolicy"),
};
