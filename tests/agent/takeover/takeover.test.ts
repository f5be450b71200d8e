import { key } from "../fixtures";
import { Kernel, Node, World } from "./world";

jest.mock("../../../agent/takeover/flow-watch", () => jest.requireActual("./flow-watch-stub"));

const FROM = "192.0.2.1:4500";
const BEHIND = "192.0.2.77:1024";
const ms = (world: World, more = 0) => world.clock.now() + more;
const logOf = (world: World) => (world.logs.get("i-self") ?? []).map(({ index }) => index);

/** A server that has a live session with client 2, of index 10, recorded. */
async function withSession(): Promise<Node> {
  const node = await Node.start();
  node.flow("own", 10, FROM);
  node.kernel.handshake(2, FROM);
  await node.world.clock.advance(1000);
  expect(logOf(node.world)).toEqual([10]);
  return node;
}

describe("strays", () => {
  test("an index that no server recorded causes nothing: no call, no look at the interface", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    for (let index = 0; index < 200; index++) flow("stray", index, FROM);
    await world.clock.advance(5000);
    expect([kernel.done, kernel.dumps, takeover.strays.unknown]).toEqual([[], 0, 200]);
  });

  test("a flood of unknown indices waits for the directory in bounded memory; what is known is called meanwhile", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 1);
    await world.clock.advance(1100);
    for (let index = 100; index < 20_100; index++) flow("stray", index, FROM);
    flow("stray", 1, FROM);
    await world.clock.advance(10);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
    await world.clock.advance(1000);
    expect(takeover.strays.unknown).toBe(4097);
  });

  test("another server's client is called where its packet came from, and is ours when it answers", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1000);
    flow("stray", 10, BEHIND);
    await world.clock.advance(0);
    expect(kernel.done).toEqual([`2 called ${BEHIND}`]);
    flow("own", 99, BEHIND);
    kernel.handshake(2, BEHIND);
    await world.clock.advance(200);
    expect([takeover.attempts.stats.answered, logOf(world)]).toEqual([1, [99]]);
    expect(takeover.stats.lastMs).toBeLessThanOrEqual(200);
    await world.clock.advance(60_000);
    expect(kernel.done).toEqual([`2 called ${BEHIND}`, "2 keepalive 0"]);
  });

  test("one whose record is newer than the last look at the directory is called after the next look", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    flow("stray", 10, FROM);
    expect(kernel.done).toEqual([]);
    await world.clock.advance(250);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
  });

  test("one whose record comes later is called as soon as it is there, without another packet; after two seconds it is forgotten", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    flow("stray", 10, FROM);
    await world.clock.advance(900);
    expect([kernel.done, takeover.strays.open]).toEqual([[], true]);
    world.record("i-other", 2, 10);
    await world.clock.advance(250); // looks come four times a second meanwhile
    expect([kernel.done, takeover.strays.open]).toEqual([[`2 called ${FROM}`], false]);
    flow("stray", 11, BEHIND);
    await world.clock.advance(2100);
    expect(takeover.strays.open).toBe(false);
    world.record("i-other", 3, 11);
    await world.clock.advance(3000);
    expect(kernel.done).not.toContain(`3 called ${BEHIND}`);
  });

  test("strays that nobody knows are kept in bounded memory", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    for (let index = 100; index < 1100; index++) flow("stray", index, FROM);
    await world.clock.advance(500);
    flow("stray", 10, FROM); // no room for it
    await world.clock.advance(250);
    world.record("i-other", 2, 10);
    await world.clock.advance(1000);
    expect(kernel.done).toEqual([]);
  });

  test("with the storage gone, what is known is enough, and the unknown stays without an effect", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1000);
    world.storageFails = "EIO";
    flow("stray", 11, FROM);
    flow("stray", 10, FROM);
    await world.clock.advance(100);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
  });

  test("a client that was revoked, or has a newer session here or elsewhere, is not called", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    world.record("i-third", 2, 11, 5);
    world.record("i-other", 3, 20);
    world.desired.delete(key(3));
    await world.clock.advance(1000);
    flow("stray", 10, FROM);
    flow("stray", 20, FROM);
    await world.clock.advance(10_000);
    expect([kernel.done, takeover.stats.ignored]).toEqual([[], 2]);
  });

  test("a late packet of an older session, after the client's own handshake here that nobody has looked at yet, disturbs nothing", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1100);
    flow("own", 99, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(100);
    flow("stray", 10, FROM);
    await world.clock.advance(3000);
    expect(kernel.done).toEqual([]);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-self", index: 99 });
  });

  test("the same when the handshake was longer ago than a client waits, because the kernel did not answer until now", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1100);
    const hangs = jest.spyOn(kernel.device, "dump").mockRejectedValue(new Error("wg hangs"));
    flow("own", 99, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(6000);
    hangs.mockRestore();
    flow("stray", 10, FROM);
    await world.clock.advance(3000);
    expect(kernel.done).toEqual([]);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-self", index: 99 });
  });

  test("a client that has begun a handshake of its own is not called while the last packet of it may be under way", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1100);
    flow("own", 99, FROM);
    for (const ms of [0, 2000, 2900]) {
      await world.clock.advance(ms);
      flow("stray", 10, FROM);
    }
    expect(kernel.done).toEqual([]);
    await world.clock.advance(200); // 5.1 s after it began, and it never came to its end
    flow("stray", 10, FROM);
    await world.clock.advance(100);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
  });

  test("a call of this server's own, which another server's session ended, keeps the client from no other call", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    await world.clock.advance(1100);
    flow("stray", 10, FROM);
    await world.clock.advance(10);
    flow("own", 99, FROM);
    world.record("i-third", 2, 11);
    await world.clock.advance(1500);
    flow("stray", 11, FROM);
    await world.clock.advance(100);
    const called = `2 called ${FROM}`;
    expect(kernel.done.filter((done) => done !== called)).toEqual(["2 forgotten"]);
    expect(kernel.done.at(-1)).toBe(called);
  });

  test("an index that two clients have: both are called, the one that does not answer is given up", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    world.record("i-other", 3, 10);
    await world.clock.advance(1000);
    flow("stray", 10, FROM);
    await world.clock.advance(100);
    flow("own", 50, FROM);
    flow("own", 51, FROM);
    kernel.handshake(3, FROM);
    await world.clock.advance(10_000);
    expect(kernel.done.slice(0, 2).sort()).toEqual([`2 called ${FROM}`, `3 called ${FROM}`]);
    expect([kernel.done.includes("2 forgotten"), kernel.done.includes("3 forgotten")]).toEqual([true, false]);
    expect(world.logs.get("i-self")?.every(({ publicKey }) => publicKey === key(3))).toBe(true);
  });
});

