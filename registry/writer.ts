import { promises as fs } from "node:fs";
import { confirmedPath } from "./confirmed";
import { RegistryError } from "./errors";
import { checkValue, MOVE_AWAY } from "./files";
import { type ImportEntry, type ImportOptions, type ImportOutcome, importAll } from "./import";
import { initRegistry } from "./init";
import { runtimeOf } from "./layout";
import { Ledger, unknownClient } from "./ledger";
import { readClient, readClients, readCluster } from "./reader";
import { type NewKeys, settled, withNewKeys } from "./rotate";
import { addressProblem, assertAllowed, assertName, MOST_TAGS, refusal, serverKeyProblem } from "./rules";
import { type ClientFile, type ClusterFile, clientFileSchema } from "./schema";
import {
  type ChangeContext,
  type Changed,
  changedFields,
  type Decision,
  type Session,
  type WriterOptions,
} from "./session";
import { recordInit, writeCluster } from "./settings";
import { otherWishes } from "./wishes";

export type { ImportEntry, ImportOutcome } from "./import";
export type { NewKeys } from "./rotate";
export type { ChangeContext, Changed, WriterOptions } from "./session";

/** What an operator says about a new client. */
export interface NewClient {
  readonly name: string;
  readonly publicKey: string;
  readonly presharedKey?: string | undefined;
  /** A certain address (`10.100.0.7/32`) instead of the next free one. */
  readonly address?: string | undefined;
  readonly routes?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly expiresAt?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** What changes of a client: null goes back to the cluster's value, or to none; what is missing stays. */
export interface ClientChange {
  readonly routes?: readonly string[] | null | undefined;
  readonly dns?: readonly string[] | null | undefined;
  readonly expiresAt?: string | null | undefined;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
}

/** Whoever works on the registry's folder itself. */
const LOCAL: ChangeContext = { who: "local" };

/**
 * Adds a client and gives it an address. Adding the same client again (same name and key) returns the one that is there, revoked or
 * not; that it is not as it is asked for now is a conflict.
 */
export async function addClient(root: string, client: NewClient): Promise<ClientFile> {
  return (await new RegistryWriter(root).add(client, LOCAL)).value;
}

/** Takes a client's access away; it keeps its name and address. Safe to repeat. */
export async function revokeClient(root: string, name: string): Promise<ClientFile> {
  return (await new RegistryWriter(root).revoke(name, LOCAL)).value;
}

/** Gives a revoked client its access back. Safe to repeat. */
export async function restoreClient(root: string, name: string): Promise<ClientFile> {
  return (await new RegistryWriter(root).restore(name, LOCAL)).value;
}

/**
 * Forgets a client and frees its address. Safe to repeat: a client that is not there is not an error. A client whose file is
 * broken can be removed too: what it holds is found by its claims.
 */
export async function removeClient(root: string, name: string): Promise<void> {
  await new RegistryWriter(root).remove(name, LOCAL);
}

/**
 * Writes to one registry. It remembers nothing between two changes: what is free and who has what is looked up in the claims, so a
 * process that has just begun is as fast as one that stays.
 */
export class RegistryWriter {
  private readonly ledger: Ledger;

  constructor(
    private readonly root: string,
    options: WriterOptions = {},
  ) {
    this.ledger = new Ledger(root, options);
  }

  /** Makes the registry where there is none, and takes changed settings over where there is one. */
  async init(
    cluster: ClusterFile,
    context: ChangeContext,
  ): Promise<Changed<{ publicKey: string; created: boolean }>> {
    const value = await initRegistry(this.root, cluster);
    await recordInit(this.ledger, value.publicKey, context);
    const { revision } = await this.setCluster(cluster, context);
    return { value, revision };
  }

  /** Changes the cluster's settings; its name and its tunnel range cannot change, and the port is the server key's to move. */
  setCluster(cluster: ClusterFile, context: ChangeContext): Promise<Changed<ClusterFile>> {
    return writeCluster(this.ledger, cluster, context);
  }

  /** See {@link addClient}. */
  add(input: NewClient, context: ChangeContext): Promise<Changed<ClientFile>> {
    return this.change("add", input.name, input, context, (session) => this.planAdd(session, input));
  }

