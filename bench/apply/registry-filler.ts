/**
 * Puts many clients into a lab's registry, or changes one: `registry-filler fill COUNT` and `registry-filler toggle NAME`, run in the
 * lab's own namespaces. Filling goes around the writer, which takes the lock and syncs for each client: a client's file is checked
 * and rendered by the registry's own functions, and the change feed says one revision for all of them, so that servers read
 * everything. There are no address claims; adding a client afterwards would need them, revoking and restoring do not.
 */
import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkValue, toJson } from "../../registry/files";
import { registryPaths, runtimeOf } from "../../registry/layout";
import { readClient, readCluster } from "../../registry/reader";
import { clientFileSchema } from "../../registry/schema";
import { restoreClient, revokeClient } from "../../registry/writer";
import { freeAddresses } from "../../wireguard/addresses";
import { isUsablePublicKey } from "../../wireguard/keys";

/** Folder of the labs' shared file systems, as lab/daemon.ts lays it. */
const EFS = "/run/lab/efs";

/** Folder of the registry: the access point's path in the file system. */
export function registryFolder(): string {
  const system = readdirSync(EFS).find((name) => !name.startsWith("."));
  if (system === undefined) throw new Error(`${EFS} has no file system`);
  return join(EFS, system, "registry");
}

/** Folder where servers record their sessions. */
export const runtimeFolder = (): string => runtimeOf(registryFolder());

/** Any 32 bytes but a few are a public key; making real pairs would take longer than all the rest. */
function somePublicKey(): string {
  for (;;) {
    const key = randomBytes(32).toString("base64");
    if (isUsablePublicKey(key)) return key;
  }
}

export const clientName = (index: number): string => `client-${String(index).padStart(6, "0")}`;

async function fill(count: number): Promise<void> {
  const root = registryFolder();
  const paths = registryPaths(root);
  const { tunnelIpv4 } = await readCluster(root);
  const addresses = freeAddresses(tunnelIpv4, new Set());
  const createdAt = new Date().toISOString();
  for (let index = 1; index <= count; index += 1) {
    const { value: address, done } = addresses.next();
    if (done) throw new Error(`${tunnelIpv4} has no room for ${count} clients`);
    const name = clientName(index);
    const client = {
      schema: 1,
      name,
      publicKey: somePublicKey(),
      addresses: [`${address}/32`],
      createdAt,
      tags: {},
    };
    writeFileSync(paths.client(name), toJson(checkValue(paths.client(name), clientFileSchema, client)), {
      mode: 0o600,
    });
  }
  const changes = [{ revision: count, name: clientName(count) }];
  writeFileSync(paths.changes, toJson({ schema: 1, revision: count, changes }), { mode: 0o644 });
}

/** Revokes a client, or gives its access back; prints when it was written (milliseconds since 1970). */
async function toggle(name: string): Promise<void> {
  const root = registryFolder();
  const client = await readClient(root, name);
  await (client?.revokedAt === undefined ? revokeClient : restoreClient)(root, name);
  process.stdout.write(`${Date.now()}\n`);
}

if (require.main === module) {
  const [verb, argument = ""] = process.argv.slice(2);
  void (verb === "fill" ? fill(Number(argument)) : toggle(argument));
}