describe("records", () => {
  test("a handshake that the kernel does not call complete is never recorded", async () => {
    const { world, flow } = bind(await Node.start());
    flow("own", 10, FROM);
    await world.clock.advance(30_000);
    expect(logOf(world)).toEqual([]);
  });

  test("the session of a client that was revoked is not recorded", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    flow("own", 10, FROM);
    kernel.handshake(2, FROM);
    world.desired.delete(key(2));
    await world.clock.advance(3000);
    expect(logOf(world)).toEqual([]);
  });

  test("ours is later than any other that is known, though the other server's clock is ahead", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10, 2000);
    await world.clock.advance(1100);
    flow("stray", 10, FROM);
    await world.clock.advance(10);
    flow("own", 99, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(200);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-self", index: 99 });
    expect(takeover.stats.lost).toBe(0);
  });

  test("a hung storage keeps no session from being recorded later", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.storageFails = "hangs";
    flow("own", 10, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(10_000);
    expect(logOf(world)).toEqual([]);
    world.storageFails = undefined;
    await world.clock.advance(1000);
    expect(logOf(world)).toEqual([10]);
  });
});

describe("announcements", () => {
  const record = (world: World, byte: number, index: number, more = 0) => ({
    publicKey: key(byte),
    index,
    at: ms(world, more),
  });

  test("a session that the kernel calls complete is announced, dated as it is recorded", async () => {
    const { world, node } = bind(await withSession());
    expect(node.announced).toEqual([["i-self", world.logs.get("i-self")]]);
    expect(node.moved).toEqual([key(2)]);
  });

  test("another server's announcement makes this one silent at once, however often it comes; its record says nothing new", async () => {
    const { world, kernel, takeover, node } = bind(await withSession());
    const news = record(world, 2, 20);
    for (let time = 0; time < 3; time++) takeover.told("i-other", [news]);
    await world.clock.advance(0);
    expect(kernel.done).toEqual(["2 forgotten"]);
    world.logs.set("i-other", [news]);
    await world.clock.advance(5000);
    expect([kernel.done, takeover.stats.lost]).toEqual([["2 forgotten"], 1]);
    expect(node.moved).toEqual([key(2), key(2)]);
  });

  test("one that comes before the kernel was asked about our own earlier handshake is the newer one all the same", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    flow("own", 10, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(100);
    takeover.told("i-other", [record(world, 2, 20)]);
    await world.clock.advance(1000);
    expect(logOf(world)).toEqual([10]);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-other", index: 20 });
    expect(kernel.done).toEqual(["2 forgotten"]);
  });

  test("a late one, older than the session here, changes nothing; nor does one in this server's own name", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    takeover.told("i-other", [record(world, 2, 20, -5000)]);
    takeover.told("i-self", [record(world, 2, 21, 1000)]);
    await world.clock.advance(2000);
    expect(kernel.done).toEqual([]);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-self", index: 10 });
  });

  test("a stray that came before it is called when it comes, without a look at the storage", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.storageFails = "hangs";
    flow("stray", 10, FROM);
    await world.clock.advance(100);
    expect(kernel.done).toEqual([]);
    takeover.told("i-other", [record(world, 2, 10)]);
    await world.clock.advance(0);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
  });

  test("a client whose session has ended is said to be nobody's", async () => {
    const { world, node, takeover } = bind(await withSession());
    await world.clock.advance(400_000);
    expect(takeover.directory.newest(key(2))).toBeUndefined();
    expect(node.moved).toEqual([key(2), key(2)]);
  });
});

