import { key } from "../fixtures";
import { Node } from "./world";

jest.mock("../../../agent/takeover/flow-watch", () => jest.requireActual("./flow-watch-stub"));

const FROM = "192.0.2.1:4500";

/** A server that has the sessions of clients 2 and 3, and clients of its own that go on sending. */
async function leaving(...sending: number[]) {
  const node = await Node.start();
  const { kernel, world } = node;
  for (const byte of [2, 3]) {
    const endpoint = `192.0.2.${byte}:4500`;
    node.flow("own", byte, endpoint);
    kernel.handshake(byte, endpoint);
  }
  await world.clock.advance(1000);
  const send = () => {
    for (const byte of sending) kernel.peer(byte).rxBytes += 32;
    world.clock.after(100, send);
  };
  send();
  const seen = { isDone: false, drains: true };
  void node.takeover
    .handOver(() => seen.drains, false)
    .then(() => {
      seen.isDone = true;
    });
  return { node, kernel, world, seen };
}

test("others are asked to call whoever still sends here, and it is over when they have", async () => {
  const { node, world, seen } = await leaving(2);
  await world.clock.advance(1400);
  expect(node.handedOver).toEqual([]);
  await world.clock.advance(200);
  expect(node.handedOver).toEqual([["i-self", [{ publicKey: key(2), endpoint: "192.0.2.2:4500" }], 0]]);
  await world.clock.advance(500);
  expect(seen.isDone).toBe(false);
  node.takeover.told("i-other", [{ publicKey: key(2), index: 50, at: world.clock.now() }]);
  await world.clock.advance(200);
  expect(seen.isDone).toBe(true);
});

test("who is not taken within a second is asked of others, and then holds nobody up", async () => {
  const { node, world, seen } = await leaving(2, 3);
  await world.clock.advance(1600);
  node.takeover.told("i-other", [{ publicKey: key(3), index: 50, at: world.clock.now() }]);
  await world.clock.advance(1000);
  expect(node.handedOver.map(([, clients, round]) => [round, clients.length])).toEqual([
    [0, 2],
    [1, 1],
  ]);
  expect(seen.isDone).toBe(false);
  await world.clock.advance(1000);
  expect([node.handedOver.length, seen.isDone]).toEqual([2, true]);
});

test("nobody is asked any more when the server stays after all", async () => {
  const { node, world, seen } = await leaving(2);
  await world.clock.advance(1000);
  seen.drains = false;
  await world.clock.advance(1000);
  expect([node.handedOver, seen.isDone]).toEqual([[], true]);
});

test("a client that was called for another server is handed over again, though it is silent; not once another one has it", async () => {
  const node = await Node.start();
  const { world, kernel } = node;
  world.record("i-gone", 4, 40);
  await world.clock.advance(1100);
  await node.takeover.handOver(() => true, true);
  const endpoint = "192.0.2.4:4500";
  node.takeover.receive("i-gone", [{ publicKey: key(4), endpoint }]);
  await world.clock.advance(7000); // it did not answer
  expect(kernel.done.at(-1)).toBe("4 forgotten");
  kernel.peer(4).endpoint = endpoint;
  void node.takeover.handOver(() => true, true);
  await world.clock.advance(3000);
  expect(node.handedOver).toEqual(
    [0, 1].map((round) => ["i-self", [{ publicKey: key(4), endpoint }], round]),
  );
  node.takeover.told("i-other", [{ publicKey: key(4), index: 50, at: world.clock.now() }]);
  await node.takeover.handOver(() => true, true);
  expect(node.handedOver).toHaveLength(2);
});

test("a request comes three times and makes one call; a later one makes none before that call is given up", async () => {
  const { world, kernel, takeover } = await Node.start();
  const receive = (endpoint: string) => takeover.receive("i-gone", [{ publicKey: key(3), endpoint }]);
  receive(FROM);
  await world.clock.advance(15);
  receive(FROM);
  await world.clock.advance(45);
  receive(FROM);
  await world.clock.advance(600);
  expect(kernel.done).toEqual([`3 called ${FROM}`]);
  await world.clock.advance(1000);
  receive("192.0.2.99:1");
  await world.clock.advance(3000);
  expect(kernel.done).toEqual([0, 700, 1400].map(() => `3 called ${FROM}`));
});

test("who was removed is not handed over, and forgotten", async () => {
  const { world, kernel, takeover, handedOver } = await Node.start();
  takeover.receive("i-gone", [{ publicKey: key(3), endpoint: FROM }]);
  await world.clock.advance(7000);
  const spec = world.desired.get(key(3));
  world.desired.delete(key(3));
  await world.clock.advance(60_000);
  if (spec !== undefined) world.desired.set(key(3), spec); // another one, with the same key
  kernel.peer(3).endpoint = FROM;
  await takeover.handOver(() => true, true);
  expect(handedOver).toEqual([]);
});

test("a client that a server hands over is called though its session has ended", async () => {
  const { world, kernel, takeover } = await Node.start();
  takeover.receive("i-gone", [{ publicKey: key(3), endpoint: FROM }]);
  await world.clock.advance(100);
  expect(kernel.done).toEqual([`3 called ${FROM}`]);
});

test.each([
  ["nobody sends", []],
  ["those who send are another server's meanwhile", [3]],
  ["those who send may not connect any more", [4]],
])("nobody is asked where %s", async (_, sending) => {
  const { node, world, seen } = await leaving(...sending);
  world.desired.delete(key(4));
  node.takeover.told("i-other", [{ publicKey: key(3), index: 50, at: world.clock.now() }]);
  await world.clock.advance(1600);
  expect([node.handedOver, seen.isDone]).toEqual([[], true]);
});

test("where there is nobody else it is over at once", async () => {
  const { node, world, seen } = await leaving(2);
  node.othersLive = false;
  await world.clock.advance(1600);
  expect([node.handedOver.length, seen.isDone]).toEqual([1, true]);
});

test("an interface that cannot be looked at holds nobody up", async () => {
  const node = await Node.start();
  jest.spyOn(node.kernel.device, "dump").mockRejectedValue(new Error("hangs"));
  await node.takeover.handOver(() => true, true);
  expect(node.handedOver).toEqual([]);
});

test("a server that is asked calls the clients that the asking one holds, and no others", async () => {
  const { world, kernel, takeover } = await Node.start();
  world.record("i-leaving", 2, 10);
  world.record("i-leaving", 4, 12);
  world.record("i-other", 3, 11);
  await world.clock.advance(1100);
  world.desired.delete(key(4));
  takeover.receive(
    "i-leaving",
    [2, 3, 4].map((byte) => ({ publicKey: key(byte), endpoint: FROM })),
  );
  await world.clock.advance(100);
  expect(kernel.done).toEqual([`2 called ${FROM}`]);
});
