import { RegistryFollower, type RegistryListener } from "../../agent/registry-follower";
import { StorageAnswerError, type StorageClient, StorageUnavailableError } from "../../agent/storage-client";
import type { ClientFile } from "../../registry/schema";
import { FakeClock, settle } from "./fake-clock";
import { client, key, silent } from "./fixtures";

/** A registry in memory that answers as the storage worker does. */
function setup() {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const asked: string[] = [];
  const registry = {
    clients: new Map<string, ClientFile>([["a", client("a", 2)]]),
    revision: 5,
    feed: [] as string[],
    unreadable: [] as string[],
    publicKey: key(1) as string | undefined,
    keyProblem: undefined as string | undefined,
    failure: undefined as Error | undefined,
    usedKeys: [] as string[],
    marksFail: undefined as Error | undefined,
  };
  const awaitedKeys = new Map<string, string>();
  const handlers: Record<string, (args: { revision: number; names: string[] }) => unknown> = {
    follow: ({ revision }) => {
      const missed = registry.revision - revision;
      if (missed === 0) return { kind: "none", revision };
      if (missed < 0 || missed > registry.feed.length)
        return { kind: "everything", revision: registry.revision };
      return {
        kind: "clients",
        revision: registry.revision,
        names: [...new Set(registry.feed.slice(-missed))],
      };
    },
    readAll: () => ({
      problems: registry.unreadable.map((name) => `${name}.json: bad`),
      unreadable: registry.unreadable,
      revision: registry.revision,
      publicKey: registry.publicKey,
      keyProblem: registry.keyProblem,
      cluster: "wgc",
    }),
    readClients: ({ names }) => ({
      clients: names.flatMap((name) =>
        registry.unreadable.includes(name) ? [] : (registry.clients.get(name) ?? []),
      ),
      problems: names.filter((name) => registry.unreadable.includes(name)).map((name) => `${name}.json: bad`),
      unreadable: names.filter((name) => registry.unreadable.includes(name)),
    }),
  };
  handlers["readUsedKeys"] = () => {
    if (registry.marksFail !== undefined) throw registry.marksFail;
    return registry.usedKeys;
  };
  const request = async (
    operation: string,
    args: never,
    more?: { onPart?: (clients: ClientFile[]) => void },
  ) => {
    asked.push(operation);
    if (registry.failure !== undefined) throw registry.failure;
    more?.onPart?.([...registry.clients.values()]);
    return handlers[operation]?.(args);
  };
  const listener: RegistryListener = {
    onEverything: (clients, keep, revision) =>
      told.push({ all: clients.map((file) => file.name), keep, revision }),
    onChanges: (changes, revision) =>
      told.push({ changes: [...changes].map(([name, file]) => [name, file?.publicKey]), revision }),
    awaitedKeys,
    onUsedKeys: (keys) => told.push({ used: keys }),
  };
  const follower = new RegistryFollower({
    root: "/r",
    runtimeRoot: "/rt",
    cluster: "wgc",
    serverPublicKeys: () => [key(1)],
    storage: { request } as unknown as StorageClient,
    clock,
    log: silent,
    listener,
  });
  return { clock, told, asked, registry, follower, awaitedKeys };
}

test("everything first, then only what changed, within half a second", async () => {
  const { clock, told, asked, registry, follower } = setup();
  await follower.start();
  expect(told).toEqual([{ all: ["a"], keep: [], revision: 5 }]);
  registry.revision = 7;
  registry.feed = ["b", "a"];
  registry.clients = new Map([["b", client("b", 3)]]);
  await clock.advance(500);
  expect(told.slice(1)).toEqual([
    {
      changes: [
        ["b", undefined],
        ["a", undefined],
      ].map(([name]) => [name, name === "b" ? key(3) : undefined]),
      revision: 7,
    },
  ]);
  await clock.advance(500);
  expect(asked).toEqual(["readAll", "follow", "readClients", "follow"]);
  follower.stop();
  await clock.advance(5000);
  expect(asked).toHaveLength(4);
});

test("a reader that is too far behind, or ahead of a restored registry, reads everything", async () => {
  const { clock, told, registry, follower } = setup();
  await follower.start();
  registry.revision = 2000;
  await clock.advance(500);
  registry.revision = 3;
  await clock.advance(500);
  expect(told.slice(1)).toEqual([
    { all: ["a"], keep: [], revision: 2000 },
    { all: ["a"], keep: [], revision: 3 },
  ]);
});

test("now and then everything is read, feed or not", async () => {
  const { clock, asked, follower } = setup();
  await follower.start();
  await clock.advance(5 * 60_000 + 500);
  expect(asked.filter((operation) => operation === "readAll")).toHaveLength(2);
});

test("a client that cannot be read is neither changed nor removed, and is reported until it can", async () => {
  const { clock, told, registry, follower } = setup();
  await follower.start();
  registry.unreadable = ["a"];
  registry.feed = ["a"];
  registry.revision = 6;
  await clock.advance(500);
  expect(told.slice(1)).toEqual([{ changes: [], revision: 6 }]);
  expect(follower.problems).toEqual(["registry: a.json: bad"]);
  registry.unreadable = [];
  registry.revision = 7;
  await clock.advance(500);
  expect(told.slice(2)).toEqual([{ changes: [["a", key(2)]], revision: 7 }]);
  expect(follower.problems).toEqual([]);
});

