import { ALICE, PASSIVE, ROUTED, recordOf, START_MS, World } from "./world";

test("each zone's route leads to a server of that zone, and after its end within three seconds to another", async () => {
  const world = new World();
  const [one] = [world.server(1, "a", ROUTED), world.server(2, "b", ROUTED), world.server(3, "b", ROUTED)];
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-1", "eni-2"]);
  world.cut.add("10.0.0.2");
  await world.clock.advance(3000);
  expect(world.routes).toEqual(["eni-1", "eni-3"]);
  world.cut.add("10.0.0.1");
  await world.clock.advance(3000);
  expect(world.routes).toEqual(["eni-3", "eni-3"]);
  // Those that were cut off believed to own all of it; of two that do, the first in order stays.
  world.cut.clear();
  await world.clock.advance(12_000);
  expect(world.routes).toEqual(["eni-1", "eni-2"]);
  await world.clock.advance(10_000); // whether its route leads there could not be asked while it was cut off
  expect(one.link.problem).toBeUndefined();
});

test("an owner that drains hands its route on before it goes", async () => {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  world.server(2, "a", ROUTED);
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-1", "eni-1"]);
  one.state.is = "draining";
  await world.clock.advance(2200);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
});

test("no server is a next hop before the network lets it be one", async () => {
  const world = new World();
  world.cut.add("10.0.0.1"); // neither EC2 nor the others are reached
  const one = world.server(1, "a", ROUTED);
  await world.clock.advance(6000);
  expect(one.link.problem).toContain("source/destination check");
  expect(world.routes).toEqual(["eni-0", "eni-0"]);
  world.cut.clear();
  await world.clock.advance(30_000);
  expect(world.routes).toEqual(["eni-1", "eni-1"]);
});

test("the firewall knows the other servers, and is told again when somebody emptied it", async () => {
  const world = new World();
  const one = world.server(1, "a", {});
  world.server(2, "a", {});
  await world.clock.advance(START_MS);
  expect(one.tools.nft.at(-1)).toBe(
    "flush set inet wgc mesh_members\nadd element inet wgc mesh_members { 10.0.0.2 }\n",
  );
  const times = one.tools.nft.length;
  await world.clock.advance(25_000);
  expect(one.tools.nft.length - times).toBe(2);
});

test("a client's packets go on to its holder, by an address that may be learnt later", async () => {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  one.state.holder = "i-2";
  one.link.onHolders([ALICE]);
  await world.clock.advance(1000);
  expect(one.tools.ip).toEqual([]);
  world.server(2, "a", ROUTED);
  await world.clock.advance(6000);
  expect(one.tools.ip.join("")).toBe(
    "route replace 10.100.0.2/32 encap ip id 51820 dst 10.0.0.2 dev wgc-mesh table 119\n",
  );
  one.state.holder = "i-1";
  one.link.onHolders([ALICE]);
  await world.clock.advance(100);
  expect(one.tools.ip.at(-1)).toBe("route del 10.100.0.2/32 table 119\n");
});

test("a server that does not know the others gets no role and changes no route", async () => {
  const world = new World();
  world.server(2, "a", ROUTED);
  world.server(3, "b", ROUTED);
  await world.clock.advance(START_MS);
  world.without.add("10.0.0.1");
  const mute = world.server(1, "a", ROUTED);
  const seen = new Set<string>();
  for (let second = 0; second < 150; second++) {
    await world.clock.advance(1000);
    seen.add(world.routes.join());
  }
  expect([...seen]).toEqual(["eni-2,eni-3"]);
  expect(mute.link.problem).toContain("the storage hangs");
  expect(mute.tools.nft).toEqual([]); // nor does it forget which servers there were
});

test("a server without a network interface to lead to gets no route", async () => {
  const world = new World();
  world.server(1, "a", ROUTED, { interfaceId: undefined });
  world.server(2, "b", ROUTED);
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
});

test("a server whose directory has not been read is no next hop", async () => {
  const world = new World();
  world.server(2, "b", ROUTED);
  world.without.add("10.0.0.1");
  const one = world.server(1, "a", ROUTED);
  world.without.clear(); // the key and the records come, the sessions do not
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
  one.link.onDirectoryRead();
  await world.clock.advance(5000);
  expect(world.routes).toEqual(["eni-1", "eni-2"]);
});

test("a process that was stopped for a moment does not take the others for dead", async () => {
  const world = new World();
  const servers = [1, 2, 3].map((number) => world.server(number, "a", PASSIVE));
  await world.clock.advance(START_MS);
  const standby = () => servers.map(({ link }) => link.standby);
  const before = standby();
  world.clock.skip(1300); // all of them, and nobody heard anything
  await world.clock.advance(5000);
  expect(standby()).toEqual(before);
});

