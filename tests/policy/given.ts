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

export const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
export const base64 = (text: string): string => Buffer.from(text).toString("base64");
export const udp = { protocol: "UDP", port: 51820 };
export const network = (id: string, more = {}) => ({
  id,
  metric: { metricName: "NetworkIn", period: 60 },
  ...more,
});
export const switches = {
  blockPublicAcls: true,
  blockPublicPolicy: true,
  ignorePublicAcls: true,
  restrictPublicBuckets: true,
};
export const front: Given[] = [
  { type: types.securityGroup, name: "front" },
  { type: types.balancer, name: "nlb", from: { securityGroups: "front" } },
  { type: types.listener, name: "listener", props: udp },
];
export const open = (name: string, props: Record<string, unknown>, group = "front"): Given => ({
  type: types.ingress,
  name,
  props: { cidrIpv4: "0.0.0.0/0", ...props },
  from: { securityGroupId: group },
});
export const clearText = {
  Sid: "DenyClearText",
  Effect: "Deny",
  Principal: { AWS: "*" },
  Action: ["elasticfilesystem:ClientMount"],
  Resource: "*",
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};
export const trust = (principal: unknown) => ({
  Effect: "Allow",
  Principal: principal,
  Action: "sts:AssumeRole",
});

export interface Case {
  readonly rule: string;
  readonly compliant: readonly Given[];
  readonly violating: readonly Given[];
  readonly says: readonly string[];
}
