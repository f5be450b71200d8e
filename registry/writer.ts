import { promises as fs } from "node:fs";
import { freeAddresses, serverAddress } from "../wireguard/addresses";
import { RegistryError } from "./errors";
import { checkValue, createFile, readText, removeFile, replaceFile, toJson } from "./files";
import { registryPaths } from "./layout";
import { type HeldLock, type LockIntent, type LockOptions, takeLock } from "./lock";
import {
  type ClientScan,
  changesSince,
  readChanges,
  readClient,
  readClients,
  readCluster,
  readServerKeys,
  scanClients,
} from "./reader";
import {
  CHANGE_FEED_LIMIT,
  type ClientFile,
  type ClusterFile,
  clientFileSchema,
  describeIssues,
} from "./schema";

/** What an operator says about a new client; the address is the registry's to give. */
export interface NewClient {
  readonly name: string;
  readonly publicKey: string;
  readonly presharedKey?: string;
  readonly routes?: readonly string[];
  readonly expiresAt?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

const SECRET = { mode: 0o600 } as const;
const PUBLIC = { mode: 0o644 } as const;

/** Adds a client and gives it an address. Adding the same client again (same name and key) returns the one that is there. */
export function addClient(root: string, client: NewClient): Promise<ClientFile> {
  return new RegistryWriter(root).add(client);
}

/** Takes a client's access away; it keeps its name and address. Safe to repeat. */
export function revokeClient(root: string, name: string): Promise<ClientFile> {
  return new RegistryWriter(root).revoke(name);
}

/** Gives a revoked client its access back. Safe to repeat. */
export function restoreClient(root: string, name: string): Promise<ClientFile> {
  return new RegistryWriter(root).restore(name);
}

/**
 * Forgets a client and frees its address. Safe to repeat: a client that is not there is not an error. A client whose file is
 * broken can be removed too: what it holds is found by its claims.
 */
export function removeClient(root: string, name: string): Promise<void> {
  return new RegistryWriter(root).remove(name);
}

/**
 * Writes to one registry. A writer that stays (the lab, an import) remembers the keys it has seen and re-reads only what the
 * change feed names; the functions above make a new one each time.
 *
 * INVARIANTS: one change holds the lock from its first to its last write. The order is claim address, write client, append to
 * the feed: a crash in between leaves at most an unused claim or a client that the feed has not announced, which the next
 * writer mends because the dead holder's lock names the client. Nothing is acknowledged before the feed names it.
 */
export class RegistryWriter {
  private readonly paths;
  private known: { revision: number; names: Map<string, string>; keys: Map<string, string> } | undefined;

  constructor(
    private readonly root: string,
    private readonly lockOptions: LockOptions = {},
  ) {
    this.paths = registryPaths(root);
  }

  /** See {@link addClient}. */
  add(input: NewClient): Promise<ClientFile> {
    return this.locked({ operation: "add", client: input.name }, async (lock) => {
      const cluster = await readCluster(this.root);
      const draft = this.draft(input, cluster);
      const there = await readClient(this.root, input.name);
      if (there !== undefined) {
        if (there.publicKey === draft.publicKey) return this.announce(lock, there);
        throw this.conflict(
          draft.name,
          "already exists with another public key",
          "remove it first or choose another name",
        );
      }
      const owner = await this.ownerOfKey(draft.publicKey);
      if (owner !== undefined)
        throw this.conflict(draft.name, `publicKey already belongs to client ${owner}`);
      if (draft.publicKey === (await readServerKeys(this.root)).publicKey) {
        throw this.conflict(draft.name, "publicKey is the server's own");
      }
      const address = await this.claimAddress(draft.name, cluster, lock);
      return this.write(lock, { ...draft, addresses: [`${address}/32`] });
    });
  }

  /** See {@link revokeClient}. */
  revoke(name: string): Promise<ClientFile> {
    return this.change("revoke", name, (client) =>
      client.revokedAt === undefined ? { ...client, revokedAt: new Date().toISOString() } : client,
    );
  }

