import { ALICE, ROUTED, START_MS, World } from "./world";

const LEFT: [string, string] = ["10.100.0.9/32", "10.0.0.9"];
const ROUTE: [string, string] = ["10.100.0.2/32", "10.0.0.2"];

test("routes of an agent before stay until it is known who holds the clients and also where those servers are", async () => {
  const world = new World();
  world.server(2, "b", ROUTED);
  await world.clock.advance(START_MS);
  world.without.add("10.0.0.1");
  const one = world.server(1, "a", ROUTED);
  one.kernel.routes.set(...LEFT).set(...ROUTE);
  one.kernel.device = "up";
  one.state.holder = "i-2";
  one.link.onDirectoryRead(); // the sessions are known, the records of the others are not
  await world.clock.advance(10_000);
  expect([...one.kernel.routes]).toEqual([LEFT, ROUTE]);
  world.without.clear();
  await world.clock.advance(6000);
  expect([...one.kernel.routes]).toEqual([ROUTE]);
});

test.each([
  ["everything may have changed", "everything" as const],
  ["that client has", new Set([ALICE])],
])("a client's addresses in the overlay follow the registry when %s", async (_, scope) => {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  world.server(2, "b", ROUTED);
  one.state.holder = "i-2";
  await world.clock.advance(START_MS);
  expect([...one.kernel.routes]).toEqual([ROUTE]);
  one.state.addresses = ["10.100.0.7/32"];
  one.link.onClients(scope);
  await world.clock.advance(100);
  expect([...one.kernel.routes]).toEqual([["10.100.0.7/32", "10.0.0.2"]]);
});

const LEFT_CLIENT = { publicKey: ALICE, endpoint: "192.0.2.1:4500" };

test("clients that are left are asked of servers that take traffic, where there is one", async () => {
  const world = new World();
  const [one, two, three] = [world.server(1, "a", {}), world.server(2, "a", {}), world.server(3, "a", {})];
  await world.clock.advance(START_MS);
  two.state.is = "draining";
  await world.clock.advance(1500);
  expect([one.link.handOver("i-1", [LEFT_CLIENT], 0), one.link.isAlone]).toEqual([true, false]);
  await world.clock.advance(100);
  expect([two.asked, three.asked]).toEqual([[], ["i-1", "i-1", "i-1"]]);
  three.state.is = "unhealthy";
  await world.clock.advance(1500);
  expect([one.link.handOver("i-1", [LEFT_CLIENT], 0), one.link.isAlone]).toEqual([false, true]);
});

test("another server is asked each round, however long one takes", async () => {
  const world = new World();
  const [one, two, three] = [world.server(1, "a", {}), world.server(2, "a", {}), world.server(3, "a", {})];
  await world.clock.advance(START_MS);
  for (const ms of [1000, 1001]) {
    for (const asked of [two.asked, three.asked]) asked.length = 0;
    one.link.handOver("i-1", [LEFT_CLIENT], 0);
    await world.clock.advance(ms);
    one.link.handOver("i-1", [LEFT_CLIENT], 1);
    await world.clock.advance(100);
    expect([two.asked.length, three.asked.length]).toEqual([3, 3]);
  }
});

test.each([
  [[2], false, []],
  [[2, 3], true, [3]],
])(
  "servers %j beside one whose clock is far off: it refuses what is asked, so others are asked, or nobody",
  async (others, isAsked, asked) => {
    const world = new World();
    const off = { ms: 0 };
    const one = world.server(1, "a", {});
    const servers = others.map((number) => world.server(number, "a", {}, number === 2 ? { off } : {}));
    await world.clock.advance(START_MS);
    off.ms = 31_000;
    await world.clock.advance(1000);
    for (const round of [0, 1]) {
      expect(one.link.handOver("i-1", [LEFT_CLIENT], round)).toBe(isAsked);
      await world.clock.advance(1000);
    }
    const heard = others.filter((_, at) => (servers[at]?.asked.length ?? 0) > 0);
    expect([heard, one.link.isAlone]).toEqual([asked, false]); // it takes traffic all the same
  },
);

test("where one server is active, it is the one that is asked", async () => {
  const world = new World();
  const config = { topology: "active-passive" } as const;
  const [one, two, three] = [
    world.server(1, "a", config),
    world.server(2, "a", config),
    world.server(3, "a", config),
  ];
  await world.clock.advance(START_MS);
  const active = one.link.activeServer;
  const [asking, standby] = active === "i-1" ? [two, three] : active === "i-2" ? [one, three] : [one, two];
  const answer = asking.link.handOver(active === "i-1" ? "i-2" : "i-1", Array(20).fill(LEFT_CLIENT), 0);
  await world.clock.advance(100);
  const byName = new Map([
    ["i-1", one],
    ["i-2", two],
    ["i-3", three],
  ]);
  expect([answer, byName.get(active ?? "")?.asked.length, standby.asked]).toEqual([true, 12, []]);
});

test("the call of an owner before that takes effect late is undone as soon as that owner says that it has ended", async () => {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  world.server(2, "a", ROUTED);
  one.state.ec2Ms = 6000;
  await world.clock.advance(10_500);
  expect(one.link.mesh.candidates[0]?.owns).toContain("zone:a");
  one.state.is = "unhealthy";
  await world.clock.advance(2500);
  expect([...(one.link.routes?.calling ?? [])]).toEqual(["a", "b"]);
  expect(world.routes[0]).toBe("eni-2");
  const seen = [world.routes[0]];
  for (let passed = 0; passed < 6000; passed += 100) {
    await world.clock.advance(100);
    if (seen.at(-1) !== world.routes[0]) seen.push(world.routes[0]);
  }
  expect(seen).toEqual(["eni-2", "eni-1", "eni-2"]);
});
