// The registry and an agent on a file server that is for its clients what EFS is. Runs as root of the virtual machine.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { promises as fs } from "node:fs";
import { systemClock } from "../../../agent/clock";
import { createLog } from "../../../agent/log";
import { RegistryFollower } from "../../../agent/registry-follower";
import { StorageClient } from "../../../agent/storage-client";
import type { StorageOperation, StorageOperations } from "../../../agent/storage-protocol";
import { RegistryError } from "../../../registry/errors";
import { initRegistry } from "../../../registry/init";
import { runtimeOf } from "../../../registry/layout";
import { readClient, readServerKeys } from "../../../registry/reader";
import type { ClientFile } from "../../../registry/schema";
import { addClient, removeClient, restoreClient, revokeClient } from "../../../registry/writer";
import { step, until } from "../../agent/programs/support";
import { CLUSTER } from "../../registry/cluster";
import { agentBundle, newClient, stateOf, VIEWS } from "./efs";
import { outages } from "./outages";

/** The first look that begins after a change has been acknowledged finds it. */
const MOST_LOOKS = 1;

/** Follows the registry as an agent does, and counts its looks. */
class Reader {
  readonly clients = new Map<string, ClientFile>();
  private looks = 0;
  /** When something was told last. */
  private told = { looks: 0, at: 0 };
  private readonly storage = new StorageClient({
    clock: systemClock,
    log: createLog(2),
    startWorker: () =>
      fork(agentBundle, ["storage-worker"], { stdio: ["ignore", "ignore", "inherit", "ipc"] }),
  });
  private readonly follower: RegistryFollower;

  constructor(root: string, serverPublicKey: string) {
    const request = <O extends StorageOperation>(
      operation: O,
      args: StorageOperations[O]["args"],
      more?: { onPart?: (clients: readonly ClientFile[]) => void },
    ) => {
      if (operation === "follow") this.looks++;
      return this.storage.request(operation, args, more);
    };
    this.follower = new RegistryFollower({
      root,
      cluster: CLUSTER.cluster,
      runtimeRoot: runtimeOf(root),
      serverPublicKeys: () => [serverPublicKey],
      storage: { request },
      clock: systemClock,
      log: createLog(2),
      listener: {
        onEverything: (clients) => {
          for (const client of clients) this.clients.set(client.name, client);
        },
        awaitedKeys: new Map(),
        onUsedKeys: () => {},
        onChanges: (changes) => {
          this.told = { looks: this.looks, at: performance.now() };
          for (const [name, client] of changes)
            client === undefined ? this.clients.delete(name) : this.clients.set(name, client);
        },
      },
    });
  }

  start = () => this.follower.start();

  stop(): void {
    this.follower.stop();
    this.storage.stop();
  }

  /** Makes a change elsewhere, and waits until it is seen here; how long that took, in milliseconds and in looks. */
  async sees(name: string, change: () => Promise<unknown>, expected: () => Promise<string>) {
    await change();
    const before = { looks: this.looks, at: performance.now() };
    const state = await expected();
    await until(`${name} seen`, async () => stateOf(this.clients.get(name)) === state, 40_000);
    const took = {
      ms: Math.max(0, Math.round(this.told.at - before.at)),
      looks: Math.max(0, this.told.looks - before.looks),
    };
    assert.ok(took.looks <= MOST_LOOKS, `${name}: seen after ${took.looks} looks, ${took.ms} ms`);
    return took;
  }
}

/** A server that looked for its key before there was one, and for the folder that it is in, finds it as soon as it is made. */
async function firstKeyIsSeen(): Promise<void> {
  const roots = { control: `${VIEWS.control}/early`, server: `${VIEWS.servers}/early` };
  await assert.rejects(readServerKeys(roots.server), { name: RegistryError.name, kind: "missing" });
  const { publicKey } = await initRegistry(roots.control, CLUSTER);
  assert.equal((await readServerKeys(roots.server)).publicKey, publicKey);
  step("the first key is seen by who looked before");
}

/** Changes made through one mount are seen through the other at the next look: no cache of either keeps them back. */
async function changesAreSeen(): Promise<void> {
  const roots = { writer: `${VIEWS.control}/followed`, reader: `${VIEWS.servers}/followed` };
  const { publicKey } = await initRegistry(roots.writer, CLUSTER);
  const reader = new Reader(roots.reader, publicKey);
  await reader.start();
  const took: { ms: number; looks: number }[] = [];
  for (let i = 0; i < 8; i++) {
    const name = `client${i}`;
    const expected = async () => stateOf(await readClient(roots.writer, name));
    const sees = async (change: () => Promise<unknown>) =>
      took.push(await reader.sees(name, change, expected));
    await sees(() => addClient(roots.writer, newClient(name)));
    await sees(() => revokeClient(roots.writer, name));
    await sees(() => restoreClient(roots.writer, name));
    await sees(() => removeClient(roots.writer, name));
    // The reader has asked for a file of that name and was told that there is none; NFS remembers that too (nfs(5), lookupcache).
    await sees(() => addClient(roots.writer, newClient(name)));
  }
  reader.stop();
  const most = (of: "ms" | "looks") => Math.max(...took.map((each) => each[of]));
  step("changes are seen through the other mount", {
    changes: took.length,
    ms: most("ms"),
    looks: most("looks"),
  });
}

/** Two writers on two machines, in turn: each acts on what the other one has just done, not on what it remembers. */
async function writersTakeTurns(): Promise<void> {
  const [here, there] = [`${VIEWS.control}/shared`, `${VIEWS.servers}/shared`];
  const first = await initRegistry(here, CLUSTER);
  assert.deepEqual(await initRegistry(there, CLUSTER), { publicKey: first.publicKey, created: false });
  const unknown = { name: RegistryError.name, kind: "unknown-client" };
  for (let i = 0; i < 4; i++) {
    const client = newClient(`client${i}`);
    const { name } = client;
    await assert.rejects(revokeClient(here, name), unknown); // from now on, this side knows that there is none
    await addClient(there, client);
    await assert.rejects(addClient(here, newClient(name)), { name: RegistryError.name, kind: "conflict" });
    await assert.rejects(addClient(here, { ...client, name: `${name}-again` }), { kind: "conflict" });
    await revokeClient(here, name);
    assert.equal(stateOf(await readClient(there, name)), `${client.publicKey} revoked`);
    await restoreClient(there, name);
    assert.equal(stateOf(await readClient(here, name)), `${client.publicKey} `);
    await removeClient(here, name);
    await assert.rejects(revokeClient(there, name), unknown);
    const next = newClient(name);
    await addClient(here, next);
    assert.equal(stateOf(await readClient(there, name)), `${next.publicKey} `);
  }
  const addresses = (await fs.readdir(`${there}/addresses`)).sort();
  assert.deepEqual(addresses, ["10.100.0.2", "10.100.0.3", "10.100.0.4", "10.100.0.5"]);
  step("two writers take turns");
}

async function main(): Promise<void> {
  await firstKeyIsSeen();
  await changesAreSeen();
  await writersTakeTurns();
  await outages();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