  /** See {@link restoreClient}. */
  restore(name: string): Promise<ClientFile> {
    return this.change("restore", name, ({ revokedAt: _, ...client }) => client as ClientFile);
  }

  /** See {@link removeClient}. */
  async remove(name: string): Promise<void> {
    await this.locked({ operation: "remove", client: name }, async (lock) => {
      const { clients, unreadable } = await readClients(this.root, [name]);
      const client = clients[0];
      if (client === undefined && unreadable.length === 0) return;
      await lock.assertHeld();
      await removeFile(this.paths.client(name));
      this.forget(name);
      await this.append(lock, name);
      // Only now may the address go to somebody else: every reader has been told that this client is gone.
      if (client === undefined) await this.releaseUnused(name, []);
      else await this.releaseClaims(name, client.addresses);
    });
  }

  private change(
    operation: string,
    name: string,
    edit: (client: ClientFile) => ClientFile,
  ): Promise<ClientFile> {
    return this.locked({ operation, client: name }, async (lock) => {
      const client = await readClient(this.root, name);
      if (client === undefined) {
        throw new RegistryError(this.paths.client(name), `there is no client ${name}`, "unknown-client");
      }
      return this.write(lock, edit(client));
    });
  }

  private async locked<T>(intent: LockIntent, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    if (intent.client !== undefined) checkedName(this.paths.root, intent.client);
    await readCluster(this.root); // a folder that is no registry (or is not mounted) gets no lock file
    const { lock, interrupted } = await takeLock(this.paths.lock, intent, this.lockOptions);
    try {
      for (const unfinished of interrupted) await this.mend(lock, unfinished);
      return await work(lock);
    } finally {
      await lock.release();
    }
  }

  /** Puts right what a writer that died while holding the lock may have left: unused claims and an unannounced change. */
  private async mend(lock: HeldLock, { client: name }: LockIntent): Promise<void> {
    if (name === undefined) return;
    const { clients, unreadable } = await readClients(this.root, [name]);
    // Which claims a broken file uses cannot be told: they stay until it is restored or the client is removed.
    if (unreadable.length === 0) await this.releaseUnused(name, clients[0]?.addresses ?? []);
    this.known = undefined;
    await this.append(lock, name);
  }

  private draft(input: NewClient, cluster: ClusterFile): ClientFile {
    const { routes, presharedKey, expiresAt } = input;
    const draft: ClientFile = {
      schema: 1,
      name: input.name,
      publicKey: input.publicKey,
      // A place holder inside the range until an address is claimed; it is checked with the rest and never written.
      addresses: [`${serverAddress(cluster.tunnelIpv4).split("/")[0]}/32`],
      ...(routes === undefined ? {} : { routes: [...routes] }),
      ...(presharedKey === undefined ? {} : { presharedKey }),
      createdAt: new Date().toISOString(),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      tags: { ...input.tags },
    };
    const path = this.paths.client(input.name);
    const good = checkValue(path, clientFileSchema, draft);
    if (good.expiresAt !== undefined && Date.parse(good.expiresAt) <= Date.now()) {
      throw new RegistryError(path, "expiresAt is in the past", "invalid");
    }
    return good;
  }

  private async claimAddress(name: string, cluster: ClusterFile, lock: HeldLock): Promise<string> {
    const taken = new Set(await fs.readdir(this.paths.addresses));
    for (const address of freeAddresses(cluster.tunnelIpv4, taken)) {
      await lock.assertHeld();
      if (await createFile(this.paths.address(address), `${name}\n`, PUBLIC)) return address;
    }
    throw new RegistryError(this.paths.addresses, `no free address is left in ${cluster.tunnelIpv4}`, "full");
  }

  private async releaseClaims(name: string, addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const path = this.paths.address(address.split("/")[0] ?? "");
      if ((await readText(path))?.trim() === name) await removeFile(path);
    }
  }

