import { promises as fs } from "node:fs";
import { generateKeyPair } from "../wireguard/keys";
import { errorCode, RegistryError } from "./errors";
import { checkValue, createFile, readText, toJson } from "./files";
import { type RegistryPaths, registryPaths } from "./layout";
import { readCluster, readServerKeys } from "./reader";
import { type ClusterFile, clusterSettingsSchema } from "./schema";

const SECRET = { mode: 0o600 } as const;
const PUBLIC = { mode: 0o644 } as const;

/**
 * Makes the folder a registry: server key pair, empty change feed, cluster description. Safe to repeat, and safe when several
 * servers do it at once: the key is linked into place, so exactly one wins and all others read the winner's.
 *
 * INVARIANTS: the private key is the first file of a registry. Where it is the only one, a first `init` died and the next one
 * finishes it; where anything else is and the key is not, the key was lost. Every client knows the public key that belongs
 * to it, so a second key would cut all of them off: that is refused, whoever asks. `cluster.json` is the last file, so
 * nobody takes an unfinished folder for a registry.
 */
export async function initRegistry(
  root: string,
  cluster: ClusterFile,
  /** The public key that this server already has a copy of: then no other one is ever made or accepted. */
  expected?: string,
): Promise<{ publicKey: string; created: boolean }> {
  const paths = registryPaths(root);
  const wanted = checkValue(paths.cluster, clusterSettingsSchema, cluster);
  if ((await readText(paths.cluster)) !== undefined) await assertSameCluster(root, wanted);
  if (expected !== undefined) await assertSameKey(paths, root, expected);
  for (const folder of [paths.root, paths.clients, paths.addresses, paths.keys])
    await fs.mkdir(folder, { recursive: true });
  for (const folder of [paths.serverFolder, paths.requests])
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const created = await ensurePrivateKey(paths);
  const { publicKey } = await readServerKeys(root);
  await ensurePublicKey(paths, publicKey);
  await createFile(paths.changes, toJson({ schema: 1, revision: 0, changes: [] }), PUBLIC);
  if (!(await createFile(paths.cluster, toJson(wanted), PUBLIC))) await assertSameCluster(root, wanted);
  return { publicKey, created };
}

/** An empty registry beside a server that knows a key is one that was lost, and another key in it another cluster's. */
async function assertSameKey(paths: RegistryPaths, root: string, expected: string): Promise<void> {
  const remedy =
    "restore the registry from the backup, or the key from a running server's copy (server.key in its state folder, /var/lib/wgc)";
  if ((await readText(paths.privateKey)) === undefined) {
    const problem =
      "is missing, but this server has the cluster's key; another key would cut off every client";
    throw new RegistryError(paths.privateKey, problem, "missing", remedy);
  }
  const { publicKey } = await readServerKeys(root);
  if (publicKey === expected) return;
  const problem = `is the key of ${publicKey}, this server has the key of ${expected}; clients know only one of them`;
  throw new RegistryError(paths.privateKey, problem, "conflict", remedy);
}

async function ensurePrivateKey(paths: RegistryPaths): Promise<boolean> {
  // Looked for before the key: another server that runs `init` now makes its key before it makes any of the traces.
  const trace = await traceOfInit(paths);
  if ((await readText(paths.privateKey)) !== undefined) return false;
  if (trace === undefined) return createFile(paths.privateKey, `${generateKeyPair().privateKey}\n`, SECRET);
  throw new RegistryError(
    paths.privateKey,
    `is missing, but this registry was initialised (${trace} exists); another key would cut off every client`,
    "missing",
    "restore it from the backup or from a running server's copy (server.key in its state folder, /var/lib/wgc)",
  );
}

/** A file that only an `init` that had made the private key, or a later writer, can have left; undefined in a new folder. */
async function traceOfInit(paths: RegistryPaths): Promise<string | undefined> {
  for (const path of [paths.publicKey, paths.changes, paths.cluster, paths.audit])
    if ((await readText(path)) !== undefined) return path;
  for (const folder of [paths.clients, paths.addresses, paths.keys]) {
    const file = (await list(folder)).find((name) => !name.startsWith(".")); // a dot: a temporary file of a dead writer
    if (file !== undefined) return `${folder}/${file}`;
  }
  return undefined;
}

async function list(folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** A crash can leave the public key out, never half of it or another one: then one of the two keys was exchanged. */
async function ensurePublicKey(paths: RegistryPaths, publicKey: string): Promise<void> {
  if (await createFile(paths.publicKey, `${publicKey}\n`, PUBLIC)) return;
  if ((await readText(paths.publicKey))?.trim() === publicKey) return;
  throw new RegistryError(
    paths.publicKey,
    `does not belong to ${paths.privateKey}, whose public key is ${publicKey}`,
    "conflict",
    "restore the pair from the backup; where clients already use the private key's, remove public.key and run `init` again",
  );
}

/** Another cluster's folder, or another tunnel range than the one that addresses were given from, is never taken over. */
async function assertSameCluster(root: string, wanted: ClusterFile): Promise<void> {
  const there = await readCluster(root);
  for (const field of ["cluster", "tunnelIpv4"] as const) {
    if (there[field] === wanted[field]) continue;
    const problem = `${field} is ${there[field]}, this server is configured with ${wanted[field]}; clients depend on it, so it cannot change`;
    throw new RegistryError(registryPaths(root).cluster, problem, "conflict");
  }
}
