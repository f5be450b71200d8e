import { nearestName } from "./names";
import { changesSince, clientNames, readChanges, readClients } from "./reader";
import { isPast } from "./rules";
import type { ClientFile } from "./schema";

/** The states a client can be in; one that is expired and revoked is `revoked`. */
export type ClientState = "active" | "revoked" | "expired";

/** What is looked for; clients meet all of it. */
export interface ClientQuery {
  readonly state?: ClientState | undefined;
  /** All of these tags, with these values. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly expiresBefore?: string | undefined;
  /** Part of the name. */
  readonly search?: string | undefined;
  /** Begin after this name. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A page of clients, in order of their names. */
export interface ClientPage {
  readonly clients: readonly ClientFile[];
  /** Give this as `after` for the next page; missing on the last one. */
  readonly next?: string;
  /** How many clients meet the query, on all pages, without those that {@link broken} names. */
  readonly total: number;
  /** Clients that are left out because their file cannot be read; what the query asks for cannot be told of them. */
  readonly broken: readonly string[];
}

/** The state of a client. */
export function clientState(client: ClientFile, now: Date): ClientState {
  if (client.revokedAt !== undefined) return "revoked";
  return client.expiresAt !== undefined && isPast(client.expiresAt, now) ? "expired" : "active";
}

/**
 * Answers questions about all clients. The first one that needs their content reads every file; later ones read the change feed and
 * the clients that it names. Questions about names alone need the folder's list and the files of one page only, as long as nothing
 * has been read. Clients whose file cannot be read are left out; `checkRegistry` names them.
 *
 * INVARIANTS: the revision is read before the clients, so a change that comes meanwhile is read once more, never missed.
 */
export class ClientIndex {
  /** In order of their names; both lists have the same places. */
  private clients: ClientFile[] = [];
  private names: string[] = [];
  /** Clients whose file cannot be read, as far as that is known. */
  private readonly broken = new Set<string>();
  private revision: number | undefined;
  private updating: Promise<void> | undefined;

  constructor(private readonly root: string) {}

  /** One page of the clients that meet the query. */
  async page(query: ClientQuery, now: Date): Promise<ClientPage> {
    const { state, tags, expiresBefore, limit } = query;
    if (this.revision === undefined && (state ?? tags ?? expiresBefore) === undefined)
      return this.pageByName(query, limit);
    await this.update();
    const wanted = matcher(query, now);
    const begin = query.after === undefined ? 0 : placeOf(this.names, query.after, true);
    const page: ClientFile[] = [];
    let total = 0;
    let more = false;
    for (const [place, client] of this.clients.entries()) {
      if (!wanted(client)) continue;
      total++;
      if (place < begin) continue;
      if (page.length < limit) page.push(client);
      else more = true;
    }
    return pageOf(page, more, total, [...this.broken].sort());
  }

  /** All clients. */
  async all(): Promise<ClientFile[]> {
    await this.update();
    return [...this.clients];
  }

  /** The name that was probably meant by one that does not exist. */
  async didYouMean(name: string): Promise<string | undefined> {
    return nearestName(name, this.revision === undefined ? await clientNames(this.root) : this.names);
  }

  private async pageByName({ search, after }: ClientQuery, limit: number): Promise<ClientPage> {
    const all = await clientNames(this.root);
    const names = search === undefined ? all : all.filter((name) => name.includes(search));
    const begin = after === undefined ? 0 : placeOf(names, after, true);
    const chosen = names.slice(begin, begin + limit);
    const { clients, unreadable } = await readClients(this.root, chosen);
    const total = names.length - unreadable.length;
    // The page goes on after the last name that was looked at, also where that one, or all of them, could not be read.
    const next = begin + limit < names.length ? chosen.at(-1) : undefined;
    return { clients, ...(next === undefined ? {} : { next }), total, broken: unreadable };
  }

  /** Takes over what changed; questions that come meanwhile wait for the same reading. */
  private async update(): Promise<void> {
    this.updating ??= this.follow().finally(() => {
      this.updating = undefined;
    });
    return this.updating;
  }

  private async follow(): Promise<void> {
    const feed = await readChanges(this.root);
    const since = this.revision === undefined ? undefined : changesSince(feed, this.revision);
    if (since?.kind === "none") return;
    if (since?.kind === "clients") {
      const { clients, unreadable } = await readClients(this.root, since.names);
      const found = new Map(clients.map((client) => [client.name, client]));
      for (const name of since.names) {
        this.put(name, found.get(name));
        this.broken.delete(name);
      }
      for (const name of unreadable) this.broken.add(name);
    } else {
      await this.readAll();
    }
    this.revision = feed.revision;
  }

  private async readAll(): Promise<void> {
    const { clients, unreadable } = await readClients(this.root, await clientNames(this.root));
    this.broken.clear();
    for (const name of unreadable) this.broken.add(name);
    this.clients = [...clients];
    this.names = clients.map(({ name }) => name);
  }

  private put(name: string, client: ClientFile | undefined): void {
    const place = placeOf(this.names, name);
    const there = this.names[place] === name ? 1 : 0;
    this.names.splice(place, there, ...(client === undefined ? [] : [name]));
    this.clients.splice(place, there, ...(client === undefined ? [] : [client]));
  }
}

function matcher(
  { state, tags, expiresBefore, search }: ClientQuery,
  now: Date,
): (client: ClientFile) => boolean {
  const before = expiresBefore === undefined ? undefined : Date.parse(expiresBefore);
  const pairs = Object.entries(tags ?? {});
  return (client) =>
    (search === undefined || client.name.includes(search)) &&
    (state === undefined || clientState(client, now) === state) &&
    (before === undefined || (client.expiresAt !== undefined && Date.parse(client.expiresAt) < before)) &&
    pairs.every(([key, value]) => client.tags[key] === value);
}

function pageOf(
  clients: readonly ClientFile[],
  more: boolean,
  total: number,
  broken: readonly string[],
): ClientPage {
  const last = clients.at(-1)?.name;
  return more && last !== undefined ? { clients, next: last, total, broken } : { clients, total, broken };
}

/** Where a name is in the ordered list, or would be; `behind` it. */
function placeOf(names: readonly string[], name: string, behind = false): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const here = names[middle] ?? "";
    if (here < name || (behind && here === name)) low = middle + 1;
    else high = middle;
  }
  return low;
}