describe("a client that is being called", () => {
  async function calling() {
    const node = bind(await Node.start());
    node.world.record("i-dead", 2, 10);
    await node.world.clock.advance(1100);
    node.flow("stray", 10, FROM);
    await node.world.clock.advance(100);
    expect(node.kernel.done).toEqual([`2 called ${FROM}`]);
    return node;
  }
  const third = (world: World) => [{ publicKey: key(2), index: 77, at: world.clock.now() }];

  test("is called no more, and forgotten, as soon as a third server has it", async () => {
    const { world, kernel, takeover } = await calling();
    takeover.told("i-third", third(world));
    await world.clock.advance(100);
    expect(kernel.done).toEqual([`2 called ${FROM}`, "2 forgotten"]);
    await world.clock.advance(10_000);
    expect(kernel.done).toHaveLength(2);
  });

  test("and has answered here meanwhile stays until it is known which session is the newer one", async () => {
    const { world, kernel, takeover, flow } = await calling();
    kernel.handshake(2, FROM);
    takeover.told("i-third", third(world));
    await world.clock.advance(100);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
    await world.clock.advance(900);
    flow("own", 12, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(10_000);
    expect(kernel.done).toEqual([`2 called ${FROM}`, "2 keepalive 0"]);
    expect(takeover.directory.newest(key(2))?.instance).toBe("i-self");
  });

  test("is called all the same when a later record of the server that lost it turns up", async () => {
    const { world, kernel } = await calling();
    world.record("i-dead", 2, 11);
    await world.clock.advance(3000);
    expect(kernel.done.filter((done) => done.startsWith("2 called"))).toHaveLength(3);
  });
});

describe("a session that went elsewhere", () => {
  test("is forgotten without a word within the next look at the directory, once", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    world.record("i-other", 2, 20);
    await world.clock.advance(1100);
    expect([kernel.done, takeover.stats.lost]).toEqual([["2 forgotten"], 1]);
    world.record("i-third", 2, 30);
    await world.clock.advance(60_000);
    expect([kernel.done, takeover.stats.lost]).toEqual([["2 forgotten"], 1]);
  });

  test("is left to the other server for a moment: its keepalives fetch back a client that followed this one's last words; then it is called", async () => {
    const { world, kernel, takeover, flow } = bind(await withSession());
    world.record("i-other", 3, 30);
    takeover.told("i-other", [{ publicKey: key(2), index: 20, at: world.clock.now() }]);
    await world.clock.advance(10);
    for (const index of [20, 30]) flow("stray", index, FROM);
    await world.clock.advance(1450);
    expect(kernel.done.filter((done) => done.startsWith("2"))).toEqual(["2 forgotten"]);
    expect(kernel.done).toContain(`3 called ${FROM}`);
    await world.clock.advance(550); // so long the kernel says nothing of the same stray
    flow("stray", 20, FROM);
    await world.clock.advance(0);
    expect(kernel.done).toContain(`2 called ${FROM}`);
  });

  test("is left to the other server by an agent that learns of it when it starts again, too", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    await takeover.stop();
    world.record("i-other", 2, 20, 2000);
    await world.clock.advance(2500);
    const after = bind(await Node.start(world, kernel));
    await world.clock.advance(500);
    after.flow("stray", 20, FROM);
    await world.clock.advance(500);
    expect(kernel.done).toEqual(["2 forgotten"]);
    await world.clock.advance(1500);
    after.flow("stray", 20, FROM);
    await world.clock.advance(0);
    expect(kernel.done).toEqual(["2 forgotten", `2 called ${FROM}`]);
  });

  test("is kept while the other server's record is older, or about another client", async () => {
    const { world, kernel } = bind(await withSession());
    world.record("i-other", 2, 20, -5000);
    world.record("i-other", 3, 30);
    await world.clock.advance(2000);
    expect(kernel.done).toEqual([]);
  });

  test("is nobody's affair where its client was removed meanwhile, though one with its key comes again", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    const alice = world.desired.get(key(2));
    world.desired.delete(key(2));
    await world.clock.advance(11_000);
    if (alice !== undefined) world.desired.set(key(2), alice);
    world.record("i-other", 2, 20);
    await world.clock.advance(2000);
    expect([kernel.done, takeover.stats.lost]).toEqual([[], 0]);
  });

  test("is forgotten by an agent that was started again meanwhile, too", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    await takeover.stop();
    await Node.start(world, kernel);
    await world.clock.advance(1000);
    world.record("i-other", 2, 20);
    await world.clock.advance(1000);
    expect(kernel.done).toEqual(["2 forgotten"]);
  });

  test("is not claimed back when its record never got into the log, and only the kernel's sets tell of it", async () => {
    const world = new World();
    const kernel = new Kernel(world);
    kernel.handshake(2, FROM, 60_000);
    kernel.issued = [{ endpoint: ["192.0.2.1", 4500], wire: 0x0a000000, expires: 140 }];
    world.record("i-other", 2, 20, -10_000);
    const { takeover } = await Node.start(world, kernel);
    await world.clock.advance(3000);
    expect(takeover.directory.newest(key(2))).toMatchObject({ instance: "i-other", index: 20 });
    expect(kernel.done).toEqual(["2 forgotten"]);
  });

  test("is not claimed back by an agent that starts and finds the old handshake in the kernel's sets", async () => {
    const before = await withSession();
    const { world, kernel } = before;
    await before.takeover.stop();
    await world.clock.advance(5000);
    kernel.issued = [{ endpoint: ["192.0.2.1", 4500], wire: 0x0a000000, expires: 194 }];
    world.record("i-other", 2, 20, -2000);
    world.storageFails = "slow to start";
    const after = await Node.start(world, kernel);
    world.storageFails = undefined;
    await world.clock.advance(5000);
    expect(after.takeover.directory.newest(key(2))).toMatchObject({ instance: "i-other", index: 20 });
    expect(kernel.done).toEqual(["2 forgotten"]);
  });
});

