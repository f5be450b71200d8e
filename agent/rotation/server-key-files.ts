// How the storage worker reads the state of the server key.
import { promises as fs } from "node:fs";
import { RegistryError } from "../../registry/errors";
import { registryPaths } from "../../registry/layout";
import { inspectServerKeys, readCluster, readServerKeys } from "../../registry/reader";
import { portOf, readFormerKeys, readRotation } from "../../registry/rotation-files";
import type { RegistryIdentity, ServerKeyState } from "../storage-protocol";

/**
 * The key that counts and everything that belongs to it. Files are read one after the other, and a rotation that is finished
 * meanwhile changes several of them: then they are read again.
 */
export async function readIdentity(root: string): Promise<RegistryIdentity> {
  for (;;) {
    const keys = await readServerKeys(root);
    const rotation = await readRotation(root);
    const cluster = await readCluster(root);
    if ((await readServerKeys(root)).publicKey !== keys.publicKey) continue;
    // The key goes first and cluster.json follows, so in between its port is said by the rotation alone.
    const port = rotation?.next.publicKey === keys.publicKey ? rotation.next.port : portOf(cluster.endpoint);
    return { keys, cluster, port, former: await formerKeys(root) };
  }
}

/**
 * Reads which server key counts, twice a second, and mostly finds that nothing has changed.
 *
 * INVARIANTS: the folder is opened each time, because NFS asks its server about a folder when it is opened (close-to-open); asked
 * for a file that was not there a moment ago, it would answer from memory for up to a minute (nfs(5), acdirmax). Every file in it
 * is made, replaced or removed by a rename or unlink, which changes the folder's own time.
 */
export class ServerKeyReader {
  private known: { readonly version: string; readonly state: ServerKeyState } | undefined;

  async read(root: string): Promise<ServerKeyState> {
    const version = await versionOf(registryPaths(root).serverFolder);
    if (this.known?.version === version) return this.known.state;
    const state = await readState(root);
    this.known = { version, state };
    return state;
  }
}

async function versionOf(folder: string): Promise<string> {
  const handle = await fs.open(folder, "r");
  try {
    const { dev, ino, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
    return `${folder} ${dev} ${ino} ${mtimeNs} ${ctimeNs}`;
  } finally {
    await handle.close();
  }
}

/** A list that cannot be read tells nothing: then a server that was left behind cannot be told from one at a wrong registry. */
function formerKeys(root: string): Promise<readonly string[]> {
  return readFormerKeys(root).catch((error: unknown) => {
    if (error instanceof RegistryError) return [];
    throw error;
  });
}

async function readState(root: string): Promise<ServerKeyState> {
  const rotation = await readRotation(root);
  const next =
    rotation === undefined
      ? undefined
      : { publicKey: rotation.next.publicKey, port: rotation.next.port, phase: rotation.phase };
  const { publicKey, problem } = await inspectServerKeys(root);
  if (publicKey === undefined) throw new Error(problem ?? "the registry has no server key");
  const port = next?.publicKey === publicKey ? next.port : portOf((await readCluster(root)).endpoint);
  return { publicKey, port, next, former: await formerKeys(root) };
}