test("a client's file that is put back is found without an announcement, within five seconds", async () => {
  const { asked, clock, told, registry, follower } = setup();
  await follower.start();
  registry.unreadable = ["a"];
  registry.feed = ["a"];
  registry.revision = 6;
  await clock.advance(500);
  await clock.advance(4500);
  const reads = () => asked.filter((operation) => operation === "readClients").length;
  expect(reads()).toBe(1);
  await clock.advance(500);
  expect([reads(), told.length]).toEqual([2, 2]); // still broken: looked at, nothing told
  registry.unreadable = [];
  await clock.advance(5000);
  expect(told.slice(2)).toEqual([{ changes: [["a", key(2)]], revision: 6 }]);
  expect(follower.problems).toEqual([]);
  await clock.advance(10_000);
  expect(reads()).toBe(3);
});

test("errors change nothing, are reported, and following goes on", async () => {
  const { clock, told, registry, follower } = setup();
  registry.failure = new StorageAnswerError("cluster.json: does not exist", "missing");
  await follower.start();
  expect([told, follower.problems, follower.lastReadAt]).toEqual([
    [],
    ["registry: cluster.json: does not exist"],
    undefined,
  ]);
  registry.failure = new StorageUnavailableError("the storage worker was silent");
  await clock.advance(500);
  expect(follower.problems).toEqual(["the storage worker was silent"]);
  registry.failure = undefined;
  await clock.advance(500);
  await settle();
  expect([told.length, follower.problems, follower.lastReadAt]).toEqual([1, [], 1000]);
});

test("another cluster's registry is not followed", async () => {
  const { told, registry, follower } = setup();
  registry.publicKey = key(8);
  await follower.start();
  expect(told).toEqual([]);
  expect(follower.problems[0]).toContain(
    "belongs to cluster wgc with another server key than this server has",
  );
});

test.each([key(1), undefined])(
  "a damaged server key is reported from the next full read on, and following goes on (%s)",
  async (publicKey) => {
    const { clock, told, registry, follower } = setup();
    await follower.start();
    Object.assign(registry, { publicKey, keyProblem: "private.key: is gone" });
    await clock.advance(5 * 60_000 + 500);
    expect(follower.problems).toEqual(["registry: private.key: is gone"]);
    registry.feed = ["a"];
    registry.revision = 6;
    await clock.advance(500);
    expect(told.at(-1)).toEqual({ changes: [["a", key(2)]], revision: 6 });
    expect(follower.problems).toEqual(["registry: private.key: is gone"]);
    Object.assign(registry, { publicKey: key(1), keyProblem: undefined });
    await clock.advance(5 * 60_000 + 500);
    expect(follower.problems).toEqual([]);
  },
);

describe("clients whose key is being replaced", () => {
  const previous = { publicKey: key(8), until: "2026-06-01T00:00:00Z" };

  test("the marks of used keys are read before such clients are told, and then only while a first use is waited for", async () => {
    const { clock, told, asked, registry, follower, awaitedKeys } = setup();
    registry.clients.set("a", client("a", 2, { previous }));
    registry.usedKeys = [key(2)];
    await follower.start();
    expect(told).toEqual([{ used: [key(2)] }, { all: ["a"], keep: [], revision: 5 }]);
    await clock.advance(1000);
    expect(asked).toEqual(["readAll", "readUsedKeys", "follow", "follow"]);

    registry.clients.set("b", client("b", 3, { previous }));
    Object.assign(registry, { revision: 6, feed: ["b"], usedKeys: [key(2), key(9)] });
    await clock.advance(500);
    expect(told.slice(2)).toEqual([{ used: [key(2), key(9)] }, { changes: [["b", key(3)]], revision: 6 }]);
    awaitedKeys.set(key(3), "b");
    await clock.advance(1000);
    expect(asked.slice(4)).toEqual([
      ...["follow", "readClients", "readUsedKeys"],
      ...["follow", "readUsedKeys", "follow", "readUsedKeys"],
    ]);
    expect(told).toHaveLength(6);
  });

  test("marks that cannot be read are reported, and keep no change back", async () => {
    const { clock, told, registry, follower, awaitedKeys } = setup();
    registry.marksFail = new StorageAnswerError("confirmed: no permission", "io");
    registry.clients.set("a", client("a", 2, { previous }));
    await follower.start();
    expect(told).toEqual([{ all: ["a"], keep: [], revision: 5 }]);
    expect(follower.problems).toEqual([
      "clients' new keys that other servers have seen cannot be read: confirmed: no permission",
    ]);
    awaitedKeys.set(key(2), "a");
    registry.marksFail = undefined;
    await clock.advance(500);
    expect(follower.problems).toEqual([]);
    expect(told.slice(1)).toEqual([{ used: [] }]);
  });
});
