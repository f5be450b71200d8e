import { isConfirmed } from "./confirmed";
import { runtimeOf } from "./layout";
import { isPast } from "./rules";
import type { ClientFile } from "./schema";

/** New keys of a client. */
export interface NewKeys {
  readonly publicKey?: string | undefined;
  /** null takes the preshared key away. */
  readonly presharedKey?: string | null | undefined;
  /** How long the old key goes on working, at most; it stops when the new one is used. */
  readonly overlapSeconds: number;
}

/** Whether a client's former keys are no longer needed: their time is over, or the new ones have been used. */
export async function isSettled(root: string, client: ClientFile, now: Date): Promise<boolean> {
  if (client.previous === undefined) return false;
  return isPast(client.previous.until, now) || (await isConfirmed(runtimeOf(root), client.publicKey));
}

/** A client without its former keys. */
export function withoutPrevious({ previous: _, ...client }: ClientFile): ClientFile {
  return client as ClientFile;
}

/** A client without former keys that are no longer needed. */
export async function settled(root: string, client: ClientFile, now: Date): Promise<ClientFile> {
  return (await isSettled(root, client, now)) ? withoutPrevious(client) : client;
}

/**
 * A (settled) client with new keys. The key that works stays beside the new one: where an earlier rotation is not over, that is still
 * the former one, and the key that nobody has used yet is dropped. A preshared key belongs to a public key, and a peer has one
 * (wg(8)), so a new preshared key alone counts at once.
 */
export function withNewKeys(client: ClientFile, keys: NewKeys, now: Date): ClientFile {
  const { previous, presharedKey: oldPresharedKey, ...rest } = client;
  const presharedKey = keys.presharedKey === undefined ? oldPresharedKey : (keys.presharedKey ?? undefined);
  const publicKey = keys.publicKey ?? client.publicKey;
  const next = { ...rest, publicKey, ...(presharedKey === undefined ? {} : { presharedKey }) };
  if (publicKey === client.publicKey) return previous === undefined ? next : { ...next, previous };
  const working = previous ?? { publicKey: client.publicKey, presharedKey: oldPresharedKey };
  // Back to the key that works, or no overlap: there is nothing to keep beside it.
  if (working.publicKey === publicKey || keys.overlapSeconds === 0) return next;
  const until = new Date(now.getTime() + keys.overlapSeconds * 1000).toISOString();
  const former = working.presharedKey === undefined ? {} : { presharedKey: working.presharedKey };
  return { ...next, previous: { publicKey: working.publicKey, ...former, until } };
}
