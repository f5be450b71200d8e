import { ALICE, ROUTED, START_MS, World } from "./world";

/** Two servers, the second of which holds the client. */
async function held() {
  const world = new World();
  const one = world.server(1, "a", ROUTED);
  world.server(2, "b", ROUTED);
  one.state.holder = "i-2";
  one.link.onHolders([ALICE]);
  await world.clock.advance(START_MS);
  expect(routes(one)).toEqual([["10.100.0.2/32", "10.0.0.2"]]);
  return { world, one };
}

const routes = ({ kernel }: ReturnType<World["server"]>) => [...kernel.routes];

test.each(["none", "down"] as const)(
  "routes that the kernel dropped with the overlay's device (%s now) are made again with it",
  async (device) => {
    const { world, one } = await held();
    one.kernel.lose(device);
    await world.clock.advance(30_500);
    expect([one.kernel.device, routes(one)]).toEqual(["up", [["10.100.0.2/32", "10.0.0.2"]]]);
  },
);

test("a table that somebody emptied is as it was after five minutes, and is not read much more often than that", async () => {
  const { world, one } = await held();
  one.kernel.routes.clear();
  const before = one.kernel.reads;
  await world.clock.advance(305_000);
  expect(routes(one)).toEqual([["10.100.0.2/32", "10.0.0.2"]]);
  await world.clock.advance(280_000);
  expect(one.kernel.reads - before).toBeLessThanOrEqual(2);
});

test("without the overlay's device a server is no next hop, says why, and is one again with it", async () => {
  const { world, one } = await held();
  expect(world.routes).toEqual(["eni-1", "eni-2"]);
  one.kernel.lose("broken");
  await world.clock.advance(35_000);
  expect(world.routes).toEqual(["eni-2", "eni-2"]);
  expect(one.link.problem).toContain("packets for other servers' clients cannot be passed on: ip: unknown");
  one.kernel.device = "none";
  await world.clock.advance(35_000);
  expect(one.link.problem).toBeUndefined();
  expect([world.routes, routes(one)]).toEqual([["eni-1", "eni-2"], [["10.100.0.2/32", "10.0.0.2"]]]);
});
