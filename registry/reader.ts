import { promises as fs } from "node:fs";
import { isKey, publicKeyOf } from "../wireguard/keys";
import { readMany } from "./bulk";
import { errorCode, RegistryError } from "./errors";
import { parseJson, readJson, readText, unreadable } from "./files";
import { clientNameOfFile, registryPaths } from "./layout";
import {
  type ChangeFeed,
  type ClientFile,
  type ClusterFile,
  changeFeedSchema,
  clientFileSchema,
  clusterFileSchema,
} from "./schema";

/** The servers' shared key pair. */
export interface ServerKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** All readable clients and what was wrong with the others. */
export interface ClientScan {
  readonly clients: readonly ClientFile[];
  readonly problems: readonly RegistryError[];
  /** Names whose file exists but cannot be trusted: a server keeps what it last knew of them. */
  readonly unreadable: readonly string[];
}

/** What a reader at some revision has to do next. */
export type ChangesSince =
  | { readonly kind: "none"; readonly revision: number }
  | { readonly kind: "clients"; readonly revision: number; readonly names: readonly string[] }
  | { readonly kind: "everything"; readonly revision: number };

/** Clients that are passed on at a time while more are read. */
const BATCH = 128;

/** Reads `cluster.json`. */
export async function readCluster(root: string): Promise<ClusterFile> {
  const path = registryPaths(root).cluster;
  const cluster = await readJson(path, clusterFileSchema);
  if (cluster === undefined) {
    throw new RegistryError(
      path,
      "does not exist: the folder is no registry, or it is not mounted",
      "missing",
    );
  }
  return cluster;
}

/**
 * Reads the servers' key pair. The private key is the truth and the public key is derived from it, so a `public.key` that
 * a crash left out or that someone changed cannot mislead anybody.
 */