describe("a session that this server itself recorded", () => {
  test("is not disturbed when only the table was lost", async () => {
    const { world, kernel, flow } = bind(await withSession());
    kernel.nft.length = 0;
    flow("stray", 10, FROM);
    await world.clock.advance(3000);
    expect([kernel.done, kernel.nft]).toEqual([[], ["add element inet wgc_sessions own { 0x0a000000 }\n"]]);
  });

  test("is not disturbed when its record is later than its handshake, because another server's clock is ahead", async () => {
    const { world, kernel, flow } = bind(await Node.start());
    world.record("i-other", 2, 9, 4000);
    await world.clock.advance(1100);
    flow("own", 10, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(1000);
    flow("stray", 10, FROM);
    await world.clock.advance(3000);
    expect(kernel.done).toEqual([]);
  });

  test("is one of hundreds that come at once, and costs one look and one run of nft with all of them", async () => {
    const world = new World(200);
    const { kernel, flow, takeover } = bind(await Node.start(world, new Kernel(world)));
    for (let client = 0; client < 200; client++) {
      flow("own", 1000 + client, `192.0.2.1:${2000 + client}`);
      kernel.handshake(2 + client, `192.0.2.1:${2000 + client}`);
    }
    await world.clock.advance(1000);
    expect(takeover.directory.size).toBe(200);
    kernel.nft.length = 0;
    kernel.dumps = 0;
    kernel.dumpMs = 50;
    for (let client = 0; client < 200; client++) flow("stray", 1000 + client, `192.0.2.1:${2000 + client}`);
    await world.clock.advance(1000);
    expect([kernel.dumps, kernel.nft.length, kernel.done]).toEqual([2, 2, []]); // the first one begins at once
    expect(kernel.nft.join().match(/0x/g)).toHaveLength(200);
  });

  test("is begun anew after the whole server was started again", async () => {
    const { world, takeover } = bind(await withSession());
    await takeover.stop();
    await world.clock.advance(3000);
    const { kernel, flow } = bind(await Node.start(world, new Kernel(world)));
    await world.clock.advance(1100);
    expect(kernel.done).toEqual([]);
    flow("stray", 10, FROM);
    await world.clock.advance(10);
    expect(kernel.done).toEqual([`2 called ${FROM}`]);
  });
});

describe("an agent that is started again", () => {
  test("records what it missed, from the kernel's sets", async () => {
    const world = new World();
    const kernel = new Kernel(world);
    kernel.handshake(2, FROM, 20_000);
    kernel.handshake(3, BEHIND, 90_000);
    kernel.issued = [
      { endpoint: ["192.0.2.1", 4500], wire: 0x11223384, expires: 180 },
      { endpoint: ["192.0.2.77", 1024], wire: 0x0b000000, expires: 150 }, // issued after that handshake: never completed
    ];
    const { takeover } = bind(await Node.start(world, kernel));
    await world.clock.advance(2000);
    expect(logOf(world)).toEqual([0x84332211]);
    expect(takeover.directory.newest(key(2))?.at).toBe(ms(world, -22_000));
    expect(kernel.done).toEqual([]);
  });

  test("keeps both its old and its missed sessions in the log, though the sets only know whole seconds", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    await takeover.stop();
    kernel.handshake(2, FROM);
    kernel.issued = [{ endpoint: ["192.0.2.1", 4500], wire: 0x08000000, expires: 198 }];
    world.storageFails = "slow to start";
    await Node.start(world, kernel);
    await world.clock.advance(2000);
    world.storageFails = undefined;
    await world.clock.advance(2000);
    expect(logOf(world).sort()).toEqual([10, 8].sort());
  });

  test("does not record again what its log already has", async () => {
    const { world, kernel, takeover } = bind(await withSession());
    await takeover.stop();
    kernel.issued = [{ endpoint: ["192.0.2.1", 4500], wire: 0x0a000000, expires: 199 }];
    await Node.start(world, kernel);
    await world.clock.advance(3000);
    expect(world.logs.get("i-self")).toHaveLength(1);
  });

  test("turns the keepalives off that the one before left on, and ends its unanswered calls", async () => {
    const { world, kernel, takeover, flow } = bind(await Node.start());
    world.record("i-other", 2, 10);
    world.record("i-other", 3, 11);
    await world.clock.advance(1100);
    flow("stray", 10, FROM);
    flow("stray", 11, BEHIND);
    await world.clock.advance(10);
    flow("own", 99, FROM);
    kernel.handshake(2, FROM);
    await world.clock.advance(200);
    await takeover.stop();
    kernel.done.length = 0;
    const next = await Node.start(world, kernel);
    next.takeover.observe((await kernel.device.dump()).peers);
    await world.clock.advance(1000);
    expect(kernel.done.sort()).toEqual(["2 keepalive 0", "3 forgotten"]);
  });
});

