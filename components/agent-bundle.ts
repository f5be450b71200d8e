import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { bundleProgram } from "./bundle";
import { mergeTags, policy, type Tags } from "./support";

export interface AgentBundleArgs {
  readonly clusterName: string;
  /** Absolute path of the agent's TypeScript entry. */
  readonly entry: string;
  /** Absolute path of the folder that keeps the bundles. */
  readonly outputFolder: string;
  /** Keep the bucket when it is not empty. Default false. */
  readonly protect: boolean;
  readonly tags: Tags;
}

/** Where agents are in the bucket. */
export const AGENT_PREFIX = "agent/";

/**
 * The agent as one file in a private bucket, under its SHA-256: a new agent is a new name, hence a new launch template version,
 * hence a rolling replacement.
 *
 * **Cost**: cents a month.
 */
export class AgentBundle extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  /** Object key and content hash, known before deployment. */
  readonly key: string;
  readonly sha256: string;
  readonly object: aws.s3.BucketObjectv2;

  constructor(name: string, args: AgentBundleArgs, opts?: pulumi.ComponentResourceOptions) {
    const bundle = bundleProgram("the agent", args.entry, args.outputFolder);
    super("wgc:index:AgentBundle", name, { clusterName: args.clusterName }, opts);
    this.sha256 = bundle.sha256;
    this.key = `${AGENT_PREFIX}${bundle.sha256}.js`;

    // Bucket names are shared by all AWS accounts.
    const suffix = new random.RandomId(`${name}-suffix`, { byteLength: 4 }, { parent: this });
    const bucket = new aws.s3.Bucket(
      `${name}-bucket`,
      {
        bucket: pulumi.interpolate`${args.clusterName}-agent-${suffix.hex}`,
        forceDestroy: !args.protect,
        tags: mergeTags(args.tags, { Name: `${args.clusterName}-agent` }),
      },
      { parent: this },
    );
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    const guards = this.guards(name, bucket);
    this.object = new aws.s3.BucketObjectv2(
      `${name}-object`,
      {
        bucket: bucket.bucket,
        key: this.key,
        source: new pulumi.asset.FileAsset(bundle.file),
        contentType: "text/javascript",
        // No tags: an object takes ten (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html), the stack may have
        // more. The bucket has them.
      },
      // An older launch template version names an older agent; a rollback needs it, so it stays when a newer one takes this place.
      { parent: this, dependsOn: guards, retainOnDelete: true },
    );
    this.registerOutputs({
      bucketName: this.bucketName,
      bucketArn: this.bucketArn,
      key: this.key,
      sha256: this.sha256,
    });
  }

  /** Everything that keeps the bucket private and its objects as they were written. */
  private guards(name: string, bucket: aws.s3.Bucket): pulumi.Resource[] {
    const block = new aws.s3.BucketPublicAccessBlock(
      `${name}-public-access`,
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      { parent: this },
    );
    return [
      block,
      new aws.s3.BucketOwnershipControls(
        `${name}-ownership`,
        { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
        { parent: this },
      ),
      new aws.s3.BucketVersioning(
        `${name}-versioning`,
        { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
        { parent: this },
      ),
      // S3's own key: the agent is no secret, and a KMS key would give the servers one more right they do not need.
      new aws.s3.BucketServerSideEncryptionConfiguration(
        `${name}-encryption`,
        {
          bucket: bucket.bucket,
          rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
        },
        { parent: this },
      ),
      new aws.s3.BucketPolicy(
        `${name}-policy`,
        {
          bucket: bucket.bucket,
          policy: policy({
            Sid: "DenyClearText",
            Effect: "Deny",
            Principal: "*",
            Action: "s3:*",
            Resource: [bucket.arn, pulumi.interpolate`${bucket.arn}/*`],
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          }),
        },
        // S3 refuses two changes of a bucket's access at once.
        { parent: this, dependsOn: [block] },
      ),
    ];
  }
}
