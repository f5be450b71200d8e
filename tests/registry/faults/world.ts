import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { confirm } from "../../../registry/confirmed";
import { nodeRecordPath, registryPaths, runtimeOf } from "../../../registry/layout";
import { scanClients } from "../../../registry/reader";
import type { ClientFile } from "../../../registry/schema";
import { abortRotation, beginRotation, finishRotation, rotationState } from "../../../registry/server-key";
import { RegistryWriter } from "../../../registry/writer";
import { publicKeyOf } from "../../../wireguard/keys";
import { CLUSTER } from "../cluster";

/** The public key of that number. */
export const key = (number: number): string =>
  publicKeyOf(Buffer.from(`  key ${number}`.padEnd(32)).toString("base64"));
export const PRESHARED = Buffer.alloc(32, 7).toString("base64");
const WHO = { who: "test" };
/** Locks of dead writers are made to look dead, so nobody waits; a living one is never taken for dead. */
export const OPTIONS = { staleMs: 60_000, waitMs: 5000 };

/** A registry with a client in each state that matters. */
export async function fill(root: string): Promise<void> {
  const writer = new RegistryWriter(root, OPTIONS);
  await writer.init(CLUSTER, WHO);
  await writer.add({ name: "alice", publicKey: key(1), presharedKey: PRESHARED, tags: { team: "ops" } }, WHO);
  await writer.add({ name: "bob", publicKey: key(2), routes: ["10.0.0.0/16"] }, WHO);
  await writer.add({ name: "carol", publicKey: key(3) }, WHO);
  await writer.revoke("carol", WHO);
  await writer.add({ name: "dave", publicKey: key(4) }, WHO);
  await writer.rotate("dave", { publicKey: key(5), overlapSeconds: 86_400 }, WHO);
  await writer.add({ name: "erin", publicKey: key(6) }, WHO);
  await writer.rotate("erin", { publicKey: key(7), overlapSeconds: 86_400 }, WHO);
  await confirm(runtimeOf(root), key(7));
  await hearServer(root, 1);
}

/** The record of a server that goes on saying that it has a revision. */
export async function hearServer(
  root: string,
  revision: number,
  time = "2999-01-01T00:00:00Z",
): Promise<void> {
  const record = { schema: 1, instance: "i-1", revision, peers: 0, healthy: true, version: "1", time };
  const path = nodeRecordPath(runtimeOf(root), "i-1");
  await fs.mkdir(dirname(path), { recursive: true });
  await fs.writeFile(path, JSON.stringify(record));
}

/** Something that an operator does. */
export interface Operation {
  readonly name: string;
  /** Done before, without faults. */
  readonly before?: (root: string) => Promise<unknown>;
  readonly run: (root: string, requestKey: string) => Promise<unknown>;
  /** Clients that it is about. */
  readonly about: readonly string[];
}

const writer = (root: string) => new RegistryWriter(root, OPTIONS);
const as = (requestKey: string) => ({ who: "test", requestKey });

/** All that changes a registry, once each. */
export const operations: readonly Operation[] = [
  {
    name: "add",
    about: ["new"],
    run: (root, k) => writer(root).add({ name: "new", publicKey: key(20) }, as(k)),
  },
  {
    name: "add with an address",
    about: ["new"],
    run: (root, k) =>
      writer(root).add(
        { name: "new", publicKey: key(20), address: "10.100.7.7/32", presharedKey: PRESHARED },
        as(k),
      ),
  },
  { name: "revoke", about: ["alice"], run: (root, k) => writer(root).revoke("alice", as(k)) },
  { name: "restore", about: ["carol"], run: (root, k) => writer(root).restore("carol", as(k)) },
  {
    name: "update",
    about: ["bob"],
    run: (root, k) => writer(root).update("bob", { routes: null, tags: { a: "b" } }, as(k)),
  },
  {
    name: "rotate both keys",
    about: ["alice"],
    run: (root, k) =>
      writer(root).rotate("alice", { publicKey: key(21), presharedKey: null, overlapSeconds: 3600 }, as(k)),
  },
  {
    name: "rotate again",
    about: ["dave"],
    run: (root, k) => writer(root).rotate("dave", { publicKey: key(22), overlapSeconds: 3600 }, as(k)),
  },
  {
    name: "update of a client whose new key is confirmed",
    about: ["erin"],
    run: (root, k) => writer(root).update("erin", { tags: { a: "b" } }, as(k)),
  },
  { name: "remove", about: ["dave"], run: (root, k) => writer(root).remove("dave", as(k)) },
  {
    name: "remove of a broken client",
    about: ["alice"],
    before: (root) => fs.writeFile(registryPaths(root).client("alice"), "{"),
    run: (root, k) => writer(root).remove("alice", as(k)),
  },
  {
    name: "import",
    about: ["one", "two", "three"],
    run: (root, k) =>
      writer(root).importClients(
        [
          { name: "one", publicKey: key(30), addresses: ["10.100.0.50/32"] },
          { name: "two", publicKey: key(31), addresses: ["10.100.0.50/32"], revoked: true },
          { name: "three", publicKey: key(2), addresses: ["10.100.0.51/32"] },
        ],
        { dryRun: false },
        as(k),
      ),
  },
  {
    name: "settings",
    about: [],
    run: (root, k) => writer(root).setCluster({ ...CLUSTER, dns: ["10.0.0.9"] }, as(k)),
  },
  { name: "begin", about: [], run: (root, k) => beginRotation(root, as(k), OPTIONS) },
  {
    name: "finish",
    about: [],
    before: (root) => beginRotation(root, WHO, OPTIONS),
    run: (root, k) => finishRotation(root, as(k), { ...OPTIONS, force: true }),
  },
  {
    name: "abort",
    about: [],
    before: (root) => beginRotation(root, WHO, OPTIONS),
    run: (root, k) => abortRotation(root, as(k), OPTIONS),
  },
];

/** What the registry says, without what every change moves. */
export interface Picture {
  readonly clients: ReadonlyMap<string, string>;
  readonly settings: string;
}

/** A picture of a registry. Times of the change itself differ from run to run. */
export async function picture(root: string): Promise<Picture> {
  const { clients, unreadable, problems } = await scanClients(root);
  const other = problems.find(({ kind }) => kind !== "corrupt");
  if (other !== undefined) throw other; // two clients in conflict
  const cluster = await fs.readFile(registryPaths(root).cluster, "utf8");
  const { phase, current } = await rotationState(root, new Date(), []);
  const publicKey = (await fs.readFile(registryPaths(root).publicKey, "utf8")).trim();
  return {
    clients: new Map([
      ...clients.map((client) => [client.name, plain(client)] as const),
      ...unreadable.map((name) => [name, "broken"] as const),
    ]),
    settings: JSON.stringify([cluster, phase, current.publicKey === publicKey]),
  };
}

function plain(client: ClientFile): string {
  const { sequence: _, revokedAt, createdAt: __, previous, ...rest } = client;
  const former = previous && { ...previous, until: "then" };
  return JSON.stringify({ ...rest, revoked: revokedAt !== undefined, former });
}

/** Makes a dead writer's lock look dead: here the dead and the living are one process. */
export async function bury(root: string): Promise<void> {
  for (const file of ["lock", "lock.clear"]) {
    const path = join(root, file);
    const text = await fs.readFile(path, "utf8").catch(() => undefined);
    if (text === undefined || text === "") continue;
    try {
      await fs.writeFile(path, JSON.stringify({ ...JSON.parse(text), start: "dead" }));
    } catch {
      await fs.rm(path); // a lock that power took half of; that it is waited out is tested where nobody has to wait
    }
  }
}