test("a machine that is slow to list its peers does not call a client again that has answered", async () => {
  const { world, kernel, flow } = bind(await Node.start());
  kernel.dumpMs = 150;
  world.record("i-other", 2, 10);
  await world.clock.advance(3000);
  // The machine has been slow before: its looks are spread out.
  flow("own", 1, BEHIND);
  await world.clock.advance(3000);
  flow("stray", 10, FROM);
  await world.clock.advance(50);
  flow("own", 99, FROM);
  kernel.handshake(2, FROM);
  await world.clock.advance(30_000);
  expect(kernel.done).toEqual([`2 called ${FROM}`, "2 keepalive 0"]);
});

describe("a server that nothing reaches", () => {
  test("forgets all sessions and its indices, and takes them back when it is reached again", async () => {
    const node = await withSession();
    const { world, kernel, flow } = bind(node);
    node.cut = true;
    kernel.nft.length = 0;
    await world.clock.advance(15_000);
    expect(kernel.done).toEqual(["2 forgotten"]);
    expect(kernel.nft.join()).toMatch(/flush set inet wgc_sessions own\n.*issued4\n.*issued6\n/s);
    flow("stray", 10, FROM);
    await world.clock.advance(10);
    expect(kernel.done).toEqual(["2 forgotten", `2 called ${FROM}`]);
  });

  test("forgets them though the tools fail meanwhile, once", async () => {
    const node = await withSession();
    const { world, kernel, flow } = bind(node);
    node.cut = true;
    kernel.nftFails = "nft: away";
    await world.clock.advance(14_000);
    expect(kernel.done).toEqual(["2 forgotten"]);
    node.cut = false; // reached again, and its indices are still on the table
    await world.clock.advance(6000);
    kernel.nftFails = undefined;
    kernel.nft.length = 0;
    await world.clock.advance(3000);
    expect(
      kernel.nft.filter((script) => script.startsWith("flush set inet wgc_sessions own\n")),
    ).toHaveLength(1);
    flow("stray", 10, FROM);
    await world.clock.advance(10);
    expect(kernel.done).toEqual(["2 forgotten", `2 called ${FROM}`]);
  });

  test.each([
    ["fail for a while", { wgFails: "wg: away" }],
    ["are slow", { applyMs: 3000 }],
  ])(
    "does not take sessions for standing ones that it is about to forget, though WireGuard's tools %s",
    async (_, trouble) => {
      const node = await withSession();
      const { world, kernel, flow } = bind(node);
      node.cut = true;
      kernel.nft.length = 0;
      Object.assign(kernel, trouble);
      for (let passed = 0; passed < 20_000 && kernel.nft.length === 0; passed += 50) {
        if (passed === 12_000) kernel.wgFails = undefined;
        await world.clock.advance(50);
      }
      // While a session stands its index is the table's, and the client's packets are no strays.
      expect(kernel.done).toEqual(["2 forgotten"]);
      expect(kernel.nft.join()).toMatch(/^flush set inet wgc_sessions own\n/);
      kernel.applyMs = 0;
      flow("stray", 10, FROM);
      await world.clock.advance(10);
      expect(kernel.done).toEqual(["2 forgotten", `2 called ${FROM}`]);
    },
  );

  test("after the end nothing is tried again", async () => {
    const node = await withSession();
    const { world, kernel, takeover } = bind(node);
    node.cut = true;
    kernel.dumpMs = 1000;
    kernel.nftFails = "nft: away";
    while (!takeover.isOutOfTouch) await world.clock.advance(50);
    await takeover.stop();
    await world.clock.advance(1000);
    kernel.nftFails = undefined;
    kernel.nft.length = 0;
    await world.clock.advance(60_000);
    expect([kernel.nft, kernel.done]).toEqual([[], ["2 forgotten"]]);
  });

  test("keeps them while it drains, and is said to be in touch: nobody may look at it any more, and flows are still led to it", async () => {
    const node = await withSession();
    const { world, kernel } = bind(node);
    node.draining = true;
    node.cut = true;
    node.touches = 0;
    await world.clock.advance(60_000);
    expect([kernel.done, node.touches]).toEqual([[], 120]);
  });

  test("is said to be in touch until it is not", async () => {
    const node = await withSession();
    await node.world.clock.advance(10_000);
    node.cut = true;
    node.touches = 0;
    await node.world.clock.advance(60_000);
    expect(node.touches).toBe(10); // twice a second in the 6 s after the last check, of which one was over
  });

  test("keeps them while health checks come, or clients are heard", async () => {
    const node = await withSession();
    const { world, kernel, takeover } = bind(node);
    await world.clock.advance(30_000);
    node.cut = true;
    for (let i = 0; i < 6; i++) {
      kernel.peer(2).rxBytes += 148;
      takeover.observe((await kernel.device.dump()).peers);
      await world.clock.advance(5000);
    }
    expect(kernel.done).toEqual([]);
  });

  test("keeps them when clients were heard since it last looked", async () => {
    const node = await withSession();
    const { world, kernel, takeover } = bind(node);
    takeover.observe((await kernel.device.dump()).peers);
    node.cut = true;
    kernel.peer(2).rxBytes += 148;
    await world.clock.advance(12_000);
    expect(kernel.done).toEqual([]);
    await world.clock.advance(8000);
    expect(kernel.done).toEqual(["2 forgotten"]);
  });
});

