import { FakeClock } from "./fake-clock";
import { client, key } from "./fixtures";
import { knownFromCopy } from "./from-copy";

/** Clients as they are known from the copy three seconds after a start, when the registry has not answered. */
async function fromCopy() {
  const clock = new FakeClock();
  const clients = [client("alice", 2), { ...client("bob", 3), revokedAt: "2025-12-31T00:00:00Z" }];
  const known = knownFromCopy(clock, clients);
  await known.start();
  await clock.advance(3000);
  const spared = () => [2, 3, 4].filter((byte) => known.spares(key(byte)));
  return { known, clients, spared };
}

test("peers that the copy knows nothing of are spared until the registry answers; revoked ones in it are not", async () => {
  const { known, clients, spared } = await fromCopy();
  expect([[...(known.peers?.keys() ?? [])], spared()]).toEqual([[key(99), key(2)], [4]]);
  known.onEverything(clients, [], 8);
  expect(spared()).toEqual([]);
  await known.stop();
});

test("none is spared by a server that was left behind and lets all of them go", async () => {
  const { known, spared } = await fromCopy();
  known.letGo();
  expect([[...(known.peers?.keys() ?? [])], spared()]).toEqual([[key(99)], []]);
  await known.stop();
});