  /** See {@link revokeClient}. */
  revoke(name: string, context: ChangeContext): Promise<Changed<ClientFile>> {
    return this.edit("revoke", name, {}, context, (client, now) =>
      client.revokedAt === undefined ? { ...client, revokedAt: now.toISOString() } : client,
    );
  }

  /** See {@link restoreClient}. */
  restore(name: string, context: ChangeContext): Promise<Changed<ClientFile>> {
    return this.edit("restore", name, {}, context, ({ revokedAt: _, ...client }) => client as ClientFile);
  }

  /** Changes what an operator may say about a client. */
  update(name: string, change: ClientChange, context: ChangeContext): Promise<Changed<ClientFile>> {
    return this.edit("update", name, change, context, async (client, now) => {
      const path = this.ledger.paths.client(name);
      const after = checkValue(path, clientFileSchema, applyChange(client, change));
      const [had, has] = [client, after].map(({ tags }) => Object.keys(tags).length) as [number, number];
      if (has > MOST_TAGS && has > had)
        throw refusal(path, "tags", `would be ${has}, at most ${MOST_TAGS} are allowed`);
      const { routes = undefined, expiresAt = undefined } = change;
      const said = { name, routes: routes ?? undefined, expiresAt: expiresAt ?? undefined };
      assertAllowed(this.root, await readCluster(this.root), said, now);
      return after;
    });
  }

  /** Gives a client new keys; see {@link NewKeys} and {@link withNewKeys}. */
  rotate(name: string, keys: NewKeys, context: ChangeContext): Promise<Changed<ClientFile>> {
    return this.edit("rotate", name, keys, context, async (client, now, session) => {
      const path = this.ledger.paths.client(name);
      if (keys.publicKey === undefined && keys.presharedKey === undefined)
        throw refusal(path, "publicKey", "or presharedKey is needed: there is nothing to rotate");
      const after = checkValue(path, clientFileSchema, withNewKeys(client, keys, now));
      if (after.publicKey === client.publicKey) return after;
      await this.assertKeyFree(session, name, after.publicKey);
      // A mark of an earlier life of this key would end the overlap before it began.
      await fs.rm(confirmedPath(runtimeOf(this.root), after.publicKey), { force: true });
      return after;
    });
  }

  /**
   * See {@link removeClient}. An operator who misspelt the name wants to hear that there is none (`mustExist`); that is judged under
   * the lock, after an interrupted removal of this client has been completed: its repetition is no error.
   */
  remove(
    name: string,
    context: ChangeContext,
    { mustExist = false }: { readonly mustExist?: boolean } = {},
  ): Promise<Changed<{ name: string }>> {
    return this.change("remove", name, { name }, context, async (session) => {
      const { clients, unreadable, problems } = await readClients(this.root, [name]);
      const [before] = clients;
      const folder = problems.find(({ remedy }) => remedy === MOVE_AWAY);
      if (folder !== undefined) throw folder;
      const answer = () => ({ name });
      if (before !== undefined) return { answer, steps: [{ name, before, after: undefined }] };
      if (unreadable.length === 0) {
        const justRemoved = session.completed.some((entry) => entry.removes && entry.client === name);
        if (mustExist && !justRemoved) throw unknownClient(this.ledger.paths, name);
        return { answer, steps: [] };
      }
      const claimed = await session.claims.findAll(name);
      return { answer, steps: [{ name, before, after: undefined, claimed }] };
    });
  }

  /** Takes clients of another system over, one by one: what is refused keeps no other one out. */
  importClients(
    entries: readonly ImportEntry[],
    options: ImportOptions,
    context: ChangeContext,
  ): Promise<Changed<readonly ImportOutcome[]>> {
    const once = options.dryRun ? { ...context, requestKey: undefined } : context;
    return this.ledger.change("import", entries, once, { operation: "import" }, async (session) => {
      const outcomes = await importAll(session, entries, options, context);
      return { answer: () => outcomes, steps: [] };
    });
  }

