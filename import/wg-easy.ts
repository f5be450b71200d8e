import { isKey, publicKeyOf } from "../wireguard/keys";
import { acceptCandidates } from "./candidates";
import { accessProblem, objectOf, parseJsonText, textOf, timeOf } from "./json";
import type { Candidate, Parsed } from "./types";

/** Whether a value looks like wg-easy's wg0.json. */
export function isWgEasy(value: unknown): boolean {
  const root = objectOf(value);
  return objectOf(root?.["server"]) !== undefined && objectOf(root?.["clients"]) !== undefined;
}

/**
 * wg-easy's wg0.json (versions up to 14): `server` {privateKey, publicKey, address} and `clients` by id, each {name, address,
 * privateKey, publicKey, preSharedKey, createdAt, updatedAt, expiredAt, enabled}; fields from src/lib/WireGuard.js and
 * src/server/api/setup/migrate.post.ts of github.com/wg-easy/wg-easy.
 */
export function parseWgEasy(text: string, now: Date): Parsed {
  const root = objectOf(parseJsonText(text));
  const server = objectOf(root?.["server"]);
  const clients = Object.entries(objectOf(root?.["clients"]) ?? {});
  const withPrivateKey = clients.filter(
    ([, client]) => textOf(objectOf(client)?.["privateKey"]) !== undefined,
  );
  const accepted = acceptCandidates(
    clients.map(([id, client], index) => candidateOf(id, objectOf(client) ?? {}, index)),
    now,
  );
  const notes = [...accepted.notes];
  if (withPrivateKey.length > 0)
    notes.unshift(
      `the file holds the private keys of ${withPrivateKey.length} clients; they are not imported, but whoever can read that file can be these clients: rotate their keys after the move`,
    );
  const serverPublicKey = publicKeyIn(server);
  return {
    format: "wg-easy",
    entries: accepted.entries,
    refused: accepted.refused,
    notes,
    ...(serverPublicKey === undefined ? {} : { serverPublicKey }),
  };
}

function candidateOf(id: string, client: Readonly<Record<string, unknown>>, index: number): Candidate {
  const address = textOf(client["address"]);
  const shortId = /^[0-9A-Za-z-]{1,64}$/.test(id) ? id : undefined;
  return {
    where: `client ${index + 1}`,
    wantedName: textOf(client["name"]),
    publicKey: textOf(client["publicKey"]) ?? "",
    presharedKey: textOf(client["preSharedKey"]),
    addresses: address === undefined ? [] : [address],
    expiresAt: timeOf(client["expiredAt"]),
    disabled: client["enabled"] === false,
    problem: accessProblem(client, "expiredAt", "enabled"),
    // By it the client is found again in the old system and its backups.
    ...(shortId === undefined ? {} : { tags: { "wg-easy/id": shortId } }),
  };
}

function publicKeyIn(server: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const privateKey = textOf(server?.["privateKey"]) ?? "";
  if (isKey(privateKey)) return publicKeyOf(privateKey);
  const publicKey = textOf(server?.["publicKey"]) ?? "";
  return isKey(publicKey) ? publicKey : undefined;
}
