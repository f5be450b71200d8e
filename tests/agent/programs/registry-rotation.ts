// What a rotation leaves in the registry, for the agent's tests: they need its outcome, not how it is written.
import { promises as fs } from "node:fs";
import { readJson, removeFile, replaceFile, toJson } from "../../../registry/files";
import { registryPaths } from "../../../registry/layout";
import { readChanges, readClient, readCluster } from "../../../registry/reader";
import { type ClientFile, rotationFileSchema } from "../../../registry/schema";
import { generateKeyPair } from "../../../wireguard/keys";

/** Gives a client other keys and announces it. */
export async function changeKeys(
  root: string,
  name: string,
  change: (client: ClientFile) => Partial<ClientFile>,
): Promise<void> {
  const client = await readClient(root, name);
  if (client === undefined) throw new Error(`no client ${name}`);
  const paths = registryPaths(root);
  await replaceFile(paths.client(name), toJson({ ...client, ...change(client) }), { mode: 0o600 });
  const { changes, revision } = await readChanges(root);
  const next = revision + 1;
  const feed = { schema: 1, revision: next, changes: [...changes, { revision: next, name }] };
  await replaceFile(paths.changes, toJson(feed), { mode: 0o644 });
}

/** The keys of before, valid for so long. */
export const formerly = ({ publicKey, presharedKey }: ClientFile, seconds: number) => ({
  publicKey,
  ...(presharedKey === undefined ? {} : { presharedKey }),
  until: new Date(Date.now() + seconds * 1000).toISOString(),
});

/** Publishes a next server key at a port, as `server-key begin` does. */
export async function beginServerKey(root: string, port: number): Promise<string> {
  const paths = registryPaths(root);
  const { privateKey, publicKey } = generateKeyPair();
  await replaceFile(paths.nextKey, `${privateKey}\n`, { mode: 0o600 });
  const startedAt = new Date().toISOString();
  await replaceFile(
    paths.rotation,
    toJson({ schema: 1, phase: "rotating", next: { publicKey, port }, startedAt }),
    { mode: 0o644 },
  );
  return publicKey;
}

/** Makes the next server key the only one, or (`aborting`) takes it back, in the order that the registry's writer has. */
export async function endServerKey(root: string, phase: "finishing" | "aborting"): Promise<void> {
  const paths = registryPaths(root);
  const rotation = await readJson(paths.rotation, rotationFileSchema);
  if (rotation === undefined) throw new Error("no rotation");
  await replaceFile(paths.rotation, toJson({ ...rotation, phase }), { mode: 0o644 });
  if (phase === "finishing") {
    await fs.rename(paths.nextKey, paths.privateKey);
    await replaceFile(paths.publicKey, `${rotation.next.publicKey}\n`, { mode: 0o644 });
    const cluster = await readCluster(root);
    const endpoint = cluster.endpoint.replace(/\d+$/, String(rotation.next.port));
    await replaceFile(paths.cluster, toJson({ ...cluster, endpoint }), { mode: 0o644 });
  } else await removeFile(paths.nextKey);
  await removeFile(paths.rotation);
}
