import { clientState } from "../registry/client-index";
import type { ClientFile } from "../registry/schema";
import type { ClientView } from "./answers";

/** What an answer's pages may hold: an invocation gives back 6 MB at most (Lambda quotas, synchronous payload). */
export const PAGE_BYTES = 4_000_000;

/**
 * A client as it is shown. Its fields are chosen one by one: what a newer version adds to the file, or somebody wrote into it,
 * does not show, and a preshared key never does.
 */
export function viewOf(client: ClientFile, now: Date): ClientView {
  const { previous } = client;
  return {
    name: client.name,
    state: clientState(client, now),
    publicKey: client.publicKey,
    hasPresharedKey: client.presharedKey !== undefined,
    addresses: client.addresses,
    ...optional("routes", client.routes),
    ...optional("dns", client.dns),
    createdAt: client.createdAt,
    ...optional("expiresAt", client.expiresAt),
    ...optional("revokedAt", client.revokedAt),
    tags: client.tags,
    ...(previous === undefined || Date.parse(previous.until) <= now.getTime()
      ? {}
      : { previous: { publicKey: previous.publicKey, until: previous.until } }),
  };
}

/** A page that fits into an answer: as many as asked for, fewer when they are large; `next` continues after the last one. */
export function fitPage<T extends { readonly name: string }>(
  page: { readonly items: readonly T[]; readonly next?: string | undefined },
  bytes = PAGE_BYTES,
): { readonly items: readonly T[]; readonly next?: string } {
  let room = bytes;
  const items: T[] = [];
  for (const item of page.items) {
    room -= Buffer.byteLength(JSON.stringify(item)) + 1;
    const last = items.at(-1);
    if (room < 0 && last !== undefined) return { items, next: last.name };
    items.push(item);
  }
  return { items, ...optional("next", page.next) };
}

/** Names of broken clients that an answer has at most. */
const MOST_BROKEN = 1000;

/** Clients that an answer leaves out because their file cannot be read; nothing where there is none. */
export function leftOut(broken: readonly string[]): { readonly broken?: readonly string[] } {
  return broken.length === 0 ? {} : { broken: broken.slice(0, MOST_BROKEN) };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}