  private async planAdd(session: Session, input: NewClient): Promise<Decision<ClientFile>> {
    const { name } = input;
    const path = this.ledger.paths.client(name);
    const cluster = await readCluster(this.root);
    const there = await readClient(this.root, name);
    const draft = checkValue(path, clientFileSchema, draftOf(input, session.now));
    if (there !== undefined) {
      const [problem, remedy] = conflictWith(there, draft.publicKey, input);
      if (problem === undefined) return { answer: () => there, steps: [] };
      throw new RegistryError(path, problem, "conflict", remedy, "name");
    }
    assertAllowed(this.root, cluster, input, session.now);
    await this.assertKeyFree(session, name, draft.publicKey);
    const address = await this.addressFor(session, cluster, input);
    const after: ClientFile = { ...draft, addresses: [address] };
    return {
      answer: ([written]) => written ?? after,
      steps: [{ name, before: undefined, after }],
      nextAddress: input.address === undefined ? address.split("/")[0] : session.nextAddress,
    };
  }

  private async addressFor(session: Session, cluster: ClusterFile, input: NewClient): Promise<string> {
    const { name, address } = input;
    if (address === undefined) {
      return `${await session.claims.freeAddress(cluster, session.nextAddress, new Set())}/32`;
    }
    const path = this.ledger.paths.client(name);
    const problem = addressProblem(address, cluster.tunnelIpv4);
    if (problem !== undefined) throw refusal(path, "address", problem);
    const owner = await session.claims.ownerOf(address, name);
    if (owner !== undefined)
      throw refusal(path, "address", `${address} already belongs to client ${owner}`, "conflict");
    return address;
  }

  private async assertKeyFree(session: Session, name: string, publicKey: string): Promise<void> {
    const path = this.ledger.paths.client(name);
    const problem = await serverKeyProblem(this.root, publicKey);
    if (problem !== undefined) throw refusal(path, "publicKey", problem, "conflict");
    const owner = await session.claims.ownerOf(publicKey, name);
    if (owner !== undefined)
      throw refusal(path, "publicKey", `already belongs to client ${owner}`, "conflict");
  }

  private edit(
    operation: string,
    name: string,
    input: object,
    context: ChangeContext,
    edit: (client: ClientFile, now: Date, session: Session) => ClientFile | Promise<ClientFile>,
  ): Promise<Changed<ClientFile>> {
    return this.change(operation, name, { ...input, name }, context, async (session) => {
      const before = await readClient(this.root, name);
      if (before === undefined) throw unknownClient(this.ledger.paths, name);
      const after = await edit(await settled(this.root, before, session.now), session.now, session);
      if (changedFields(before, after).length === 0) return { answer: () => before, steps: [] };
      return { answer: ([written]) => written ?? after, steps: [{ name, before, after }] };
    });
  }

  private async change<T>(
    operation: string,
    name: string,
    input: unknown,
    context: ChangeContext,
    work: (session: Session) => Promise<Decision<T>>,
  ): Promise<Changed<T>> {
    assertName(this.ledger.paths, name);
    return this.ledger.change(operation, input, context, { operation, client: name }, work);
  }
}

/** Why a client that is there is not the one that somebody adds, and what to do then; nothing where it is. */
function conflictWith(there: ClientFile, publicKey: string, input: NewClient): string[] {
  if (there.publicKey !== publicKey)
    return ["already exists with another public key", "remove it first or choose another name"];
  const fields = otherWishes(there, input);
  if (fields.length === 0) return [];
  return [
    `already exists with this public key, but not as it is asked for: ${fields.join(", ")}`,
    "change it (./wgc client update or rotate), or leave out what is different",
  ];
}

function draftOf(input: NewClient, now: Date): ClientFile {
  const { name, publicKey, routes, dns, presharedKey, expiresAt, tags } = input;
  return {
    schema: 1,
    name,
    publicKey,
    // A place holder until an address is found; it is checked with the rest and never written.
    addresses: ["0.0.0.0/32"],
    ...(routes === undefined ? {} : { routes: [...routes] }),
    ...(dns === undefined ? {} : { dns: [...dns] }),
    ...(presharedKey === undefined ? {} : { presharedKey }),
    createdAt: now.toISOString(),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    tags: { ...tags },
  };
}

function applyChange(client: ClientFile, change: ClientChange): ClientFile {
  const next: Record<string, unknown> = { ...client };
  for (const field of ["routes", "dns", "expiresAt"] as const) {
    const value = change[field];
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  }
  const tags = Object.entries({ ...client.tags, ...change.tags });
  return {
    ...next,
    tags: Object.fromEntries(tags.filter(([, value]) => value !== null)),
  } as ClientFile;
}
