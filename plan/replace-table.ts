import type { ReplaceEntry } from "./replace-entry";
import { monitoringReplaceTable } from "./replace-monitoring";

/** What cannot be had again, and why; replacing or deleting one of these deserves a red warning. */
export const stateful: Readonly<Record<string, string>> = {
  "aws:efs/fileSystem:FileSystem": "the registry, all clients and the server's key pair are in it",
  "aws:efs/accessPoint:AccessPoint": "servers and the control function find the registry through it",
  "aws:efs/mountTarget:MountTarget": "servers of its zone lose the registry until they mount again",
  "aws:kms/key:Key": "without it nothing that was encrypted with it can be read",
  "aws:ec2/eip:Eip": "clients know this address", // where it is the load balancer's
  "aws:lb/loadBalancer:LoadBalancer": "clients know its name",
};

/** The same, where not all of a type are: by the resource's name. */
export const statefulNamed: Readonly<Record<string, string>> = {
  "wgc-sessions-log": "it is the record of what operators did on servers",
};

const NAMED = ["name", "namePrefix"] as const;

/**
 * Which inputs make the provider delete a resource and make a new one. Pulumi's AWS provider is Terraform's underneath, so what
 * counts is `ForceNew` (or `RequiresReplace`) in its source; a test compares the table with CloudFormation's schemas
 * (`@aws-cdk/aws-service-spec`) and holds the reviewed list of differences.
 */
