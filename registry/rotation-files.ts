import { promises as fs } from "node:fs";
import { dirname } from "node:path";
import { isKey, publicKeyOf } from "../wireguard/keys";
import type { AuditEntry } from "./audit-log";
import { RegistryError } from "./errors";
import { checkValue, readJson, readText, removeFile, replaceFile, syncFolder, toJson } from "./files";
import { movedFolder, type RegistryPaths, registryPaths, runtimeOf } from "./layout";
import { inspectServerKeys, readCluster, readServerKeys } from "./reader";
import {
  type ClusterFile,
  clusterFileSchema,
  formerKeysSchema,
  type RotationFile,
  rotationFileSchema,
} from "./schema";
import type { Session } from "./session";

const PUBLIC = { mode: 0o644 } as const;

/** The server key's rotation as it stands; undefined when there is none. */
export function readRotation(root: string): Promise<RotationFile | undefined> {
  return readJson(registryPaths(root).rotation, rotationFileSchema);
}

/** The way out where the next key is not what it should be. */
const NEXT_KEY_REMEDY =
  "restore it from the backup or from a server's copy (next.key in its state folder, /var/lib/wgc), or give the rotation up (./wgc server-key abort)";

/** The next private key, while there is one. */
export async function readNextKey(root: string): Promise<string | undefined> {
  const path = registryPaths(root).nextKey;
  const text = (await readText(path))?.trim();
  if (text === undefined || isKey(text)) return text;
  throw new RegistryError(path, "is not a private key (32 bytes in base64)", "corrupt", NEXT_KEY_REMEDY);
}

/**
 * Why the rotation cannot be finished: the next key is not the one that rotation.json names. Undefined where it is, and where it
 * has become the server key already.
 */
export async function nextKeyProblem(
  root: string,
  { next }: RotationFile,
): Promise<RegistryError | undefined> {
  if (await isServerKey(root, next.publicKey)) return undefined;
  const path = registryPaths(root).nextKey;
  try {
    const privateKey = await readNextKey(root);
    if (privateKey === undefined)
      return new RegistryError(path, "is missing while the server key rotates", "missing", NEXT_KEY_REMEDY);
    if (publicKeyOf(privateKey) === next.publicKey) return undefined;
    return new RegistryError(path, "is not the key that rotation.json names", "conflict", NEXT_KEY_REMEDY);
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
}

/** Whether this is the server key; a private key that cannot be read is nobody's. */
async function isServerKey(root: string, publicKey: string): Promise<boolean> {
  const privateKey = (await readText(registryPaths(root).privateKey))?.trim() ?? "";
  return isKey(privateKey) && publicKeyOf(privateKey) === publicKey;
}

/** The public keys that the servers had before the current one; none where no rotation has finished. */
export async function readFormerKeys(root: string): Promise<readonly string[]> {
  return (await readJson(registryPaths(root).formerKeys, formerKeysSchema))?.publicKeys ?? [];
}

/** An endpoint with another port: `vpn.example.org:51820`. */
export function withPort(endpoint: string, port: number): string {
  return `${endpoint.slice(0, endpoint.lastIndexOf(":"))}:${port}`;
}

/** The port of an endpoint. */
export function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
}

/** The two ports that the generations of the key take in turn. */
export function portsOf(cluster: ClusterFile): [number, number] {
  const first = portOf(cluster.endpoint);
  return cluster.ports ?? [first, first + 1];
}

/**
 * Completes a finish or an abort that was decided, and takes a next key away that no rotation names. Safe to repeat: each step looks
 * whether it has been done.
 *
 * INVARIANTS: the phase in rotation.json decides, and it goes last. While it says `rotating` both keys exist; `finishing` may only
 * go on to the next key being the only one, `aborting` to it being gone. The private key is replaced by a rename, so there is
 * never a moment without one. The key that goes is listed as a former one before it goes: a server that has it still, and no
 * next one, then knows that it was left behind and is not looking at another cluster's registry.
 * A finish whose next key is lost or damaged goes back to `rotating`: clients must be revocable whatever became of that key, and
 * whoever began it can restore the key or abort.
 */
export async function settleRotation(session: Session): Promise<void> {
  const { root, paths, lock } = session;
  const rotation = await readRotation(root);
  if (rotation?.phase === "rotating") return;
  if (rotation === undefined) {
    if ((await readText(paths.nextKey)) === undefined) return;
    await lock.assertHeld();
    await removeFile(paths.nextKey);
    return;
  }
  await lock.assertHeld();
  if (rotation.phase === "finishing") {
    if ((await nextKeyProblem(root, rotation)) !== undefined)
      return writeRotation(session, { ...rotation, phase: "rotating" });
    await finish(root, paths, rotation);
  } else await removeFile(paths.nextKey);
  await lock.assertHeld();
  await fs.rm(movedFolder(runtimeOf(root), rotation.next.publicKey), { recursive: true, force: true });
  await removeFile(paths.rotation);
}

/** Says how far the rotation is. */
export async function writeRotation(session: Session, rotation: RotationFile): Promise<void> {
  const path = session.paths.rotation;
  const checked = checkValue(path, rotationFileSchema, rotation); // what cannot be read back is never written
  await session.lock.assertHeld();
  await replaceFile(path, toJson(checked), PUBLIC);
}

/** Makes the next key, which {@link nextKeyProblem} has seen, the server key. */
async function finish(root: string, paths: RegistryPaths, { next }: RotationFile): Promise<void> {
  const cluster = await readCluster(root);
  const wish = { ...cluster, endpoint: withPort(cluster.endpoint, next.port), ports: portsOf(cluster) };
  const moved = checkValue(paths.cluster, clusterFileSchema, wish); // before the key goes
  if (await isServerKey(root, next.publicKey)) await removeFile(paths.nextKey);
  else {
    await listAsFormer(root, paths);
    await fs.rename(paths.nextKey, paths.privateKey);
    await syncFolder(dirname(paths.privateKey));
  }
  await replaceFile(paths.publicKey, `${next.publicKey}\n`, PUBLIC);
  await replaceFile(paths.cluster, toJson(moved), PUBLIC);
}

async function listAsFormer(root: string, { formerKeys }: RegistryPaths): Promise<void> {
  const { publicKey } = await inspectServerKeys(root);
  // `finish` begins only with a list that can be read; one that breaks in between must not hold up every later change.
  const known: readonly string[] = await readFormerKeys(root).catch(() => []);
  if (publicKey === undefined || known.includes(publicKey)) return;
  await replaceFile(formerKeys, toJson({ schema: 1, publicKeys: [...known, publicKey] }), PUBLIC);
}

/** Whether an interrupted step of the rotation was taken; asked after {@link settleRotation}. */
export async function rotationTookEffect(session: Session, entry: AuditEntry): Promise<boolean> {
  const rotation = await readRotation(session.root);
  const next = entry.claims?.[0];
  if (entry.operation.endsWith("begin")) return rotation?.next.publicKey === next;
  if (entry.operation.endsWith("finish")) return (await readServerKeys(session.root)).publicKey === next;
  return rotation === undefined;
}
