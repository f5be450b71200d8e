/** Fills a registry with many clients around the writer, which syncs for each: claims, files and a feed as it would have left them. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { checkValue, toJson } from "../../registry/files";
import { registryPaths } from "../../registry/layout";
import { readCluster } from "../../registry/reader";
import { clientFileSchema } from "../../registry/schema";
import { clientAddresses } from "../../wireguard/addresses";
import { isUsablePublicKey } from "../../wireguard/keys";

/** Any 32 bytes but a few are a public key; making real pairs would take longer than all the rest. */
export function somePublicKey(): string {
  for (;;) {
    const key = randomBytes(32).toString("base64");
    if (isUsablePublicKey(key)) return key;
  }
}

/** The name of a client of the benchmark. */
export const clientName = (index: number): string => `client-${String(index).padStart(6, "0")}`;

/** One of these teams has each client, by its number. */
export const TEAMS = ["ops", "dev", "sales", "lab"] as const;

/** Puts clients into an empty registry; every tenth expires, every hundredth is revoked. */
export async function fill(root: string, count: number): Promise<void> {
  const paths = registryPaths(root);
  const { tunnelIpv4 } = await readCluster(root);
  const addresses = clientAddresses(tunnelIpv4);
  const createdAt = new Date().toISOString();
  let nextAddress = "";
  for (let index = 1; index <= count; index++) {
    const { value: address, done } = addresses.next();
    if (done) throw new Error(`${tunnelIpv4} has no room for ${count} clients`);
    const [name, publicKey] = [clientName(index), somePublicKey()];
    const client = checkValue(paths.client(name), clientFileSchema, {
      schema: 1,
      name,
      publicKey,
      addresses: [`${address}/32`],
      createdAt,
      ...(index % 10 === 0 ? { expiresAt: "2099-01-01T00:00:00Z" } : {}),
      ...(index % 100 === 0 ? { revokedAt: createdAt } : {}),
      tags: { team: TEAMS[index % TEAMS.length] ?? "" },
    });
    writeFileSync(paths.client(name), toJson(client), { mode: 0o600 });
    writeFileSync(paths.address(address), `${name}\n`);
    writeFileSync(paths.key(publicKey), `${name}\n`);
    nextAddress = address;
  }
  const changes = [{ revision: count, name: clientName(count) }];
  const feed = { schema: 1, revision: count, changes, nextAddress };
  writeFileSync(paths.changes, `${JSON.stringify(feed)}\n`);
}
