import type { AgentConfig } from "../../../agent/config";
import { ACTIVE, zoneRole } from "../../../agent/mesh/roles";
import { PASSIVE, ROUTED, START_MS, World } from "./world";

type Server = ReturnType<World["server"]>;

/** Who says that it has a role, of those that the network reaches. */
const holders = (world: World, servers: readonly Server[], role: string): string =>
  servers
    .filter(({ link }) => !world.cut.has(link.place.address))
    .flatMap(({ link }) => link.mesh.candidates.slice(0, 1))
    .flatMap(({ instance, owns }) => (owns.includes(role) ? instance : []))
    .join();

/** One that is back cannot know that it has lost its role before another's heartbeat and one of its own. */
const UNTIL_HEARD_MS = 500;

/** Lets time pass; adds whatever `seen` shows one after the other. */
async function watch(world: World, ms: number, seen: () => string, sights: string[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await world.clock.advance(100);
    if (sights.at(-1) !== seen()) sights.push(seen());
  }
}

/** The first one is the only one in its zone, so both zones' order and its name speak for it. */
async function three(config: Partial<AgentConfig>) {
  const world = new World();
  const servers = [world.server(1, "a", config), world.server(2, "b", config), world.server(3, "b", config)];
  await world.clock.advance(START_MS);
  return { world, servers };
}

describe.each<[string, Partial<AgentConfig>, string]>([
  ["one active server", PASSIVE, ACTIVE],
  ["routed addressing", ROUTED, zoneRole("a")],
])("with %s", (_, config, role) => {
  test("an owner that was cut off for a minute leaves its role, and its route, to the one that took it", async () => {
    const { world, servers } = await three(config);
    const seen = () => `${holders(world, servers, role)} ${world.routes[0]}`;
    const sights = [seen()];
    world.cut.add("10.0.0.1");
    await watch(world, 60_000, seen, sights);
    world.cut.clear();
    await world.clock.advance(UNTIL_HEARD_MS);
    await watch(world, 25_000, seen, sights);
    expect(sights).toEqual(["i-1 eni-1", " eni-1", "i-2 eni-1", "i-2 eni-2"]);
  });

  test("an owner that comes and goes costs its role one move", async () => {
    const { world, servers } = await three(config);
    const seen = () => holders(world, servers, role);
    const sights = [seen()];
    const routes = new Set<string | undefined>();
    for (let cut = 0; cut < 20; cut++) {
      world.cut.add("10.0.0.1");
      await watch(world, 4000, seen, sights);
      world.cut.clear();
      await world.clock.advance(UNTIL_HEARD_MS);
      await watch(world, 8000, seen, sights);
      routes.add(world.routes[0]);
    }
    expect(sights).toEqual(["i-1", "", "i-2"]);
    expect([...routes]).toEqual(["eni-2"]);
  });

  test("what a stopped process missed counts as a cut", async () => {
    const { world, servers } = await three(config);
    const seen = () => holders(world, servers, role);
    const sights = [seen()];
    servers[0]?.clock.stop();
    await watch(world, 10_000, seen, sights);
    servers[0]?.clock.go();
    await world.clock.advance(UNTIL_HEARD_MS);
    await watch(world, 20_000, seen, sights);
    expect(sights).toEqual(["i-1", "i-1,i-2", "i-2"]);
  });
});

test("a zone's own server that was cut off takes its route back after half a minute", async () => {
  const { world, servers } = await three(ROUTED);
  const role = zoneRole("a");
  world.cut.add("10.0.0.1");
  await world.clock.advance(10_000);
  world.cut.clear();
  await world.clock.advance(29_000);
  expect(holders(world, servers, role)).toBe("i-2");
  await world.clock.advance(5000);
  expect([holders(world, servers, role), world.routes]).toEqual(["i-1", ["eni-1", "eni-2"]]);
});

test("when most servers were cut off from each other, what is left of each role is one", async () => {
  const { world, servers } = await three(PASSIVE);
  for (const number of [1, 2, 3]) world.cut.add(`10.0.0.${number}`);
  await world.clock.advance(10_000);
  world.cut.clear();
  await world.clock.advance(10_000);
  expect(holders(world, servers, ACTIVE)).toBe("i-1");
});

describe("of two servers", () => {
  async function two() {
    const world = new World();
    const servers = [world.server(1, "a", PASSIVE), world.server(2, "a", PASSIVE)];
    await world.clock.advance(START_MS);
    expect(holders(world, servers, ACTIVE)).toBe("i-1");
    return { world, servers, who: () => holders(world, servers, ACTIVE) };
  }

  test("the one that nobody from outside reached leaves its role to the other", async () => {
    const { world, servers, who } = await two();
    const [one] = servers;
    world.cut.add("10.0.0.1");
    await world.clock.advance(10_000);
    if (one) one.state.isOutOfTouch = true;
    await world.clock.advance(10_000);
    if (one) one.state.isOutOfTouch = false;
    world.cut.clear();
    await world.clock.advance(UNTIL_HEARD_MS);
    expect(who()).toBe("i-2");
    await world.clock.advance(20_000);
    expect(who()).toBe("i-2");
  });

  test("a cut between them alone leaves the role to the one that had it for longer", async () => {
    const { world, who } = await two();
    world.cut.add("10.0.0.1");
    await world.clock.advance(10_000);
    world.cut.clear();
    expect(who()).toBe("i-1,i-2");
    await world.clock.advance(10_000);
    expect(who()).toBe("i-1");
  });

  test("one that is out of touch while the other is not ready goes on", async () => {
    const { world, servers, who } = await two();
    const [one, other] = servers;
    if (one) one.state.isOutOfTouch = true;
    world.cut.add("10.0.0.1");
    await world.clock.advance(5000);
    if (other) other.state.is = "unhealthy";
    world.cut.clear();
    await world.clock.advance(10_000);
    expect(who()).toBe("i-1");
  });
});
