import type { Given } from "./support";

export const types = {
  alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
  block: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
  bucket: "aws:s3/bucket:Bucket",
  bucketPolicy: "aws:s3/bucketPolicy:BucketPolicy",
  eip: "aws:ec2/eip:Eip",
  fileSystem: "aws:efs/fileSystem:FileSystem",
  fileSystemPolicy: "aws:efs/fileSystemPolicy:FileSystemPolicy",
  group: "aws:autoscaling/group:Group",
  ingress: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  key: "aws:kms/key:Key",
  keyPair: "aws:ec2/keyPair:KeyPair",
  listener: "aws:lb/listener:Listener",
  balancer: "aws:lb/loadBalancer:LoadBalancer",
  logs: "aws:cloudwatch/logGroup:LogGroup",
  mountTarget: "aws:efs/mountTarget:MountTarget",
  role: "aws:iam/role:Role",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  attachment: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  securityGroup: "aws:ec2/securityGroup:SecurityGroup",
  targets: "aws:lb/targetGroup:TargetGroup",
  template: "aws:ec2/launchTemplate:LaunchTemplate",
} as const;

const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const udp = { protocol: "UDP", port: 51820 };
const network = (id: string, more = {}) => ({ id, metric: { metricName: "NetworkIn", period: 60 }, ...more });
const switches = {
  blockPublicAcls: true,
  blockPublicPolicy: true,
  ignorePublicAcls: true,
  restrictPublicBuckets: true,
};
const front: Given[] = [
  { type: types.securityGroup, name: "front" },
  { type: types.balancer, name: "nlb", from: { securityGroups: "front" } },
  { type: types.listener, name: "listener", props: udp },
];
const open = (name: string, props: Record<string, unknown>, group = "front"): Given => ({
  type: types.ingress,
  name,
  props: { cidrIpv4: "0.0.0.0/0", ...props },
  from: { securityGroupId: group },
});
const clearText = {
  Sid: "DenyClearText",
  Effect: "Deny",
  Principal: { AWS: "*" },
  Action: ["elasticfilesystem:ClientMount"],
  Resource: "*",
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};
const trust = (principal: unknown) => ({ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" });

export interface Case {
  readonly rule: string;
  readonly compliant: readonly Given[];
  readonly violating: readonly Given[];
  readonly says: readonly string[];
}

/** For each rule a stack that keeps to it and one that does not, with everything that the rule must say. */
export const cases: readonly Case[] = [
  {
    rule: "alarm-units",
    compliant: [
      {
        type: types.alarm,
        props: {
          metricQueries: [network("in"), { id: "rate", expression: "in / PERIOD(in)", returnData: true }],
        },
      },
      { type: types.alarm, props: { metricName: "CPUUtilization", threshold: 70 } },
    ],
    violating: [
      { type: types.alarm, name: "single", props: { metricName: "NetworkOut", threshold: 10_000_000 } },
      { type: types.alarm, name: "raw", props: { metricQueries: [network("in", { returnData: true })] } },
      {
        type: types.alarm,
        name: "other",
        props: {
          metricQueries: [network("in"), { id: "sum", expression: "in / PERIOD(cpu)", returnData: true }],
        },
      },
    ],
    says: [
      "single: compares NetworkOut, bytes per period, with a limit",
      "raw: in (NetworkIn) is bytes per period and nothing divides it by PERIOD(…)",
      "other: in (NetworkIn) is bytes per period and nothing divides it by PERIOD(…)",
    ],
  },
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
    rule: "flows-end",
    compliant: [
      { type: types.targets, props: { ...udp, connectionTermination: true, deregistrationDelay: 30 } },
      { type: types.targets, props: { protocol: "TCP" } },
    ],
    violating: [{ type: types.targets, props: { ...udp, deregistrationDelay: 3600 } }],
    says: ["it: connectionTermination is not set to true", "it: deregistrationDelay is 3600 s, above 300"],
  },
  {
    rule: "health-check-port",
    compliant: [
      { type: types.targets, props: { ...udp, healthCheck: { protocol: "HTTP", port: "8080" } } },
      { type: types.targets, props: { protocol: "TCP", port: 443 } },
    ],
    violating: [
      { type: types.targets, name: "default", props: udp },
      {
        type: types.targets,
        name: "same",
        props: { ...udp, healthCheck: { protocol: "HTTP", port: "51820" } },
      },
    ],
    says: [
      "default: healthCheck.protocol is the default (TCP), which says nothing about the agent",
      "default: healthCheck.port is traffic-port: WireGuard's own port, which answers no check",
      "same: healthCheck.port is 51820: WireGuard's own port, which answers no check",
    ],
  },
  {
    rule: "iam-no-wildcards",
    compliant: [
      {
        type: types.role,
        props: { assumeRolePolicy: policy(trust({ Service: "ec2.amazonaws.com" })), inlinePolicies: [] },
      },
      {
        type: types.rolePolicy,
        props: {
          policy: policy(
            { Effect: "Allow", Action: ["s3:GetObject", "kms:Describe*"], Resource: "*" },
            { Effect: "Deny", Action: "*", Resource: "*" },
          ),
        },
      },
    ],
    violating: [
      { type: types.role, name: "role", props: { assumeRolePolicy: policy(trust("*")) } },
      {
        type: types.rolePolicy,
        name: "policy",
        props: {
          policy: policy(
            { Sid: "All", Effect: "Allow", Action: ["s3:*", "*"], Resource: "*" },
            { Effect: "Allow", NotAction: "iam:*", Resource: "*" },
          ),
        },
      },
      {
        type: types.attachment,
        name: "admin",
        props: { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
      },
    ],
    says: [
      "role: statement 1 lets everybody take the role",
      "policy: All allows s3:*",
      "policy: All allows *",
      "policy: statement 2 allows everything but what it names",
      "admin: attaches arn:aws:iam::aws:policy/AdministratorAccess",
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
    rule: "no-ssh",
    compliant: [
      { type: types.template, props: { instanceType: "c7g.medium" } },
      { type: types.ingress, props: { ipProtocol: "tcp", fromPort: 8080, toPort: 8080 } },
      { type: types.ingress, props: { ipProtocol: "udp", fromPort: 0, toPort: 65535 } },
    ],
    violating: [
      { type: types.template, name: "template", props: { keyName: "ops" } },
      { type: types.keyPair, name: "pair" },
      { type: types.ingress, name: "range", props: { ipProtocol: "tcp", fromPort: 20, toPort: 25 } },
      { type: types.ingress, name: "all", props: { ipProtocol: "-1" } },
      {
        type: types.securityGroup,
        name: "inline",
        props: { ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["10.0.0.0/8"] }] },
      },
    ],
    says: [
      "template: gives servers an SSH key",
      "pair: is an SSH key pair",
      "range: opens TCP port 22",
      "all: opens TCP port 22",
      "inline: opens TCP port 22",
    ],
  },
  {
    rule: "no-target-health-states",
    compliant: [
      { type: types.targets, props: udp },
      {
        type: types.targets,
        props: { protocol: "TCP", targetHealthStates: [{ enableUnhealthyConnectionTermination: false }] },
      },
    ],
    violating: [
      {
        type: types.targets,
        props: { ...udp, targetHealthStates: [{ enableUnhealthyConnectionTermination: false }] },
      },
    ],
    says: ["it: sets targetHealthStates on a UDP target group"],
  },
  {
    rule: "pinned-template",
    compliant: [
      { type: types.template, props: { imageId: "ami-0123456789abcdef0" } },
      { type: types.group, props: { launchTemplate: { id: "lt-1", version: "7" } } },
    ],
    violating: [
      { type: types.template, name: "template", props: { imageId: "resolve:ssm:/aws/service/al2023" } },
      { type: types.group, name: "group", props: { launchTemplate: { id: "lt-1", version: "$Latest" } } },
    ],
    says: [
      "template: its image is looked up by EC2 at each start (resolve:ssm:)",
      "group: launchTemplate.version is $Latest, not a number",
    ],
  },
  {
    rule: "public-ingress",
    compliant: [
      ...front,
      open("tunnel", { ipProtocol: "udp", fromPort: 51820, toPort: 51820 }),
      open("mtu", { ipProtocol: "icmp", fromPort: 3, toPort: 4 }),
      open("health", { ipProtocol: "tcp", fromPort: 8080, toPort: 8080, cidrIpv4: "10.0.0.0/16" }),
    ],
    violating: [
      ...front,
      { type: types.securityGroup, name: "servers" },
      open("direct", { ipProtocol: "udp", fromPort: 51820, toPort: 51820 }, "servers"),
      open("tcp", { ipProtocol: "tcp", fromPort: 51820, toPort: 51820 }),
      open("wide", { ipProtocol: "udp", fromPort: 1, toPort: 65535 }),
      open("half", { ipProtocol: "-1", cidrIpv4: "128.0.0.0/1" }),
      open("six", {
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        cidrIpv4: "10.0.0.0/8",
        cidrIpv6: "::/0",
      }),
      {
        type: types.securityGroup,
        name: "inline",
        props: { ingress: [{ protocol: "tcp", fromPort: 80, toPort: 80, cidrBlocks: ["0.0.0.0/0"] }] },
      },
    ],
    says: [
      "direct: lets udp 51820 in from the whole internet, to a security group that is not the load balancer's",
      "tcp: lets tcp 51820 in from the whole internet, to the load balancer",
      "wide: lets udp 1 to 65535 in from the whole internet, to the load balancer",
      "half: lets everything in from the whole internet, to the load balancer",
      "six: lets tcp 443 in from the whole internet, to the load balancer",
      "inline: lets tcp 80 in from the whole internet, to a security group that is not the load balancer's",
    ],
  },
  {
    rule: "required-tags",
    compliant: [
      { type: types.eip, props: { tags: { Project: "wgc", Cluster: "wgc-dev", Stack: "dev" } } },
      {
        type: types.group,
        props: {
          tags: ["Project", "Cluster", "Stack"].map((key) => ({ key, value: "x", propagateAtLaunch: true })),
        },
      },
      { type: types.rolePolicy },
    ],
    violating: [
      { type: types.eip, name: "none" },
      { type: types.key, name: "one", props: { tags: { Project: "wgc", Stack: "dev" } } },
    ],
    says: ["none: lacks the tags Project, Cluster, Stack", "one: lacks the tag Cluster"],
  },
  {
    rule: "stateful-protected",
    compliant: [
      { type: types.fileSystem, protect: true },
      { type: types.eip, stack: "dev" },
      { type: types.logs },
    ],
    violating: [
      { type: types.fileSystem, name: "efs" },
      { type: types.eip, name: "ip", stack: "production-eu" },
    ],
    says: [
      "efs: is not protected, and all clients and the server's key pair are in it",
      "ip: is not protected, and clients know this address",
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
          policy: policy({
            Sid: "Mount",
            Effect: "Allow",
            Principal: "*",
            Action: "elasticfilesystem:ClientMount",
          }),
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