test.each([3000, 4500, 6000, 8000])(
  "an owner that ends %i ms after another agent was started again is followed within three seconds",
  async (ms) => {
    const world = new World();
    let one = world.server(1, "a", ROUTED);
    for (const number of [2, 3]) world.server(number, "a", ROUTED);
    await world.clock.advance(START_MS);
    one.link.stop();
    await world.clock.advance(2000); // the second one takes over
    one = world.server(1, "a", ROUTED);
    await world.clock.advance(ms);
    expect(world.routes).toEqual(["eni-2", "eni-2"]);
    world.cut.add("10.0.0.2");
    await world.clock.advance(3000);
    expect(world.routes).toEqual(["eni-3", "eni-3"]);
    one.link.stop();
  },
);

test.each([3000, 4500, 6000])(
  "an active server that ends %i ms after another agent was started again is followed within two seconds",
  async (ms) => {
    const world = new World();
    const servers = [1, 2, 3].map((number) => world.server(number, "a", PASSIVE));
    await world.clock.advance(START_MS);
    servers[0]?.link.stop();
    await world.clock.advance(2000);
    world.server(1, "a", PASSIVE);
    await world.clock.advance(ms);
    expect(servers[1]?.link.standby).toBeUndefined();
    world.cut.add("10.0.0.2");
    await world.clock.advance(2000);
    expect(servers[2]?.link.standby).toBeUndefined();
  },
);

test("a server that serves alone goes on while a second one comes", async () => {
  const world = new World();
  const one = world.server(1, "a", PASSIVE);
  await world.clock.advance(4500); // half a second before it reads again who there is
  expect(one.link.standby).toBeUndefined();
  world.server(2, "a", PASSIVE);
  const seen = new Set<string | undefined>();
  for (let passed = 0; passed < 15_000; passed += 100) {
    await world.clock.advance(100);
    seen.add(one.link.standby);
  }
  expect([...seen]).toEqual([undefined]);
});

test("the active server is one that packets for clients can be led to, where there is one", async () => {
  const world = new World();
  const lame = world.server(1, "a", PASSIVE, { interfaceId: undefined });
  await world.clock.advance(START_MS);
  expect([lame.link.standby, world.routes]).toEqual([undefined, ["eni-0", "eni-0"]]);
  const good = world.server(2, "a", PASSIVE);
  await world.clock.advance(START_MS);
  expect([lame.link.standby, good.link.standby]).toEqual(["standby: i-2 is active", undefined]);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
});

test("a server that was cut off for a while takes nothing from the one that went on", async () => {
  const world = new World();
  const servers = [1, 2, 3].map((number) => world.server(number, "a", PASSIVE));
  await world.clock.advance(START_MS);
  servers[0]?.link.stop();
  world.cut.add("10.0.0.1");
  await world.clock.advance(5000);
  expect(servers[1]?.link.standby).toBeUndefined();
  // The third loses the second, takes itself for the active one, and hears of it again.
  world.cut.add("10.0.0.3");
  await world.clock.advance(5000);
  world.cut.delete("10.0.0.3");
  await world.clock.advance(8000);
  expect([servers[1]?.link.standby, servers[2]?.link.standby]).toEqual([undefined, "standby: i-2 is active"]);
});

test.each([45_000, -45_000])(
  "a server whose clock is off by %i ms takes nothing from others, says why, and serves when there is nobody else",
  async (ms) => {
    const world = new World();
    const off = { ms: 0 };
    const servers = [2, 3].map((number) => world.server(number, "b", PASSIVE));
    await world.clock.advance(START_MS);
    servers.unshift(world.server(1, "a", PASSIVE, { off }));
    await world.clock.advance(START_MS);
    off.ms = ms;
    const standby = () => servers.map(({ link }) => link.standby);
    await world.clock.advance(10_000);
    expect(standby()).toEqual(["standby: i-2 is active", undefined, "standby: i-2 is active"]);
    expect(servers[0]?.link.problem).toContain("the clock of i-2 is 45 s");
    expect(servers[1]?.link.problem).toContain("the clock of i-1 is 45 s");
    world.cut.add("10.0.0.2");
    await world.clock.advance(3000);
    expect(standby()[2]).toBeUndefined();
    world.cut.add("10.0.0.3");
    await world.clock.advance(3000);
    expect(standby()[0]).toBeUndefined();
    // Two that do not hear each other both serve; what is left when they do is one.
    world.cut.delete("10.0.0.3");
    await world.clock.advance(8000);
    expect([standby()[0], standby()[2]].filter((why) => why === undefined)).toHaveLength(1);
  },
);

