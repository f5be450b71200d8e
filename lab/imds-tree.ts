/**
 * What the metadata service tells, as a tree of folders and items:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
 */
import type { InstanceMetadata } from "./imds";

/** What a server needs that boots by itself: who it is in EC2's eyes, its user data and its role. */
export interface BootMetadata {
  userData: string;
  address: string;
  hardwareAddress: string;
  account: string;
  image: string;
  instanceType: string;
  role: string;
  /** The document with the role's keys. */
  credentials: string;
}

const ROLE = "wgc-lab-server";

export type MetadataTree = { readonly [name: string]: MetadataTree | string | undefined };

/** Everything below `/latest/`. */
export function metadataTree(about: InstanceMetadata): MetadataTree {
  const { instance, zone, boot } = about;
  const region = zone.replace(/[a-z]$/, "");
  return {
    "meta-data": {
      "instance-id": instance,
      placement: { "availability-zone": zone, region },
      autoscaling: { "target-lifecycle-state": about.targetLifecycleState },
      spot:
        about.spotEnd === undefined
          ? undefined
          : { "instance-action": JSON.stringify({ action: "terminate", time: about.spotEnd }) },
      iam: { "security-credentials": boot ? { [boot.role]: boot.credentials } : { [ROLE]: credentials() } },
      ...(boot ? bootItems(boot) : {}),
    },
    ...(boot ? { dynamic: { "instance-identity": { document: identity(about, boot, region) } } } : {}),
    "user-data": boot?.userData,
  };
}

/** Keys that open nothing, for servers that take the steps of their user data: the lab's APIs look at their form only. */
function credentials(): string {
  return JSON.stringify({
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: "ASIALABLABLABLABLABL",
    SecretAccessKey: "secret-of-the-lab",
    Token: "token-of-the-lab",
    Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString(),
  });
}

function bootItems(boot: BootMetadata): MetadataTree {
  const hostname = `ip-${boot.address.replaceAll(".", "-")}.ec2.internal`;
  return {
    "ami-id": boot.image,
    "instance-type": boot.instanceType,
    hostname,
    "local-hostname": hostname,
    "local-ipv4": boot.address,
    mac: boot.hardwareAddress,
    network: {
      interfaces: {
        macs: { [boot.hardwareAddress]: { "device-number": "0", "local-ipv4s": boot.address } },
      },
    },
  };
}

function identity(about: InstanceMetadata, boot: BootMetadata, region: string): string {
  return JSON.stringify({
    version: "2017-09-30",
    accountId: boot.account,
    region,
    availabilityZone: about.zone,
    instanceId: about.instance,
    instanceType: boot.instanceType,
    imageId: boot.image,
    privateIp: boot.address,
  });
}

/** The item at `/latest/...` or at a version's date; of a folder the names in it, folders with a slash. Undefined when there is none. */
export function itemAt(tree: MetadataTree, path: string): string | undefined {
  const [version, ...names] = path.replace(/^\//, "").replace(/\/$/, "").split("/");
  if (version !== "latest" && !/^\d{4}-\d{2}-\d{2}$/.test(version ?? "")) return undefined;
  let found: MetadataTree | string | undefined = tree;
  for (const name of names) {
    if (typeof found !== "object" || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return typeof found === "object" ? listing(found) : found;
}

function listing(tree: MetadataTree): string {
  return Object.entries(tree)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => (typeof value === "object" ? `${name}/` : name))
    .join("\n");
}
