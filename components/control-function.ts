import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Input, Request, Response } from "../control/protocol";
import { STORAGE_THREADS } from "../registry/bulk";
import { type Bundle, bundleProgram } from "./bundle";
import { ControlRole } from "./control-role";
import { NFS, passFlow } from "./flow";
import { mergeTags, type Place, refuse, type Tags } from "./support";

/** What the registry is told about the cluster; see registry/schema.ts. */
export type ClusterDescription = Input<"init">["cluster"];

export interface ControlFunctionArgs {
  readonly clusterName: string;
  readonly place: Place;
  readonly vpcId: pulumi.Input<string>;
  /** Private subnets, one a zone, each with a mount target of the file system. */
  readonly subnetIds: readonly pulumi.Input<string>[];
  readonly fileSystemArn: pulumi.Input<string>;
  readonly fileSystemSecurityGroupId: pulumi.Input<string>;
  readonly registryAccessPointArn: pulumi.Input<string>;
  /** What must exist before the function can mount: mount targets, the file system's policy. */
  readonly startsAfter: readonly pulumi.Resource[];
  /** Absolute path of the function's TypeScript entry. */
  readonly entry: string;
  /** Absolute path of the folder that keeps bundled programs. */
  readonly outputFolder: string;
  /**
   * Calls that run at once, taken out of the account's quota (free of charge); 0 reserves none, which accounts with the quota of new
   * ones (10) need. Default 5.
   */
  readonly concurrency: number;
  /** Days to keep the function's log ($0.50 per GB written, a change writes about a kilobyte). Default 30. */
  readonly logRetentionDays: number;
  /** What `init` writes into the registry; a changed value calls it again and touches nothing else. */
  readonly cluster: Readonly<Record<keyof ClusterDescription, pulumi.Input<unknown>>>;
  readonly tags: Tags;
}

/** Where the function sees the registry. Lambda mounts file systems below /mnt only (API reference, FileSystemConfig). */
const REGISTRY = "/mnt/registry";
/**
 * Room for the list of 100,000 clients that is kept between calls, and with it 29 % of a processor (1,769 MB is a whole one, Lambda
 * developer guide, "Configure memory"). A change is a dozen small writes and waits for EFS, not for the processor.
 */
const MEMORY_MB = 512;
/** The longest that Lambda allows: an import of 10,000 clients writes some 100,000 times to EFS; everything else takes below a second. */
const TIMEOUT_SECONDS = 900;

/**
 * The only writer of the registry: a function that operators invoke with their IAM identity. It has no address, no permission for
 * anybody but the account's own IAM, and no way to anything but the file system.
 *
 * The deployment itself invokes it once, with `init`: the servers' private key is made there and stays on the file system; the
 * public key is the answer.
 *
 * **Cost**: nothing at rest; a change costs about $0.000002, a million of them $0.20 and $1 to $2 of time.
 */
export class ControlFunction extends pulumi.ComponentResource {
  readonly functionName: pulumi.Output<string>;
  readonly functionArn: pulumi.Output<string>;
  /** The servers' public key as `init` found or made it. */
  readonly serverPublicKey: pulumi.Output<string>;
  /** Servers wait for it: before that there is no key that they could take up. */
  readonly init: aws.lambda.Invocation;

  constructor(name: string, args: ControlFunctionArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("ControlFunction", [
      ["subnetIds", args.subnetIds.length < 2, "must be at least two, in different zones"],
      ["concurrency", args.concurrency < 0, "must not be negative"],
    ]);
    const bundle = bundleProgram("the control function", args.entry, args.outputFolder);
    super("wgc:index:ControlFunction", name, { clusterName: args.clusterName }, opts);
    const code = this.code(name, args, bundle);
    this.functionName = code.name;
    this.functionArn = code.arn;
    this.init = this.initialise(name, args, code, bundle);
    this.serverPublicKey = this.init.result.apply(publicKeyIn);
    this.registerOutputs({
      functionName: this.functionName,
      functionArn: this.functionArn,
      serverPublicKey: this.serverPublicKey,
    });
  }

