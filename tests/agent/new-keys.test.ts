import { NewKeys } from "../../agent/new-keys";
import type { StorageClient } from "../../agent/storage-client";
import { FakeClock, settle } from "./fake-clock";
import { device, key, silent } from "./fixtures";

function setup() {
  const clock = new FakeClock();
  const awaited = new Map<string, unknown>([
    [key(2), "a"],
    [key(3), "b"],
  ]);
  const used: string[][] = [];
  const marked: string[][] = [];
  const storage = { fails: false };
  const keys = new NewKeys({
    clock,
    log: silent,
    runtimeRoot: "/rt",
    storage: {
      request: async (_: string, { publicKeys }: { publicKeys: string[] }) => {
        if (storage.fails) throw new Error("away");
        marked.push(publicKeys);
        return null;
      },
    } as unknown as StorageClient,
    awaited: () => awaited,
    onUsed: (publicKeys) => {
      used.push([...publicKeys]);
      for (const publicKey of publicKeys) awaited.delete(publicKey);
    },
  });
  /** Peers with and without a handshake. */
  const peers = (handshakes: Record<number, number>) =>
    device(
      Object.keys(handshakes).map((byte) => ({ publicKey: key(Number(byte)), allowedIps: [] })),
    ).dump.peers.map((peer, index) => ({ ...peer, latestHandshake: Object.values(handshakes)[index] ?? 0 }));
  return { clock, keys, used, marked, storage, peers };
}

test("a new key is used when the kernel shows its handshake, and is marked once", async () => {
  const { keys, used, marked, peers } = setup();
  keys.observe(peers({ 2: 0, 3: 0, 9: 1_700_000_000 }));
  expect(used).toEqual([]);
  keys.observe(peers({ 2: 1_700_000_000, 3: 0, 9: 1_700_000_000 }));
  keys.observe(peers({ 2: 1_700_000_000, 3: 0 }));
  await settle();
  expect(used).toEqual([[key(2)]]);
  expect(marked).toEqual([[key(2)]]);
});

test("it counts at once when the storage is away, and every mark is made later", async () => {
  const { clock, keys, used, marked, storage, peers } = setup();
  storage.fails = true;
  keys.observe(peers({ 2: 5 }));
  await clock.advance(1500);
  keys.observe(peers({ 3: 6 }));
  await clock.advance(3000);
  expect(used).toEqual([[key(2)], [key(3)]]);
  expect(marked).toEqual([]);
  storage.fails = false;
  await clock.advance(1000);
  expect(marked).toEqual([[key(2), key(3)]]);
  await clock.advance(5000);
  expect(marked).toHaveLength(1);
});

test("a session that another server recorded counts too, and needs no mark of this server", async () => {
  const { keys, used, marked } = setup();
  keys.recorded([key(9)]);
  keys.recorded([key(9), key(3)]);
  await settle();
  expect(used).toEqual([[key(3)]]);
  expect(marked).toEqual([]);
});

test("no more is tried once it was stopped", async () => {
  const { clock, keys, marked, storage, peers } = setup();
  storage.fails = true;
  keys.observe(peers({ 2: 5 }));
  await settle();
  keys.stop();
  storage.fails = false;
  await clock.advance(5000);
  expect(marked).toEqual([]);
});
