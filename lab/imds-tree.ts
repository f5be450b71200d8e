/**
 * What the metadata service tells, as a tree of folders and items:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
 */
import type { InstanceMetadata } from "./imds";

/** What a server needs that boots by itself. */
export interface BootMetadata {
  userData: string;
  account: string;
  image: string;
  instanceType: string;
}

export type MetadataTree = { readonly [name: string]: MetadataTree | string | undefined };

/** Everything below `/latest/`. */
export function metadataTree(about: InstanceMetadata): MetadataTree {
  const { instance, zone, boot, interface: own, role } = about;
  const region = zone.replace(/[a-z]$/, "");
  const card = { "device-number": "0", "interface-id": own.id, "local-ipv4s": own.address };
  return {
    "meta-data": {
      "instance-id": instance,
      placement: { "availability-zone": zone, region },
      autoscaling: { "target-lifecycle-state": about.targetLifecycleState },
      spot:
        about.spotEnd === undefined
          ? undefined
          : { "instance-action": JSON.stringify({ action: "terminate", time: about.spotEnd }) },
      mac: own.mac,
      "local-ipv4": own.address,
      network: { interfaces: { macs: { [own.mac]: card } } },
      iam: { "security-credentials": { [role.role]: JSON.stringify(keysDocument(role)) } },
      ...(boot ? bootItems(about, boot) : {}),
    },
    ...(boot ? { dynamic: { "instance-identity": { document: identity(about, boot, region) } } } : {}),
    "user-data": boot?.userData,
  };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
function keysDocument({ accessKeyId, secretAccessKey, sessionToken, expiration }: InstanceMetadata["role"]) {
  return {
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiration,
  };
}

function bootItems({ interface: own }: InstanceMetadata, boot: BootMetadata): MetadataTree {
  const hostname = `ip-${own.address.replaceAll(".", "-")}.ec2.internal`;
  return {
    "ami-id": boot.image,
    "instance-type": boot.instanceType,
    hostname,
    "local-hostname": hostname,
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
    privateIp: about.interface.address,
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
