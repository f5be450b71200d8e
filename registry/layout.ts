import { join } from "node:path";

/** Where everything in a registry folder is. */
export interface RegistryPaths {
  readonly root: string;
  readonly cluster: string;
  readonly serverFolder: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly clients: string;
  readonly addresses: string;
  readonly changes: string;
  readonly lock: string;
  client(name: string): string;
  address(ip: string): string;
}

/** The paths of the registry that lives in `root`; the format is described in docs/architecture.md. */
export function registryPaths(root: string): RegistryPaths {
  const serverFolder = join(root, "server");
  const clients = join(root, "clients");
  const addresses = join(root, "addresses");
  return {
    root,
    cluster: join(root, "cluster.json"),
    serverFolder,
    privateKey: join(serverFolder, "private.key"),
    publicKey: join(serverFolder, "public.key"),
    clients,
    addresses,
    changes: join(root, "changes.json"),
    lock: join(root, "lock"),
    client: (name) => join(clients, `${assertClientName(name)}.json`),
    address: (ip) => join(addresses, ip),
  };
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