export const replaceTable: Readonly<Record<string, ReplaceEntry>> = {
  ...monitoringReplaceTable,
  "aws:autoscaling/group:Group": {
    replace: [...NAMED],
    source: "autoscaling/group.go",
    cloudFormation: "AWS::AutoScaling::AutoScalingGroup",
    names: { name: "AutoScalingGroupName" },
  },
  "aws:autoscaling/lifecycleHook:LifecycleHook": {
    replace: ["autoscalingGroupName", "name"],
    source: "autoscaling/lifecycle_hook.go",
    cloudFormation: "AWS::AutoScaling::LifecycleHook",
    names: { name: "LifecycleHookName", autoscalingGroupName: "AutoScalingGroupName" },
  },
  "aws:autoscaling/policy:Policy": {
    replace: ["autoscalingGroupName", "name"],
    source: "autoscaling/policy.go",
    cloudFormation: "AWS::AutoScaling::ScalingPolicy",
    names: { autoscalingGroupName: "AutoScalingGroupName" },
  },
  "aws:autoscaling/schedule:Schedule": {
    replace: ["autoscalingGroupName", "scheduledActionName"],
    source: "autoscaling/schedule.go",
    cloudFormation: "AWS::AutoScaling::ScheduledAction",
    names: { autoscalingGroupName: "AutoScalingGroupName" },
  },
  "aws:cloudwatch/logGroup:LogGroup": {
    replace: [...NAMED, "logGroupClass"],
    source: "logs/group.go",
    cloudFormation: "AWS::Logs::LogGroup",
    names: { name: "LogGroupName" },
  },
  "aws:ec2/eip:Eip": {
    replace: ["address", "domain", "ipamPoolId", "networkBorderGroup", "publicIpv4Pool"],
    source: "ec2/ec2_eip.go",
    cloudFormation: "AWS::EC2::EIP",
  },
  "aws:ec2/flowLog:FlowLog": {
    replace: [
      "deliverCrossAccountRole",
      "destinationOptions",
      "eniId",
      "iamRoleArn",
      "logDestination",
      "logDestinationType",
      "logFormat",
      "maxAggregationInterval",
      "subnetId",
      "tagFieldSpecifications",
      "trafficType",
      "transitGatewayAttachmentId",
      "transitGatewayId",
      "vpcId",
    ],
    source: "ec2/vpc_flow_log.go",
    cloudFormation: "AWS::EC2::FlowLog",
    names: { iamRoleArn: "DeliverLogsPermissionArn", vpcId: "ResourceId" },
  },
  "aws:ec2/internetGateway:InternetGateway": {
    replace: [],
    source: "ec2/vpc_internet_gateway.go",
    cloudFormation: "AWS::EC2::InternetGateway",
  },
  "aws:ec2/launchTemplate:LaunchTemplate": {
    replace: [...NAMED],
    source: "ec2/ec2_launch_template.go",
    cloudFormation: "AWS::EC2::LaunchTemplate",
    names: { name: "LaunchTemplateName" },
  },
  "aws:ec2/natGateway:NatGateway": {
    replace: ["allocationId", "availabilityMode", "connectivityType", "privateIp", "subnetId", "vpcId"],
    source: "ec2/vpc_nat_gateway.go",
    cloudFormation: "AWS::EC2::NatGateway",
    names: { privateIp: "PrivateIpAddress" },
  },
  "aws:ec2/route:Route": {
    replace: ["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId", "routeTableId"],
    source: "ec2/vpc_route.go",
    cloudFormation: "AWS::EC2::Route",
  },
  "aws:ec2/routeTable:RouteTable": {
    replace: ["vpcId"],
    source: "ec2/vpc_route_table.go",
    cloudFormation: "AWS::EC2::RouteTable",
  },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    replace: ["gatewayId", "subnetId"],
    source: "ec2/vpc_route_table_association.go",
    cloudFormation: "AWS::EC2::SubnetRouteTableAssociation",
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    replace: [...NAMED, "description", "vpcId"],
    source: "ec2/vpc_security_group.go",
    cloudFormation: "AWS::EC2::SecurityGroup",
    names: { name: "GroupName", description: "GroupDescription" },
  },
  "aws:ec2/subnet:Subnet": {
    replace: [
      "availabilityZone",
      "availabilityZoneId",
      "cidrBlock",
      "ipv4IpamPoolId",
      "ipv4NetmaskLength",
      "ipv6IpamPoolId",
      "ipv6Native",
      "ipv6NetmaskLength",
      "outpostArn",
      "vpcId",
    ],
    source: "ec2/vpc_subnet.go",
    cloudFormation: "AWS::EC2::Subnet",
  },
  "aws:ec2/vpc:Vpc": {
    replace: ["cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"],
    source: "ec2/vpc_.go",
    cloudFormation: "AWS::EC2::VPC",
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    replace: [
      "resourceConfigurationArn",
      "serviceName",
      "serviceNetworkArn",
      "serviceRegion",
      "vpcEndpointType",
      "vpcId",
    ],
    source: "ec2/vpc_endpoint.go",
    cloudFormation: "AWS::EC2::VPCEndpoint",
  },
  "aws:efs/accessPoint:AccessPoint": {
    replace: ["fileSystemId", "posixUser", "rootDirectory"],
    source: "efs/access_point.go",
    cloudFormation: "AWS::EFS::AccessPoint",
  },
  "aws:efs/backupPolicy:BackupPolicy": { replace: ["fileSystemId"], source: "efs/backup_policy.go" },
  "aws:efs/fileSystem:FileSystem": {
    replace: ["availabilityZoneName", "creationToken", "encrypted", "kmsKeyId", "performanceMode"],
    source: "efs/file_system.go",
    cloudFormation: "AWS::EFS::FileSystem",
  },
  "aws:efs/fileSystemPolicy:FileSystemPolicy": {
    replace: ["fileSystemId"],
    source: "efs/file_system_policy.go",
  },
  "aws:efs/mountTarget:MountTarget": {
    replace: ["fileSystemId", "ipAddress", "ipAddressType", "ipv6Address", "subnetId"],
    source: "efs/mount_target.go",
    cloudFormation: "AWS::EFS::MountTarget",
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    replace: [...NAMED, "path"],
    source: "iam/instance_profile.go",
    cloudFormation: "AWS::IAM::InstanceProfile",
    names: { name: "InstanceProfileName" },
  },
  "aws:iam/policy:Policy": {
    replace: [...NAMED, "description", "path"],
    source: "iam/policy.go",
    cloudFormation: "AWS::IAM::ManagedPolicy",
    names: { name: "ManagedPolicyName" },
  },
  "aws:iam/role:Role": {
    replace: [...NAMED, "path"],
    source: "iam/role.go",
    cloudFormation: "AWS::IAM::Role",
    names: { name: "RoleName" },
  },
  "aws:iam/rolePolicy:RolePolicy": {
    replace: [...NAMED, "role"],
    source: "iam/role_policy.go",
    cloudFormation: "AWS::IAM::RolePolicy",
    names: { name: "PolicyName", role: "RoleName" },
  },
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
    replace: ["policyArn", "role"],
    source: "iam/role_policy_attachment.go",
  },
  "aws:kms/alias:Alias": {
    replace: [...NAMED],
    source: "kms/alias.go",
    cloudFormation: "AWS::KMS::Alias",
    names: { name: "AliasName" },
  },
  "aws:kms/key:Key": {
    replace: ["customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"],
    source: "kms/key.go",
    cloudFormation: "AWS::KMS::Key",
    names: { customerMasterKeySpec: "KeySpec" },
  },
  "aws:lambda/function:Function": {
    replace: ["name", "packageType", "tenancyConfig"],
    source: "lambda/function.go",
    cloudFormation: "AWS::Lambda::Function",
    names: { name: "FunctionName" },
  },
  // A call is made again as a new record of it; `input` only where lifecycleScope is CREATE_ONLY, which is the default.
  "aws:lambda/invocation:Invocation": {
    replace: ["functionName", "input", "qualifier", "triggers"],
    source: "lambda/invocation.go",
  },
  "aws:lb/listener:Listener": {
    replace: ["loadBalancerArn"],
    source: "elbv2/listener.go",
    cloudFormation: "AWS::ElasticLoadBalancingV2::Listener",
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    replace: [...NAMED, "customerOwnedIpv4Pool", "internal", "loadBalancerType"],
    conditions: { securityGroups: "empties", subnetMappings: "shrinks", subnets: "shrinks" },
    source: "elbv2/load_balancer.go",
    cloudFormation: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    names: { internal: "Scheme", loadBalancerType: "Type" },
  },
  "aws:lb/targetGroup:TargetGroup": {
    replace: [...NAMED, "ipAddressType", "port", "protocol", "protocolVersion", "targetType", "vpcId"],
    source: "elbv2/target_group.go",
    cloudFormation: "AWS::ElasticLoadBalancingV2::TargetGroup",
  },
  "aws:route53/record:Record": {
    replace: ["name", "zoneId"],
    source: "route53/record.go",
    cloudFormation: "AWS::Route53::RecordSet",
    names: { zoneId: "HostedZoneId" },
  },
  "aws:s3/bucket:Bucket": {
    replace: ["bucket", "bucketNamespace", "bucketPrefix", "objectLockEnabled"],
    source: "s3/bucket.go",
    cloudFormation: "AWS::S3::Bucket",
    names: { bucket: "BucketName", bucketPrefix: "BucketNamePrefix" },
  },
  "aws:s3/bucketObjectv2:BucketObjectv2": { replace: ["bucket", "key"], source: "s3/object.go" },
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
    replace: ["bucket"],
    source: "s3/bucket_ownership_controls.go",
  },
  "aws:s3/bucketPolicy:BucketPolicy": {
    replace: ["bucket"],
    source: "s3/bucket_policy.go",
    cloudFormation: "AWS::S3::BucketPolicy",
  },
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
    replace: ["bucket"],
    source: "s3/bucket_public_access_block.go",
  },
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
    replace: ["bucket", "expectedBucketOwner"],
    source: "s3/bucket_server_side_encryption_configuration.go",
  },
  "aws:s3/bucketVersioning:BucketVersioning": {
    replace: ["bucket", "expectedBucketOwner"],
    source: "s3/bucket_versioning.go",
  },
  "aws:ssm/document:Document": {
    replace: ["documentType", "name"],
    source: "ssm/document.go",
    cloudFormation: "AWS::SSM::Document",
  },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
    replace: ["securityGroupId"],
    source: "ec2/vpc_security_group_egress_rule.go",
    cloudFormation: "AWS::EC2::SecurityGroupEgress",
    names: { securityGroupId: "GroupId", cidrIpv4: "CidrIp" },
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    replace: ["securityGroupId"],
    source: "ec2/vpc_security_group_ingress_rule.go",
    cloudFormation: "AWS::EC2::SecurityGroupIngress",
    names: { securityGroupId: "GroupId", cidrIpv4: "CidrIp" },
  },
  "random:index/randomId:RandomId": {
    replace: ["byteLength", "keepers", "prefix"],
    source: "hashicorp/terraform-provider-random internal/provider/resource_id.go",
  },
};
