import { base64, type Case, clearText, policy, switches, types } from "./given";

const mixed = (version: string) => ({
  mixedInstancesPolicy: {
    launchTemplate: { launchTemplateSpecification: { launchTemplateId: "lt-1", version } },
  },
});

/** Rules about servers and what is stored. */
export const serverCases: readonly Case[] = [
  {
    rule: "bucket-private",
    compliant: [
      { type: types.bucket, name: "bucket" },
      { type: types.block, name: "block", props: switches, from: { bucket: "bucket" } },
      {
        type: types.bucketPolicy,
        name: "policy",
        props: { policy: policy({ ...clearText, Action: "s3:*" }) },
      },
    ],
    violating: [
      { type: types.bucket, name: "bucket" },
      { type: types.bucket, name: "half" },
      { type: types.block, props: { ...switches, restrictPublicBuckets: false }, from: { bucket: "half" } },
      {
        type: types.bucketPolicy,
        name: "policy",
        props: { policy: policy({ Sid: "Read", Effect: "Allow", Principal: "*", Action: "s3:GetObject" }) },
      },
    ],
    says: [
      "bucket: does not block public access (blockPublicAcls, blockPublicPolicy, ignorePublicAcls, restrictPublicBuckets)",
      "half: does not block public access (restrictPublicBuckets)",
      "policy: Read allows everybody something",
    ],
  },
  {
    rule: "encrypted-disk",
    compliant: [
      {
        type: types.template,
        props: { blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { encrypted: "true" } }] },
      },
    ],
    violating: [
      { type: types.template, name: "none" },
      {
        type: types.template,
        name: "plain",
        props: { blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: {} }] },
      },
    ],
    says: [
      "none: names no disk, so the image decides whether the root disk is encrypted",
      "plain: disk /dev/xvda is not encrypted",
    ],
  },
  {
    rule: "imdsv2",
    compliant: [
      {
        type: types.template,
        props: { metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 } },
      },
    ],
    violating: [
      { type: types.template, name: "none" },
      {
        type: types.template,
        name: "far",
        props: { metadataOptions: { httpTokens: "optional", httpPutResponseHopLimit: 2 } },
      },
    ],
    says: [
      'none: metadataOptions.httpTokens is not set, not "required"',
      "none: metadataOptions.httpPutResponseHopLimit is not set, not 1",
      'far: metadataOptions.httpTokens is optional, not "required"',
      "far: metadataOptions.httpPutResponseHopLimit is 2, not 1",
    ],
  },
  {
    rule: "log-retention",
    compliant: [{ type: types.logs, props: { retentionInDays: 30 } }],
    violating: [
      { type: types.logs, name: "none" },
      { type: types.logs, name: "zero", props: { retentionInDays: 0 } },
    ],
    says: [
      "none: has no retentionInDays, so it keeps everything for ever",
      "zero: has no retentionInDays, so it keeps everything for ever",
    ],
  },
  {
    rule: "min-servers",
    compliant: [
      {
        type: types.group,
        props: {
          minSize: 2,
          vpcZoneIdentifiers: ["subnet-1", "subnet-2"],
          instanceRefresh: { preferences: { minHealthyPercentage: 100 } },
          instanceMaintenancePolicy: { minHealthyPercentage: 100 },
        },
      },
      { type: types.group, stack: "dev", props: { minSize: 1 } },
    ],
    violating: [{ type: types.group, props: { minSize: 1, vpcZoneIdentifiers: ["subnet-1"] } }],
    says: [
      "it: minSize is 1, below 2",
      "it: stands in 1 zone, not in 2 or more",
      "it: instanceRefresh.preferences.minHealthyPercentage is not set, not 100",
      "it: instanceMaintenancePolicy.minHealthyPercentage is not set, not 100",
    ],
  },
  {
    rule: "no-secret-in-user-data",
    compliant: [
      {
        type: types.template,
        props: {
          userData: base64(
            `#cloud-config\nsha256: ${"0123456789abcdef".repeat(4)}\n# the password: see the registry\npublic: ${"a".repeat(20)}`,
          ),
        },
      },
    ],
    violating: [
      {
        type: types.template,
        name: "wg",
        props: { userData: base64(`[Interface]\nPrivateKey = ${"A".repeat(43)}=`) },
      },
      {
        type: types.template,
        name: "bare",
        props: { userData: base64(`echo ${"b".repeat(42)}A= | wg set`) },
      },
      { type: types.template, name: "pem", props: { userData: base64("-----BEGIN EC PRIVATE KEY-----") } },
      { type: types.template, name: "aws", props: { userData: `export K=AKIA${"A1".repeat(8)}` } },
      { type: types.template, name: "word", props: { userData: "db:\n  password: hunter2hunter2" } },
    ],
    says: [
      "wg: user data line 2 holds a WireGuard key",
      "bare: user data line 1 holds what may be a WireGuard key",
      "pem: user data line 1 holds a private key",
      "aws: user data line 1 holds an AWS access key",
      "word: user data line 2 holds a password",
    ],
  },
  {
    rule: "pinned-template",
    compliant: [
      { type: types.template, props: { imageId: "ami-0123456789abcdef0" } },
      { type: types.group, props: { launchTemplate: { id: "lt-1", version: "7" } } },
      { type: types.group, props: mixed("7") },
    ],
    violating: [
      { type: types.template, name: "template", props: { imageId: "resolve:ssm:/aws/service/al2023" } },
      { type: types.group, name: "group", props: { launchTemplate: { id: "lt-1", version: "$Latest" } } },
      { type: types.group, name: "mixed", props: mixed("$Default") },
    ],
    says: [
      "template: its image is looked up by EC2 at each start (resolve:ssm:)",
      "group: launchTemplate.version is $Latest, not a number",
      "mixed: launchTemplate.version is $Default, not a number",
    ],
  },
  {
    rule: "storage-not-public",
    compliant: [
      { type: types.fileSystem, name: "efs" },
      { type: types.fileSystemPolicy, props: { policy: policy(clearText) }, from: { fileSystemId: "efs" } },
      { type: types.mountTarget, props: { securityGroups: ["sg-1"] } },
    ],
    violating: [
      { type: types.fileSystem, name: "bare" },
      { type: types.fileSystem, name: "efs" },
      {
        type: types.fileSystemPolicy,
        name: "policy",
        props: {
          policy: policy(
            { Sid: "Mount", Effect: "Allow", Principal: "*", Action: "elasticfilesystem:ClientMount" },
            { ...clearText, Condition: { Bool: { "elasticfilesystem:AccessedViaMountTarget": "false" } } },
          ),
        },
        from: { fileSystemId: "efs" },
      },
      { type: types.mountTarget, name: "mount" },
    ],
    says: [
      "bare: has no policy: everybody who reaches it may do everything",
      "mount: has no security group of its own",
      "policy: Mount allows everybody something",
      "policy: does not refuse mounts without TLS",
    ],
  },
  {
    rule: "storage-own-key",
    compliant: [
      { type: types.key, name: "key", props: { enableKeyRotation: true } },
      { type: types.fileSystem, props: { encrypted: true }, from: { kmsKeyId: "key" } },
    ],
    violating: [
      { type: types.key, name: "still" },
      { type: types.fileSystem, name: "default", props: { encrypted: true } },
      { type: types.fileSystem, name: "plain", from: { kmsKeyId: "still" } },
    ],
    says: [
      "default: is not encrypted with a key of this stack (kmsKeyId)",
      "plain: is not encrypted",
      "still: encrypts the file system and does not rotate",
    ],
  },
];