test("a server whose clock is off takes no route back for its zone", async () => {
  const world = new World();
  world.server(2, "b", ROUTED);
  await world.clock.advance(START_MS);
  const off = { ms: 35_000 };
  world.server(1, "a", ROUTED, { off });
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
  off.ms = 0;
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-1", "eni-2"]);
});

test.each([700, 1700, 2700, 3700, 4700])(
  "an earlier server that comes %i ms before its record does not take over",
  async (recordAfter) => {
    const world = new World();
    const [two] = [world.server(2, "a", PASSIVE), world.server(3, "a", PASSIVE)];
    await world.clock.advance(START_MS);
    const one = world.server(1, "a", PASSIVE, { recordAfter });
    await world.clock.advance(25_000);
    expect([one.link.standby, two.link.standby]).toEqual(["standby: i-2 is active", undefined]);
  },
);

test("with routed addressing news may be missed while a server that is there is not heard, and not once it is forgotten", async () => {
  const world = new World();
  const [one] = [world.server(1, "a", ROUTED), world.server(2, "a", ROUTED)];
  await world.clock.advance(START_MS);
  expect(one.link.mayMissNews).toBe(false);
  const told = one.unheard.times;
  world.cut.add("10.0.0.2"); // its record is written all the same
  await world.clock.advance(650); // two heartbeats, and whatever had been left of the one before
  expect([one.link.mayMissNews, one.unheard.times]).toEqual([true, told + 1]);
  await world.clock.advance(120_000);
  expect([one.link.mayMissNews, one.unheard.times]).toEqual([true, told + 1]);
  world.cut.delete("10.0.0.2");
  await world.clock.advance(1000);
  expect(one.link.mayMissNews).toBe(false);
  world.ears.delete("10.0.0.2"); // it has ended
  world.cut.add("10.0.0.2");
  await world.clock.advance(30_000);
  expect(one.link.mayMissNews).toBe(true);
  await world.clock.advance(50_000);
  expect(one.link.mayMissNews).toBe(false);
});

test("a record that is dated ahead, and is not written again, keeps nobody a member", async () => {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  world.stored.push(recordOf("i-9", "10.0.0.9", world.clock.now() + 600_000));
  await world.clock.advance(10_000);
  expect(one.link.mesh.members.all).toHaveLength(1);
  await world.clock.advance(60_000);
  expect(one.link.mesh.members.all).toEqual([]);
});

test.each([
  [25, true],
  [26, false],
])(
  "of %i servers that are not heard news may be missed: %p, for with so many the storage is not read more often",
  async (count, may) => {
    const world = new World();
    const one = world.server(1, "a", ROUTED);
    for (let number = 101; number < 101 + count; number++)
      world.stored.push(recordOf(`i-${number}`, `10.0.0.${number}`, world.clock.now()));
    await world.clock.advance(2000);
    expect([one.link.mesh.members.all.length, one.link.mayMissNews]).toEqual([count, may]);
  },
);

test("with masquerading nothing is asked of EC2 and nothing routed", async () => {
  const world = new World();
  const one = world.server(1, "a", {});
  await world.clock.advance(START_MS);
  expect(world.routes).toEqual(["eni-0", "eni-0"]);
  expect(one.link.overlay).toBeUndefined();
  expect(one.link.standby).toBeUndefined();
  world.server(2, "a", {});
  world.cut.add("10.0.0.2");
  await world.clock.advance(10_000);
  expect(one.link.mayMissNews).toBe(false);
});

