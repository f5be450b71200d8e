import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { administerKey } from "./key-administration";
import { mergeTags, type Place, type PolicyStatement, policy, refuse, type Tags } from "./support";

export interface StorageArgs {
  readonly clusterName: string;
  readonly place: Place;
  readonly vpcId: pulumi.Input<string>;
  /** One private subnet a zone; each gets a mount target. */
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** Refuse deletion of the file system, its key and the ways to it: the server's key pair and all clients are there. Default false. */
  readonly protect: boolean;
  /** Who else may use the key for what, besides the file system. */
  readonly keyStatements?: readonly PolicyStatement[];
  readonly tags: Tags;
}

/** The user that owns everything on the file system, whoever mounts it; any number that no package uses. */
const OWNER = 5182;
/** What may be done with a mount; the three actions that a file-system policy can govern for NFS clients. */
const CLIENT_ACTIONS = [
  "elasticfilesystem:ClientMount",
  "elasticfilesystem:ClientWrite",
  "elasticfilesystem:ClientRootAccess",
] as const;

/**
 * The cluster's memory: an encrypted EFS file system with its own key, a mount target in each zone and two access points.
 *
 * **Cost**: $1 a month for the key, $0.30 per GB and month (the registry of 10,000 clients is below 0.1 GB).
 */
