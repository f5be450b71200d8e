import { join } from "node:path";

/** Where everything in a registry folder is. */
export interface RegistryPaths {
  readonly root: string;
  readonly cluster: string;
  readonly serverFolder: string;
  readonly privateKey: string;
  readonly publicKey: string;
  /** The private key that follows this one, and the state of that rotation. */
  readonly nextKey: string;
  readonly rotation: string;
  /** The public keys that the servers had before this one. */
  readonly formerKeys: string;
  readonly clients: string;
  readonly addresses: string;
  readonly keys: string;
  readonly requests: string;
  readonly changes: string;
  readonly audit: string;
  readonly lock: string;
  client(name: string): string;
  address(ip: string): string;
  /** The claim of a public key. */
  key(publicKey: string): string;
}

/** The paths of the registry that lives in `root`; the format is described in docs/architecture.md. */
export function registryPaths(root: string): RegistryPaths {
  const serverFolder = join(root, "server");
  const clients = join(root, "clients");
  const addresses = join(root, "addresses");
  const keys = join(root, "keys");
  return {
    root,
    cluster: join(root, "cluster.json"),
    serverFolder,
    privateKey: join(serverFolder, "private.key"),
    publicKey: join(serverFolder, "public.key"),
    nextKey: join(serverFolder, "next.key"),
    rotation: join(serverFolder, "rotation.json"),
    formerKeys: join(serverFolder, "former.json"),
    clients,
    addresses,
    keys,
    requests: join(root, "requests"),
    changes: join(root, "changes.json"),
    audit: join(root, "audit.log"),
    lock: join(root, "lock"),
    client: (name) => join(clients, `${assertClientName(name)}.json`),
    address: (ip) => join(addresses, ip),
    key: (publicKey) => join(keys, keyFileName(publicKey)),
  };
}

/**
 * The servers' own folder beside a registry: records of nodes and sessions. Servers mount it by an access point of its own, to
 * write there and only there; who administers the registry sees both.
 */
export function runtimeOf(root: string): string {
  return join(root, "runtime");
}

/** A key as a file name: base64 has slashes, and file systems that ignore case would mix two keys up. */
export function keyFileName(publicKey: string): string {
  return Buffer.from(publicKey, "base64").toString("hex");
}

/** The key that such a file is about; undefined for other files. */
export function keyOfFileName(file: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(file) ? Buffer.from(file, "hex").toString("base64") : undefined;
}

/** The mark that a client's new key has been used: a server makes it once. */
export function confirmedPath(runtimeRoot: string, publicKey: string): string {
  return join(runtimeRoot, "confirmed", keyFileName(publicKey));
}

/** The marks of clients that have used the server's next key. */
export function movedFolder(runtimeRoot: string, nextServerKey: string): string {
  return join(runtimeRoot, "moved", keyFileName(nextServerKey));
}

/** The record that a server leaves about itself under the runtime folder. */
export function nodeRecordPath(runtimeRoot: string, instance: string): string {
  return join(runtimeRoot, "nodes", `${assertInstanceName(instance)}.json`);
}

/** Returns the name unless it could name a file elsewhere. */
export function assertInstanceName(instance: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(instance)) {
    throw new RangeError(`${JSON.stringify(instance)} cannot name a server's record`);
  }
  return instance;
}

/** Lower-case letters, digits, dot, underscore and hyphen; at most 63 characters; so it is one file name everywhere. */
const CLIENT_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Whether a client may have this name. */
export function isClientName(name: string): boolean {
  return CLIENT_NAME.test(name);
}

function assertClientName(name: string): string {
  if (!isClientName(name)) throw new RangeError(`${JSON.stringify(name.slice(0, 80))} is not a client name`);
  return name;
}

/** The client that a file in `clients/` is about; undefined for temporary files (they start with a dot). */
export function clientNameOfFile(file: string): string | undefined {
  const name = file.endsWith(".json") ? file.slice(0, -".json".length) : "";
  return isClientName(name) ? name : undefined;
}
