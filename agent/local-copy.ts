import { promises as fs } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RegistryError } from "../registry/errors";
import { createFile, readJson, readText, replaceFile, toJson } from "../registry/files";
import type { ServerKeys } from "../registry/reader";
import { type ClusterFile, clientFileSchema, clusterFileSchema } from "../registry/schema";
import { generateKeyPair, isKey, publicKeyOf } from "../wireguard/keys";

const snapshotSchema = z.object({
  schema: z.literal(1),
  /** A copy of another cluster's clients must never be served. */
  serverPublicKey: z.string(),
  revision: z.int().min(0),
  savedAt: z.string(),
  clients: z.array(clientFileSchema),
  /** New keys of clients that have been used: their former keys must not come back. */
  usedKeys: z.array(z.string()).default([]),
});

/** The last good state of the registry as this server keeps it on its own disk. */
export type Snapshot = z.infer<typeof snapshotSchema>;

const SECRET = { mode: 0o600 } as const;

/**
 * What this server keeps on its own disk, so that it can start again without the shared storage: the server key, the cluster
 * description and the last known clients. Every file is 0600 and replaced in one step.
 */
export class LocalCopy {
  /** The private key's file, which `wg` reads itself. */
  readonly keyPath: string;
  /** The key pair of this server's probe, which `network-up` makes. */
  private readonly probeKeyPath: string;
  readonly probePublicKeyPath: string;
  private readonly clusterPath: string;
  private readonly snapshotPath: string;

  constructor(private readonly statePath: string) {
    this.keyPath = join(statePath, "server.key");
    this.probeKeyPath = join(statePath, "probe.key");
    this.probePublicKeyPath = join(statePath, "probe.pub");
    this.clusterPath = join(statePath, "cluster.json");
    this.snapshotPath = join(statePath, "clients.json");
  }

  /** Keeps the server's key and the cluster description. */
  async saveIdentity(keys: ServerKeys, cluster: ClusterFile): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await createOrReplace(this.clusterPath, toJson(cluster));
    await createOrReplace(this.keyPath, `${keys.privateKey}\n`);
  }

  /** The server's public key, or undefined when this server has never seen a registry. */
  async publicKey(): Promise<string | undefined> {
    const text = (await readText(this.keyPath))?.trim();
    if (text === undefined) return undefined;
    if (!isKey(text))
      throw new RegistryError(
        this.keyPath,
        "is not a private key",
        "corrupt",
        "delete it and run `init` again",
      );
    return publicKeyOf(text);
  }

  /** The private key of this server's probe: made here the first time, and never anywhere else. */
  async probeKey(): Promise<string> {
    const known = (await readText(this.probeKeyPath))?.trim();
    const privateKey = known !== undefined && isKey(known) ? known : generateKeyPair().privateKey;
    await createOrReplace(this.probeKeyPath, `${privateKey}\n`);
    await createOrReplace(this.probePublicKeyPath, `${publicKeyOf(privateKey)}\n`);
    return privateKey;
  }

  /** The public key of this server's probe, or undefined when it has not been made. */
  async probePublicKey(): Promise<string | undefined> {
    const text = (await readText(this.probePublicKeyPath))?.trim();
    return text !== undefined && isKey(text) ? text : undefined;
  }

  /** The cluster description, or undefined. */
  cluster(): Promise<ClusterFile | undefined> {
    return readJson(this.clusterPath, clusterFileSchema);
  }

  /** The last known clients, or undefined; throws RegistryError when the file is broken. */
  snapshot(): Promise<Snapshot | undefined> {
    return readJson(this.snapshotPath, snapshotSchema);
  }

  /** Replaces the last known clients. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await replaceFile(this.snapshotPath, `${JSON.stringify(snapshot)}\n`, SECRET);
  }
}

async function createOrReplace(path: string, content: string): Promise<void> {
  if ((await readText(path)) === content) return;
  if (!(await createFile(path, content, SECRET))) await replaceFile(path, content, SECRET);
}