  private code(name: string, args: ControlFunctionArgs, bundle: Bundle): aws.lambda.Function {
    const functionName = `${args.clusterName}-control`;
    const tags = mergeTags(args.tags, { Name: functionName });
    const inside = { parent: this };
    // Made before the function, which would make one of its own that is kept for ever.
    const log = new aws.cloudwatch.LogGroup(
      `${name}-log`,
      { name: `/wgc/${args.clusterName}/control`, retentionInDays: args.logRetentionDays, tags },
      inside,
    );
    const role = new ControlRole(`${name}-rights`, { ...args, functionName, logGroupArn: log.arn }, inside);
    const firewall = new aws.ec2.SecurityGroup(
      `${name}-sg`,
      { vpcId: args.vpcId, description: "wgc control function: nothing in, file system out", tags },
      inside,
    );
    const storage = { name: "storage", why: "Registry (NFS in TLS)", protocol: "tcp", port: NFS } as const;
    const between = { from: firewall.id, to: args.fileSystemSecurityGroupId, tags: args.tags };
    const rules = passFlow(name, storage, between, inside);
    return new aws.lambda.Function(
      `${name}-function`,
      {
        name: functionName,
        description: `wgc ${args.clusterName}: changes the registry of clients`,
        role: role.arn,
        // The newest that this version of the provider knows; AWS patches it.
        runtime: aws.lambda.Runtime.NodeJS24dX,
        architectures: ["arm64"],
        handler: "index.handler",
        // Files in an archive are compared by their content, so the same sources are no change.
        code: new pulumi.asset.AssetArchive({ "index.js": new pulumi.asset.FileAsset(bundle.file) }),
        memorySize: MEMORY_MB,
        timeout: TIMEOUT_SECONDS,
        // 0 means "never run" to Lambda; left out, calls share what the account has.
        ...(args.concurrency === 0 ? {} : { reservedConcurrentExecutions: args.concurrency }),
        vpcConfig: { subnetIds: [...args.subnetIds], securityGroupIds: [firewall.id] },
        fileSystemConfig: { arn: args.registryAccessPointArn, localMountPath: REGISTRY },
        environment: {
          variables: { WGC_REGISTRY: REGISTRY, UV_THREADPOOL_SIZE: String(STORAGE_THREADS) },
        },
        loggingConfig: { logFormat: "JSON", logGroup: log.name },
        tracingConfig: { mode: "PassThrough" },
        tags,
      },
      // Lambda tries the role, and the mount when it is first called.
      { parent: this, dependsOn: [role.rights, ...rules, ...args.startsAfter] },
    );
  }

  /**
   * Calls `init`. Pulumi calls it again when the input or a trigger changes, by replacing this record of a call, and that touches no
   * other resource. A call that fails leaves no record: the next `up` tries again.
   */
  private initialise(
    name: string,
    args: ControlFunctionArgs,
    code: aws.lambda.Function,
    bundle: Bundle,
  ): aws.lambda.Invocation {
    const request = pulumi.all({ ...args.cluster }).apply((cluster) => {
      // The parts are the settings' own, which the function checks like every other request.
      const checked = cluster as unknown as ClusterDescription;
      const whole: Request<"init"> = { version: 1, operation: "init", input: { cluster: checked } };
      return JSON.stringify(whole);
    });
    return new aws.lambda.Invocation(
      `${name}-init`,
      {
        functionName: code.name,
        input: request,
        // Another folder needs a registry; new code shows that it can read the one there is before any server relies on it.
        triggers: { registry: args.registryAccessPointArn, code: bundle.sha256 },
      },
      { parent: this },
    );
  }
}

/** The public key in the function's answer to `init`; anything else ends the deployment with the function's own words. */
export function publicKeyIn(answer: string): string {
  const response = JSON.parse(answer) as Response<"init">;
  if (response.ok) return response.result.publicKey;
  const { message, issues, remedy } = response.error;
  const places = issues.map((issue) => `${issue.path} ${issue.message}`);
  const parts = [message, ...places, ...(remedy === undefined ? [] : [remedy])];
  throw new pulumi.RunError(`the control function could not prepare the registry: ${parts.join("; ")}`);
}