  /** Frees every address that a client has claimed and does not use; slow, because it looks at all claims. */
  private async releaseUnused(name: string, inUse: readonly string[]): Promise<void> {
    for (const ip of await fs.readdir(this.paths.addresses)) {
      if (inUse.includes(`${ip}/32`)) continue;
      if ((await readText(this.paths.address(ip)))?.trim() === name) await removeFile(this.paths.address(ip));
    }
  }

  private async write(lock: HeldLock, client: ClientFile): Promise<ClientFile> {
    await lock.assertHeld();
    await replaceFile(this.paths.client(client.name), toJson(client), SECRET);
    return this.announce(lock, client);
  }

  /** Also done when nothing changed: an earlier attempt may have died before it announced what it wrote. */
  private async announce(lock: HeldLock, client: ClientFile): Promise<ClientFile> {
    this.remember(client);
    await this.append(lock, client.name);
    return client;
  }

  private async append(lock: HeldLock, name: string): Promise<void> {
    const feed = await readChanges(this.root);
    const revision = feed.revision + 1;
    const changes = [...feed.changes, { revision, name }].slice(-CHANGE_FEED_LIMIT);
    await lock.assertHeld();
    await replaceFile(this.paths.changes, toJson({ ...feed, revision, changes }), PUBLIC);
    if (this.known?.revision === feed.revision) this.known.revision = revision;
  }

  /**
   * Who has a public key. A file that cannot be read may hold that very key, and two clients with one key take each other's
   * traffic away, so while there is such a file the answer is an error that names it and the ways out.
   */
  private async ownerOfKey(publicKey: string): Promise<string | undefined> {
    const feed = await readChanges(this.root);
    const since = this.known && changesSince(feed, this.known.revision);
    if (this.known === undefined || since === undefined || since.kind === "everything") {
      // Clients that are in conflict with each other are no reason to refuse a third one: their keys are known.
      const scan = await scanClients(this.root);
      this.assertReadable(scan);
      this.known = { revision: feed.revision, names: new Map(), keys: new Map() };
      for (const client of scan.clients) this.remember(client);
    } else if (since.kind === "clients") {
      const scan = await readClients(this.root, since.names);
      this.assertReadable(scan);
      for (const name of since.names) this.forget(name);
      for (const client of scan.clients) this.remember(client);
      this.known.revision = feed.revision;
    }
    return this.known.keys.get(publicKey);
  }

  private assertReadable({ unreadable, problems }: ClientScan): void {
    const name = unreadable[0];
    if (name === undefined) return;
    const path = this.paths.client(name);
    const [one, them] =
      unreadable.length === 1 ? ["this file", "it"] : [`${unreadable.length} files`, "each"];
    const why = problems.find((problem) => problem.path === path)?.problem ?? "cannot be read";
    throw new RegistryError(
      path,
      `${why}; no client can be added while ${one} may hold the same public key`,
      "corrupt",
      `restore ${them} from the backup, or delete ${them}, which ends the access of ${unreadable.join(", ")}`,
    );
  }

  private remember({ name, publicKey }: ClientFile): void {
    this.forget(name);
    this.known?.names.set(name, publicKey);
    this.known?.keys.set(publicKey, name);
  }

  private forget(name: string): void {
    const key = this.known?.names.get(name);
    if (key !== undefined && this.known?.keys.get(key) === name) this.known.keys.delete(key);
    this.known?.names.delete(name);
  }

  private conflict(name: string, problem: string, remedy?: string): RegistryError {
    return new RegistryError(this.paths.client(name), problem, "conflict", remedy);
  }
}

function checkedName(root: string, name: string): void {
  const parsed = clientFileSchema.shape.name.safeParse(name);
  if (!parsed.success) {
    throw new RegistryError(
      root,
      `${JSON.stringify(name.slice(0, 80))} ${describeIssues(parsed.error)}`,
      "invalid",
    );
  }
}