export async function readServerKeys(root: string): Promise<ServerKeys> {
  const path = registryPaths(root).privateKey;
  const text = await readText(path);
  if (text === undefined)
    throw new RegistryError(path, "does not exist: `init` has not run, or the key was lost", "missing");
  const privateKey = text.trim();
  if (!isKey(privateKey)) throw new RegistryError(path, "is not a private key (32 bytes in base64)");
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/**
 * The servers' public key as a server that runs needs it: to tell this registry from another one's. A damaged private key
 * is a problem to report, but no reason to stop following the clients, so then the public key's file answers.
 */
export async function inspectServerKeys(
  root: string,
): Promise<{ readonly publicKey: string | undefined; readonly problem: string | undefined }> {
  const paths = registryPaths(root);
  const beside = (await readText(paths.publicKey))?.trim();
  try {
    const { publicKey } = await readServerKeys(root);
    if (beside === publicKey) return { publicKey, problem: undefined };
    const what = beside === undefined ? "does not exist" : `does not belong to ${paths.privateKey}`;
    return {
      publicKey,
      problem: `${paths.publicKey}: ${what}; restore it (the private key counts meanwhile)`,
    };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error; // the storage itself: told as such
    const problem = `${paths.privateKey}: ${error.problem}; restore it from the backup or from a running server's copy before a new server starts`;
    return { publicKey: beside !== undefined && isKey(beside) ? beside : undefined, problem };
  }
}

/** Reads the change feed and checks that it is consecutive and ends at its revision. */
export async function readChanges(root: string): Promise<ChangeFeed> {
  const path = registryPaths(root).changes;
  const feed = await readJson(path, changeFeedSchema);
  if (feed === undefined)
    throw new RegistryError(path, "does not exist: `init` has not run on this registry", "missing");
  const first = feed.revision - feed.changes.length + 1;
  if (feed.changes.some((change, index) => change.revision !== first + index)) {
    throw new RegistryError(path, `changes are not consecutive up to revision ${feed.revision}`);
  }
  return feed;
}

/** What changed after `revision`. A feed that no longer reaches back that far, or went back itself, means everything. */
export function changesSince(feed: ChangeFeed, revision: number): ChangesSince {
  if (feed.revision === revision) return { kind: "none", revision };
  const missed = feed.revision - revision;
  if (missed < 0 || missed > feed.changes.length) return { kind: "everything", revision: feed.revision };
  const names = new Set(feed.changes.slice(-missed).map((change) => change.name));
  return { kind: "clients", revision: feed.revision, names: [...names] };
}

/** Reads one client; undefined when there is none of this name. */
export async function readClient(root: string, name: string): Promise<ClientFile | undefined> {
  const path = registryPaths(root).client(name);
  const text = await readText(path).catch((error: unknown) => {
    throw unreadable(path, error) ?? error;
  });
  return text === undefined ? undefined : parseClient(path, name, text);
}

/** @throws RegistryError when the text is not that of this client's file */
export function parseClient(path: string, name: string, text: string): ClientFile {
  const client = parseJson(path, text, clientFileSchema);
  if (client.name === name) return client;
  throw new RegistryError(path, `is about ${JSON.stringify(client.name)}, not ${JSON.stringify(name)}`);
}

/** Reads all clients, in order of their names; throws the first problem. */
export async function readAllClients(root: string): Promise<ClientFile[]> {
  const { clients, problems } = await scanClients(root);
  if (problems[0] !== undefined) throw problems[0];
  return [...clients];
}

/** Reads all clients and goes on at a file that is broken, so that one bad file does not stop all other changes. */
export async function scanClients(
  root: string,
  onBatch?: (clients: readonly ClientFile[]) => void,
): Promise<ClientScan> {
  const names = await clientNames(root);
  const result = await readClients(root, names, onBatch);
  return { ...result, problems: [...result.problems, ...findConflicts(root, result.clients)] };
}

/** Reads some clients; names without a file are simply not in the answer. */
export async function readClients(
  root: string,
  names: readonly string[],
  onBatch?: (clients: readonly ClientFile[]) => void,
): Promise<ClientScan> {
  const { client: pathOf } = registryPaths(root);
  const paths = names.map(pathOf);
  const clients: ClientFile[] = [];
  const problems: RegistryError[] = [];
  const unreadable: string[] = [];
  let told = 0;
  const tell = (): void => {
    onBatch?.(clients.slice(told));
    told = clients.length;
  };
  await readMany(paths, (text, index) => {
    const [name, path] = [names[index] ?? "", paths[index] ?? ""];
    try {
      if (text instanceof RegistryError) throw text;
      if (text !== undefined) clients.push(parseClient(path, name, text));
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      problems.push(error);
      unreadable.push(name);
    }
    if (clients.length - told === BATCH) tell();
  });
  if (told < clients.length) tell();
  return { clients, problems, unreadable };
}

/** Clients that claim what another one already has: each names both files and the value (public keys are not secret). */
export function findConflicts(root: string, clients: readonly ClientFile[]): RegistryError[] {
  const paths = registryPaths(root);
  const owners = new Map<string, string>();
  const problems: RegistryError[] = [];
  for (const client of clients) {
    // A file whose former key is the current one as well claims it once.
    for (const claim of new Set([
      `public key ${client.publicKey}`,
      ...(client.previous === undefined ? [] : [`public key ${client.previous.publicKey}`]),
      ...client.addresses.map((ip) => `address ${ip}`),
    ])) {
      const owner = owners.get(claim);
      if (owner === undefined) owners.set(claim, client.name);
      else
        problems.push(
          new RegistryError(
            paths.client(client.name),
            `${claim} already belongs to client ${owner}`,
            "conflict",
          ),
        );
    }
  }
  return problems;
}

/** The names of all clients, in order. */
export async function clientNames(root: string): Promise<string[]> {
  const folder = registryPaths(root).clients;
  try {
    const files = await fs.readdir(folder);
    return files.flatMap((file) => clientNameOfFile(file) ?? []).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT")
      throw new RegistryError(folder, "does not exist: the folder is no registry", "missing");
    throw error;
  }
}