describe("the table", () => {
  test("is loaded again after somebody removed it", async () => {
    const { world, kernel } = bind(await Node.start());
    const loads = () => kernel.nft.filter((script) => script.includes("add chain")).length;
    expect(loads()).toBe(1);
    await world.clock.advance(20_000);
    expect(loads()).toBe(1);
    kernel.tableLoaded = false;
    await world.clock.advance(10_000);
    expect(loads()).toBe(2);
  });

  test("that cannot be loaded is a problem that says so, and nothing else fails; it is tried again", async () => {
    const world = new World();
    const kernel = new Kernel(world);
    kernel.nftFails = "nft: Operation not permitted";
    const { takeover } = bind(await Node.start(world, kernel));
    expect(takeover.problem).toMatch(/cannot be loaded.*Operation not permitted/);
    kernel.nftFails = undefined;
    await world.clock.advance(5000);
    expect(takeover.problem).toBeUndefined();
  });
});

test("a session directory that cannot be used is a problem that says so, until it can be again", async () => {
  const { world, takeover } = bind(await Node.start());
  expect(takeover.problem).toBeUndefined();
  world.storageFails = "fails";
  await world.clock.advance(1000);
  expect(takeover.problem).toMatch(/^the session directory cannot be used: /);
  world.storageFails = undefined;
  await world.clock.advance(1000);
  expect(takeover.problem).toBeUndefined();
});

