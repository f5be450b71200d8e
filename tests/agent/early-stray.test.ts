import { Mutex } from "../../agent/mutex";
import { Sessions } from "../../agent/sessions";
import { CONFIG, client, silent } from "./fixtures";
import { knownFromCopy } from "./from-copy";
import { listeners } from "./takeover/flow-watch-stub";
import { Kernel, World } from "./takeover/world";

jest.mock("../../agent/takeover/flow-watch", () => jest.requireActual("./takeover/flow-watch-stub"));

const FROM = "192.0.2.1:4500";

/** An agent that was just started with a copy of its clients, and gets a stray of one of them; the registry has not answered. */
async function started() {
  const world = new World();
  const { clock } = world;
  const kernel = new Kernel(world);
  const known = knownFromCopy(clock, [client("alice", 2)]);
  const sessions = new Sessions({
    config: { ...CONFIG, takeover: true },
    clock,
    device: kernel.device,
    exec: kernel.exec,
    instance: "i-self",
    log: silent,
    storage: world.storage() as ConstructorParameters<typeof Sessions>[0]["storage"],
    lock: new Mutex(),
    clients: known,
    peers: () => undefined,
    nextLane: () => undefined,
    state: () => "ready",
  });
  world.record("i-other", 2, 10);
  await known.start();
  await sessions.start();
  await clock.advance(100);
  listeners.at(-1)?.onFlow("stray", { index: 10, endpoint: FROM });
  await clock.advance(200);
  return { clock, kernel, known, end: () => Promise.all([sessions.stop(), known.stop()]) };
}

test("a client of the old copy is not called before the registry has had its say, and then at once", async () => {
  const { clock, kernel, known, end } = await started();
  expect(kernel.done).toEqual([]);
  known.onEverything([client("alice", 2)], [], 8);
  await clock.advance(1000);
  expect(kernel.done[0]).toBe(`2 called ${FROM}`);
  await end();
});

test("and never where it was revoked meanwhile", async () => {
  const { clock, kernel, known, end } = await started();
  known.onEverything([{ ...client("alice", 2), revokedAt: "2025-12-31T00:00:00Z" }], [], 8);
  await clock.advance(5000);
  expect(kernel.done).toEqual([]);
  await end();
});

test("how many sessions there are is not known before anybody has looked", () => {
  const unasked = new Sessions({
    ...({} as ConstructorParameters<typeof Sessions>[0]),
    config: { ...CONFIG, takeover: false },
    peers: () => undefined,
  });
  expect(unasked.live).toBeUndefined();
});
