import * as z from "zod";
import { isCidr, isHostCidr, isTunnelRange } from "../wireguard/addresses";
import { isDnsEntry, isEndpoint } from "../wireguard/hosts";
import { isKey, isUsablePublicKey, UNUSABLE_PUBLIC_KEY, ZERO_KEY } from "../wireguard/keys";
import { isClientName } from "./layout";

// Objects are loose: a newer version may add a field, and an older server that rewrites the file must not lose it.

const cidr = z.string().refine(isCidr, "is not an address range in CIDR form");
const hostCidr = z.string().refine(isHostCidr, "is not one address in CIDR form (/32 or /128)");
const time = z.iso.datetime({ error: "is not an ISO 8601 time in UTC" });
const revision = z.int().min(0);
const port = z.int().min(1).max(65535);

/** A client's name. */
export const clientNameSchema = z
  .string()
  .refine(
    isClientName,
    "is not a client name (lower-case letters, digits, '.', '_', '-', at most 63, first a letter or digit)",
  );

/** A public key that can complete a handshake. */
export const publicKeySchema = z
  .string()
  .refine(isUsablePublicKey, `is not a usable public key (${UNUSABLE_PUBLIC_KEY})`);

/** A preshared key; WireGuard reads zeros as none (wg(8)), so they would only look like one. */
export const presharedKeySchema = z
  .string()
  .refine(
    (text) => isKey(text) && text !== ZERO_KEY,
    "is not a preshared key (32 bytes in base64, not all zero)",
  );

/** A client's DNS server or search domain. */
export const dnsEntrySchema = z.string().refine(isDnsEntry, "is not an address or a search domain");

/** `cluster.json`: what every server and every client's config have in common. */
export const clusterFileSchema = z.looseObject({
  schema: z.literal(1),
  cluster: z.string().min(1),
  endpoint: z.string().refine(isEndpoint, "is not a host and a port like vpn.example.org:51820"),
  tunnelIpv4: cidr,
  dns: z.array(dnsEntrySchema),
  routes: z.array(cidr),
  mtu: z.int().min(576).max(65535),
  persistentKeepalive: z.int().min(0).max(65535),
  /** The two ports that the generations of the server key take in turn; missing until the first one was followed by another. */
  ports: z.tuple([port, port]).optional(),
  /** Whether clients reach both of these ports; missing where nobody has said. */
  bothPorts: z.boolean().optional(),
});
/** The content of `cluster.json`. */
export type ClusterFile = z.infer<typeof clusterFileSchema>;

/** Settings that somebody asks for: they have to be good for more than the file, which is read whatever older versions wrote into it. */
export const clusterSettingsSchema = clusterFileSchema.extend({
  cluster: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      "is not a cluster's name (letters, digits, '.', '_', '-', at most 63, first a letter or digit)",
    ),
  tunnelIpv4: z
    .string()
    .refine(
      isTunnelRange,
      "is not a range for the tunnel (IPv4, /8 to /29, no bits behind the length, like 10.100.0.0/16)",
    ),
  endpoint: clusterFileSchema.shape.endpoint.refine(
    (text) => !text.endsWith(":65535"),
    "has the last port there is; the server key's next generation needs the port after it (65534 at most)",
  ),
});

/** `clients/<name>.json`: one client. */
export const clientFileSchema = z.looseObject({
  schema: z.literal(1),
  name: clientNameSchema,
  publicKey: publicKeySchema,
  addresses: z.array(hostCidr).min(1),
  /** What this client reaches through the tunnel, and its DNS servers; where they are missing, the cluster's count. */
  routes: z.array(cidr).optional(),
  dns: z.array(dnsEntrySchema).optional(),
  presharedKey: presharedKeySchema.optional(),
  /** The former keys: they go on working until the new ones have been used, at most until that time. */
  previous: z
    .looseObject({ publicKey: publicKeySchema, presharedKey: presharedKeySchema.optional(), until: time })
    .optional(),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
  tags: z.record(z.string(), z.string()),
  /** The audit log's entry of the last change of this file: by it the next writer sees whether an interrupted change was made. */
  sequence: z.int().min(1).optional(),
});
/** The content of `clients/<name>.json`. */
export type ClientFile = z.infer<typeof clientFileSchema>;

/** Where the audit log ends: its last entry that counts, and the size of the file up to there. */
export const auditHeadSchema = z.object({
  sequence: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256"),
  size: z.int().min(1),
});
/** Where the audit log ends. */
export type AuditHead = z.infer<typeof auditHeadSchema>;

/** `changes.json`: the revision and which clients the last changes were about, oldest first. */
export const changeFeedSchema = z.looseObject({
  schema: z.literal(1),
  revision,
  changes: z.array(z.object({ revision, name: clientNameSchema })),
  audit: auditHeadSchema.optional(),
  /** The latest time of any change: the time does not go back with a writer's clock. */
  time: time.optional(),
  /** A hint for the next client's address: the search begins there. */
  nextAddress: z.string().optional(),
});
/** The content of `changes.json`. */
export type ChangeFeed = z.infer<typeof changeFeedSchema>;

/** `runtime/nodes/<instance>.json`: what a server last applied. */
export const nodeFileSchema = z.looseObject({
  schema: z.literal(1),
  instance: z.string().min(1),
  revision,
  peers: z.int().min(0),
  healthy: z.boolean(),
  version: z.string(),
  time,
  /** Where the other servers reach it. */
  address: z.ipv4().optional(),
  /** The public key that it serves, and the next one once it has that too. */
  serverKey: publicKeySchema.optional(),
  nextServerKey: publicKeySchema.optional(),
  /** What is not well there, as readable lines. */
  problems: z.array(z.string()).optional(),
});
/** The content of `runtime/nodes/<instance>.json`. */
export type NodeFile = z.infer<typeof nodeFileSchema>;

/** `server/rotation.json`: the next server key, from `begin` until `finish` or `abort` is complete. */
export const rotationFileSchema = z.looseObject({
  schema: z.literal(1),
  phase: z.enum(["rotating", "finishing", "aborting"]),
  next: z.looseObject({ publicKey: publicKeySchema, port }),
  startedAt: time,
});
/** The content of `server/rotation.json`. */
export type RotationFile = z.infer<typeof rotationFileSchema>;

/** `server/former.json`: the public keys that the servers had before the current one, oldest first. */
export const formerKeysSchema = z.looseObject({ schema: z.literal(1), publicKeys: z.array(publicKeySchema) });

/** How many changes `changes.json` keeps; a reader that is further behind reads all clients again. */
export const CHANGE_FEED_LIMIT = 1000;

/** Problems of a value as one line, each with its field path; values are not repeated, they may be secrets. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) =>
      issue.path.length === 0 ? issue.message : `${issue.path.map(String).join(".")} ${issue.message}`,
    )
    .join("; ");
}