test.each([
  [1000, 0],
  [2000, 1],
  [10_000, 1],
])(
  "a handshake that this server is told of %d ms late is recorded and announced with the time that it had",
  async (ms, looksUp) => {
    const node = await Node.start();
    const { world, kernel, flow } = bind(node);
    world.record("i-other", 2, 5);
    await world.clock.advance(2000);
    const happened = world.clock.now();
    kernel.handshake(2, FROM);
    await world.clock.advance(ms); // the agent, or the program that it listens to, stands still
    kernel.issued = [{ endpoint: ["192.0.2.1", 4500], wire: 0x0a000000, expires: 200 - ms / 1000 - 1 }];
    flow("own", 10, FROM);
    await world.clock.advance(5000);
    const [[holder, records] = []] = node.announced;
    expect([holder, records?.length, records?.[0]?.index]).toEqual(["i-self", 1, 10]);
    expect(Math.abs((records?.[0]?.at ?? 0) - happened)).toBeLessThanOrEqual(1000);
    expect(kernel.lists / 2 - 1).toBe(looksUp); // of both families; the first time at the start
  },
);

test("whatever the number of gaps, handshakes are looked up one time after the other", async () => {
  const node = await Node.start();
  const { kernel, world } = node;
  const begun = kernel.lists;
  kernel.nftMs = 500;
  for (let gap = 0; gap < 50; gap++) {
    node.gap();
    await world.clock.advance(20);
  }
  await world.clock.advance(5000);
  expect(kernel.lists - begun).toBe(4); // of both families, for the first gap and for all that came meanwhile
  node.gap("stray"); // in which only packets were missed that others repeat
  await world.clock.advance(5000);
  expect(kernel.lists - begun).toBe(4);
});