describe("with one active server", () => {
  test("the others stand by, all routes lead to it, and when it ends another one is active", async () => {
    const world = new World();
    const servers = [
      world.server(1, "a", PASSIVE),
      world.server(2, "b", PASSIVE),
      world.server(3, "b", PASSIVE),
    ];
    const standby = () => servers.map(({ link }) => link.standby);
    expect(standby()).toEqual(Array(3).fill("standby: the active server is not known yet"));
    await world.clock.advance(START_MS);
    expect(standby()).toEqual([undefined, "standby: i-1 is active", "standby: i-1 is active"]);
    expect(world.routes).toEqual(["eni-1", "eni-1"]);
    world.cut.add("10.0.0.1");
    await world.clock.advance(3000);
    expect(standby().slice(1)).toEqual([undefined, "standby: i-2 is active"]);
    expect(world.routes).toEqual(["eni-2", "eni-2"]);
  });

  test("an active server that drains hands on until the load balancer has found the next one healthy", async () => {
    const world = new World();
    const [one, two] = [world.server(1, "a", PASSIVE), world.server(2, "b", PASSIVE)];
    await world.clock.advance(START_MS);
    await world.clock.advance(10_000);
    expect(one.link.handingOn).toBeUndefined();
    one.state.is = "draining";
    await world.clock.advance(600);
    expect([one.link.standby, two.link.standby]).toEqual(["standby: i-2 is active", undefined]);
    expect([one.link.handingOn, two.link.handingOn]).toEqual([
      "handing on to i-2: in service until the load balancer has found that one healthy",
      undefined,
    ]);
    // One check more than this server's own bad ones leave it, five seconds apart, and what a check takes.
    await world.clock.advance(6000);
    expect(one.link.handingOn).toContain("handing on to i-2");
    await world.clock.advance(1000);
    expect(one.link.handingOn).toBeUndefined();
  });

  test("one that was out while it was the active one hands nothing on to who comes", async () => {
    const world = new World();
    const one = world.server(1, "a", PASSIVE);
    await world.clock.advance(START_MS);
    one.state.is = "draining";
    await world.clock.advance(20_000);
    expect(one.link.standby).toBeUndefined();
    world.server(2, "b", PASSIVE);
    for (let passed = 0; passed < START_MS; passed += 500) {
      await world.clock.advance(500);
      expect(one.link.handingOn).toBeUndefined();
    }
    expect(one.link.standby).toBe("standby: i-2 is active");
  });

  test("one that was cut off for a moment only hands on: the load balancer has noticed nothing", async () => {
    const world = new World();
    const [one, two] = [1, 2, 3].map((number) => world.server(number, "a", PASSIVE));
    await world.clock.advance(START_MS + 10_000);
    world.cut.add("10.0.0.1");
    await world.clock.advance(1600);
    world.cut.delete("10.0.0.1");
    await world.clock.advance(600);
    expect([one?.link.standby, two?.link.standby]).toEqual(["standby: i-2 is active", undefined]);
    expect(one?.link.handingOn).toContain("handing on to i-2");
    await world.clock.advance(6500);
    expect(one?.link.handingOn).toBeUndefined();
  });

  test("a process that stood still for a moment hands on, for what is left of that time", async () => {
    const world = new World();
    const [one] = [world.server(1, "a", PASSIVE), world.server(2, "a", PASSIVE)];
    await world.clock.advance(START_MS + 10_000);
    one.clock.stop();
    await world.clock.advance(5000);
    one.clock.go();
    await world.clock.advance(600);
    expect(one.link.handingOn).toContain("handing on to i-2");
    await world.clock.advance(1800);
    expect(one.link.handingOn).toBeUndefined();
  });

  test("one that was cut off hands nothing on when it is back: another one has served for long", async () => {
    const world = new World();
    const [one, two] = [1, 2, 3].map((number) => world.server(number, "a", PASSIVE));
    await world.clock.advance(START_MS);
    world.cut.add("10.0.0.1");
    await world.clock.advance(60_000);
    expect([one?.link.standby, two?.link.standby]).toEqual([undefined, undefined]);
    world.cut.delete("10.0.0.1");
    for (let passed = 0; passed < 10_000; passed += 200) {
      await world.clock.advance(200);
      expect(one?.link.handingOn).toBeUndefined();
    }
    expect([one?.link.standby, two?.link.standby]).toEqual(["standby: i-2 is active", undefined]);
  });

  test("with masquerading another one is active as soon", async () => {
    const world = new World();
    const servers = [1, 2].map((number) => world.server(number, "a", { topology: "active-passive" }));
    await world.clock.advance(START_MS);
    expect(servers[1]?.link.standby).toBe("standby: i-1 is active");
    world.cut.add("10.0.0.1");
    await world.clock.advance(1300);
    expect(servers[1]?.link.standby).toBeUndefined();
  });

  test("an earlier server that comes later does not take over", async () => {
    const world = new World();
    const two = world.server(2, "b", PASSIVE);
    await world.clock.advance(START_MS);
    const one = world.server(1, "a", PASSIVE);
    await world.clock.advance(10_000);
    expect([one.link.standby, two.link.standby]).toEqual(["standby: i-2 is active", undefined]);
    two.state.is = "unhealthy";
    await world.clock.advance(1000);
    expect([one.link.standby, two.link.standby]).toEqual([undefined, "standby: i-1 is active"]);
  });
});
