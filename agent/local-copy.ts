import { promises as fs } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { RegistryError } from "../registry/errors";
import { createFile, readJson, readText, replaceFile, syncFolder, toJson } from "../registry/files";
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

/** The ports at which the generations of the server key are served that this server had, has or will have, by public key. */
const portsSchema = z.object({ schema: z.literal(1), ports: z.record(z.string(), z.int()) });

/** A server key that follows the present one. */
export interface NextKey {
  readonly publicKey: string;
  readonly port: number;
}

const SECRET = { mode: 0o600 } as const;

/**
 * What this server keeps on its own disk, so that it can start again without the shared storage: the server key, the next one
 * while there is one, the cluster description, the last known clients and the servers' mesh key. Every file is 0600 and replaced in one step.
 *
 * INVARIANTS: a key's port is known before the key is there, so which port counts follows from the key alone, and the next key
 * becomes the present one in a single step.
 */
export class LocalCopy {
  /** The private key's file, which `wg` reads itself. */
  readonly keyPath: string;
  /** The next private key's file. */
  readonly nextKeyPath: string;
  private readonly portsPath: string;
  /** The key pair of this server's probe, which `network-up` makes. */
  private readonly probeKeyPath: string;
  readonly probePublicKeyPath: string;
  private readonly clusterPath: string;
  private readonly snapshotPath: string;
  private readonly meshKeyPath: string;

  constructor(private readonly statePath: string) {
    this.keyPath = join(statePath, "server.key");
    this.nextKeyPath = join(statePath, "next.key");
    this.portsPath = join(statePath, "ports.json");
    this.probeKeyPath = join(statePath, "probe.key");
    this.probePublicKeyPath = join(statePath, "probe.pub");
    this.clusterPath = join(statePath, "cluster.json");
    this.snapshotPath = join(statePath, "clients.json");
    this.meshKeyPath = join(statePath, "mesh.key");
  }

  /** Keeps the server's key with its port, and the cluster description. */
  async saveIdentity(keys: ServerKeys, cluster: ClusterFile, port: number): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await this.savePort(keys.publicKey, port);
    await createOrReplace(this.clusterPath, toJson(cluster));
    await createOrReplace(this.keyPath, `${keys.privateKey}\n`);
  }

  /** The server's public key, or undefined when this server has never seen a registry. */
  async publicKey(): Promise<string | undefined> {
    return publicKeyIn(this.keyPath, "delete it and run `init` again");
  }

  /** The ports of all generations of the server key that this server knows. */
  async ports(): Promise<ReadonlyMap<string, number>> {
    return new Map(Object.entries((await readJson(this.portsPath, portsSchema))?.ports ?? {}));
  }

  /** Keeps the next server key. @param firstPort where the present key is served unless it is known better */
  async saveNext(privateKey: string, port: number, firstPort: number): Promise<void> {
    const present = await this.publicKey();
    if (present !== undefined) await this.savePort(present, (await this.ports()).get(present) ?? firstPort);
    await this.savePort(publicKeyOf(privateKey), port);
    await createOrReplace(this.nextKeyPath, `${privateKey}\n`);
  }

  /** The next server key, while there is one. */
  async next(): Promise<NextKey | undefined> {
    const publicKey = await publicKeyIn(this.nextKeyPath, "delete it; it is fetched again");
    const port = publicKey === undefined ? undefined : (await this.ports()).get(publicKey);
    return publicKey === undefined || port === undefined ? undefined : { publicKey, port };
  }

  /** Forgets the next server key. */
  async dropNext(): Promise<void> {
    await fs.rm(this.nextKeyPath, { force: true });
  }

  /** The next server key is the server key from now on. Nothing happens when it is already. */
  async promoteNext(publicKey: string): Promise<void> {
    if ((await this.publicKey()) === publicKey) return;
    if ((await this.next())?.publicKey !== publicKey)
      throw new RegistryError(this.nextKeyPath, `is not the key of ${publicKey}`, "conflict");
    await fs.rename(this.nextKeyPath, this.keyPath);
    await syncFolder(this.statePath);
  }

  private async savePort(publicKey: string, port: number): Promise<void> {
    const ports = { ...Object.fromEntries(await this.ports()), [publicKey]: port };
    await createOrReplace(this.portsPath, toJson({ schema: 1, ports }));
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

  /** The key of the servers' messages to each other (base64) when it was last read, or undefined. */
  async meshKey(): Promise<string | undefined> {
    return (await readText(this.meshKeyPath))?.trim();
  }

  /** Keeps the key of the servers' messages to each other. */
  async saveMeshKey(key: string): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await createOrReplace(this.meshKeyPath, `${key}\n`);
  }

  /** The cluster description, or undefined. */
  cluster(): Promise<ClusterFile | undefined> {
    return readJson(this.clusterPath, clusterFileSchema);
  }

  /** The last known clients, or undefined; throws RegistryError when the file is broken. */
  snapshot(): Promise<Snapshot | undefined> {
    return readJson(this.snapshotPath, snapshotSchema);
  }

  /** Forgets the last known clients. */
  async dropSnapshot(): Promise<void> {
    await fs.rm(this.snapshotPath, { force: true });
  }

  /** Replaces the last known clients. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await replaceFile(this.snapshotPath, `${JSON.stringify(snapshot)}\n`, SECRET);
  }
}

async function publicKeyIn(path: string, remedy: string): Promise<string | undefined> {
  const text = (await readText(path))?.trim();
  if (text === undefined) return undefined;
  if (!isKey(text)) throw new RegistryError(path, "is not a private key", "corrupt", remedy);
  return publicKeyOf(text);
}

async function createOrReplace(path: string, content: string): Promise<void> {
  if ((await readText(path)) === content) return;
  if (!(await createFile(path, content, SECRET))) await replaceFile(path, content, SECRET);
}