export class Storage extends pulumi.ComponentResource {
  readonly fileSystemId: pulumi.Output<string>;
  readonly fileSystemArn: pulumi.Output<string>;
  readonly registryAccessPoint: aws.efs.AccessPoint;
  readonly runtimeAccessPoint: aws.efs.AccessPoint;
  readonly securityGroupId: pulumi.Output<string>;
  readonly keyArn: pulumi.Output<string>;
  /** Names of the availability zones, in the order of the subnets. */
  readonly zones: readonly pulumi.Output<string>[];
  /** Servers wait for these: a mount in a zone without one fails, and a mount before the policy is not refused anything. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: StorageArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("Storage", [["subnetIds", args.subnetIds.length < 2, "must be at least two, in different zones"]]);
    super("wgc:index:Storage", name, { clusterName: args.clusterName }, opts);
    const tags = mergeTags(args.tags, { Name: args.clusterName });

    const key = this.key(name, args);
    const fileSystem = new aws.efs.FileSystem(
      `${name}-efs`,
      {
        encrypted: true,
        kmsKeyId: key.arn,
        performanceMode: "generalPurpose",
        throughputMode: "bursting",
        tags,
      },
      { parent: this, protect: args.protect },
    );
    this.keyArn = key.arn;
    this.fileSystemId = fileSystem.id;
    this.fileSystemArn = fileSystem.arn;
    const firewall = new aws.ec2.SecurityGroup(
      `${name}-efs-sg`,
      {
        vpcId: args.vpcId,
        description: "wgc file system: servers and control function in, nothing out",
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-efs` }),
      },
      { parent: this },
    );
    this.securityGroupId = firewall.id;
    const targets = args.subnetIds.map(
      (subnetId, index) =>
        new aws.efs.MountTarget(
          `${name}-mount-${index + 1}`,
          { fileSystemId: fileSystem.id, subnetId, securityGroups: [firewall.id] },
          { parent: this, protect: args.protect },
        ),
    );
    this.zones = targets.map((target) => target.availabilityZoneName);
    new aws.efs.BackupPolicy(
      `${name}-backup`,
      { fileSystemId: fileSystem.id, backupPolicy: { status: "ENABLED" } },
      { parent: this },
    );
    this.registryAccessPoint = this.accessPoint(name, "registry", "/registry", fileSystem, args);
    // Inside the registry's tree: who administers it sees what the servers say of themselves, with one mount; a server sees no more of the
    // registry through this access point than this folder (docs/decisions/0016).
    this.runtimeAccessPoint = this.accessPoint(name, "runtime", "/registry/runtime", fileSystem, args);
    const rules = this.fileSystemPolicy(name, fileSystem);
    this.ready = [...targets, rules];
    this.registerOutputs({
      fileSystemId: this.fileSystemId,
      fileSystemArn: this.fileSystemArn,
      registryAccessPointId: this.registryAccessPoint.id,
      runtimeAccessPointId: this.runtimeAccessPoint.id,
      securityGroupId: this.securityGroupId,
    });
  }

  private key(name: string, args: StorageArgs): aws.kms.Key {
    const { region, accountId, partition } = args.place;
    const account = { AWS: pulumi.interpolate`arn:${partition}:iam::${accountId}:root` };
    const key = new aws.kms.Key(
      `${name}-key`,
      {
        description: `wgc ${args.clusterName}: file system`,
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        policy: policy(
          administerKey(account),
          // For the account's own identities the key encrypts and decrypts through EFS in this region and for nothing else; EFS asks in the name of whoever makes the
          // file system, and keeps a grant (https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html).
          {
            Sid: "UseThroughFileSystem",
            Effect: "Allow",
            Principal: account,
            Action: [
              "kms:CreateGrant",
              "kms:Decrypt",
              "kms:Encrypt",
              "kms:GenerateDataKey*",
              "kms:ReEncrypt*",
            ],
            Resource: "*",
            Condition: {
              StringEquals: {
                "kms:CallerAccount": accountId,
                "kms:ViaService": `elasticfilesystem.${region}.amazonaws.com`,
              },
            },
          },
          ...(args.keyStatements ?? []),
        ),
        tags: mergeTags(args.tags, { Name: args.clusterName }),
      },
      { parent: this, protect: args.protect },
    );
    new aws.kms.Alias(
      `${name}-key-alias`,
      { name: `alias/${args.clusterName}-efs`, targetKeyId: key.keyId },
      { parent: this },
    );
    return key;
  }

  /**
   * Who may not mount, whatever IAM allows. The policy's presence alone refuses anonymous clients: without one EFS lets everybody who
   * reaches a mount target do everything; with one, only what a statement here or in the client's own IAM identity allows is allowed,
   * and an anonymous client has no identity. So there must be no Allow here, least of all for everybody: what a role may do is said
   * once, in the role. Conditions may only use keys that EFS sends for NFS clients; no others are sure to be there
   * (https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html).
   */
  private fileSystemPolicy(name: string, fileSystem: aws.efs.FileSystem): aws.efs.FileSystemPolicy {
    const deny = (Sid: string, Condition: NonNullable<PolicyStatement["Condition"]>) =>
      ({
        Sid,
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: CLIENT_ACTIONS,
        Resource: fileSystem.arn,
        Condition,
      }) as const;
    return new aws.efs.FileSystemPolicy(
      `${name}-policy`,
      {
        fileSystemId: fileSystem.id,
        policy: policy(
          // NFS without TLS can be read on the wire.
          deny("DenyClearText", { Bool: { "aws:SecureTransport": "false" } }),
          // The root of the file system is everything with every file's real owner; only these access points bound what one sees. A mount
          // without any has no such key, which a negated operator matches too
          // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
          deny("DenyOutsideAccessPoints", {
            StringNotEquals: {
              "elasticfilesystem:AccessPointArn": [this.registryAccessPoint.arn, this.runtimeAccessPoint.arn],
            },
          }),
          // Mount targets have the security group in front of them; other ways in do not.
          deny("DenyAroundMountTarget", { Bool: { "elasticfilesystem:AccessedViaMountTarget": "false" } }),
        ),
      },
      { parent: this },
    );
  }

  private accessPoint(
    name: string,
    part: "registry" | "runtime",
    path: string,
    fileSystem: aws.efs.FileSystem,
    args: StorageArgs,
  ): aws.efs.AccessPoint {
    return new aws.efs.AccessPoint(
      `${name}-${part}`,
      {
        fileSystemId: fileSystem.id,
        posixUser: { uid: OWNER, gid: OWNER },
        rootDirectory: {
          path,
          creationInfo: { ownerUid: OWNER, ownerGid: OWNER, permissions: "0700" },
        },
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-${part}` }),
      },
      { parent: this, protect: args.protect },
    );
  }
}