test("a stray that comes before it is known who may connect waits for that", async () => {
  const node = await Node.start();
  const { kernel, world } = node;
  node.ready = false;
  world.record("i-other", 2, 10);
  await world.clock.advance(1100);
  node.flow("stray", 10, FROM);
  await world.clock.advance(1000);
  expect(kernel.done).toEqual([]);
  node.ready = true;
  await world.clock.advance(500);
  expect(kernel.done).toEqual([`2 called ${FROM}`]);
});

test("a server whose clock was an hour ahead for a moment claims nothing of that time", async () => {
  const node = await withSession();
  const { world, takeover } = node;
  world.clock.set(world.clock.now() + 3_600_000);
  node.flow("own", 11, FROM);
  node.kernel.handshake(2, FROM);
  await world.clock.advance(1000);
  world.clock.set(world.clock.now() - 3_600_000);
  await world.clock.advance(20_000);
  node.flow("own", 12, FROM);
  node.kernel.handshake(2, FROM);
  await world.clock.advance(1000);
  const [, [last] = []] = node.announced.at(-1) ?? [];
  expect([last?.index, last?.at]).toEqual([12, world.clock.now() - 1000]);
  takeover.told("i-other", [{ publicKey: key(2), index: 50, at: world.clock.now() }]);
  await world.clock.advance(100);
  expect(node.kernel.done).toEqual(["2 forgotten"]);
});

test("nobody looks at the interface while nothing happens", async () => {
  const { world, kernel } = bind(await withSession());
  const before = kernel.dumps;
  await world.clock.advance(7000);
  expect(kernel.dumps).toBe(before);
});

/** The parts that tests use, with `flow` as a function of its own. */
function bind(node: Node) {
  const { world, kernel, takeover } = node;
  return { node, world, kernel, takeover, flow: node.flow.bind(node) };
}
