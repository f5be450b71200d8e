// What a rotation leaves in the registry, for the agent's tests: they need its outcome, not how it is written.
import { replaceFile, toJson } from "../../../registry/files";
import { registryPaths } from "../../../registry/layout";
import { readChanges, readClient } from "../../../registry/reader";
import type { ClientFile } from "../../../registry/schema";

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
