import { randomBytes } from "node:crypto";
import type { MeshLine } from "../../../agent/mesh/line";
import { Mesh } from "../../../agent/mesh/mesh";
import type { NodeFile } from "../../../registry/schema";
import type { SessionRecord } from "../../../registry/sessions";
import { FakeClock, offBy, settle } from "../fake-clock";
import { key, silent } from "../fixtures";
import { recordOf } from "./world";

const PACE = { everyMs: 200, goneMs: 1000, steadyMs: 3000 };
const SESSION: SessionRecord = { publicKey: key(9), index: 77, at: 1_790_000_000_000 };

/** Servers on one network: each by its address; what is cut off gets nothing. */
class World {
  readonly clock = new FakeClock();
  readonly ears = new Map<string, (datagram: Buffer, from: string) => void>();
  readonly cut = new Set<string>();
  readonly taken: Buffer[] = [];
  meshKey = randomBytes(32).toString("base64");
  stored: NodeFile[] = [];

  line(own: string): MeshLine {
    return {
      problem: undefined,
      send: (datagram, to) => {
        this.taken.push(datagram);
        if (!this.cut.has(own) && !this.cut.has(to) && !this.cut.has(`${own}>${to}`))
          this.ears.get(to)?.(datagram, own);
      },
      onDatagram: (take) => this.ears.set(own, take),
      close: () => this.ears.delete(own),
    };
  }

  /** @param more.off how far its wall clock is off */
  server(
    number: number,
    more: {
      zone?: string;
      storage?: () => Promise<never>;
      onBeat?: () => void;
      off?: { ms: number };
      local?: { key?: string };
    } = {},
  ) {
    const clock = offBy(this.clock, more.off ?? { ms: 0 });
    const address = `10.0.0.${number}`;
    const heard: [string, readonly SessionRecord[]][] = [];
    const asked: [string, string[]][] = [];
    const status: ReturnType<ConstructorParameters<typeof Mesh>[0]["status"]> = {
      ...{ state: "ready", nextHop: true },
      ...{ owns: [], since: [], calling: [] },
    };
    const answers: Record<string, () => unknown> = {
      meshKey: () => this.meshKey,
      readNodes: () => this.stored,
    };
    const storage = {
      request: (operation: string) => more.storage?.() ?? Promise.resolve(answers[operation]?.()),
    } as never;
    const mesh = new Mesh({
      ...{ instance: `i-${number}`, zone: more.zone ?? "a", runtimeRoot: "/r", pace: PACE },
      ...{ clock, log: silent, storage, line: this.line(address), status: () => status },
      onSessions: (holder, records) => heard.push([holder, records]),
      onHandOver: (holder, clients) => asked.push([holder, clients.map(({ endpoint }) => endpoint)]),
      onBeat: () => more.onBeat?.(),
      outOfTouch: () => false,
      local: {
        meshKey: async () => more.local?.key,
        saveMeshKey: async (key) => {
          if (more.local !== undefined) more.local.key = key;
        },
      },
      onInformed: () => {},
    });
    this.stored.push(recordOf(`i-${number}`, address, clock.now()));
    mesh.start();
    return {
      mesh,
      heard,
      asked,
      status,
      live: () => mesh.members.live.map(({ instance }) => instance).sort(),
    };
  }
}

test("servers find each other by their records, and a newcomer is heard before its record is read again", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(400);
  expect([one.live(), two.live()]).toEqual([["i-2"], ["i-1"]]);
  const three = world.server(3);
  await world.clock.advance(400); // the next look at the records is seconds away
  expect([one.live(), three.live()]).toEqual([
    ["i-2", "i-3"],
    ["i-1", "i-2"],
  ]);
});

test("who is silent for a second is gone, and has a role again only after three seconds", async () => {
  const world = new World();
  const one = world.server(1);
  world.server(2);
  await world.clock.advance(4400);
  // The others may not have heard of it yet, and their silence says nothing then.
  expect(one.mesh.candidates.map(({ steady }) => steady)).toEqual([false, false]);
  await world.clock.advance(5000);
  expect(one.mesh.candidates.map(({ steady }) => steady)).toEqual([true, true]);
  world.cut.add("10.0.0.2");
  await world.clock.advance(800);
  expect(one.live()).toEqual(["i-2"]);
  await world.clock.advance(400);
  expect(one.live()).toEqual([]);
  world.cut.clear();
  await world.clock.advance(2800);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: false }]);
  await world.clock.advance(600);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: true }]);
});

test("a server that hears fewer than half of those that were there lately knows, for three minutes", async () => {
  const world = new World();
  let isStored = true;
  const storage = () => (isStored ? undefined : Promise.reject(new Error("hangs"))) as Promise<never>;
  const [one] = [1, 2, 3, 4].map((number) => world.server(number, { storage }));
  await world.clock.advance(2000);
  isStored = false; // with it, who writes no record either is forgotten sooner
  const hearsMinority = () => one?.mesh.members.hearsMinority;
  for (const number of [2, 3]) world.cut.add(`10.0.0.${number}`);
  await world.clock.advance(1500);
  expect(hearsMinority()).toBe(false); // two of four
  world.cut.add("10.0.0.4");
  await world.clock.advance(1500);
  expect(hearsMinority()).toBe(true);
  await world.clock.advance(170_000);
  expect(hearsMinority()).toBe(true);
  await world.clock.advance(20_000);
  expect(hearsMinority()).toBe(false);
});

test("a process that was stopped takes nobody for dead whom it could not hear", async () => {
  const world = new World();
  const seen: string[][] = [];
  let look = (): void => undefined;
  const one = world.server(1, { onBeat: () => look() });
  world.server(2);
  await world.clock.advance(2000);
  look = () => seen.push(one.live());
  world.clock.skip(5000);
  await world.clock.advance(600);
  expect(new Set(seen.map((live) => live.join()))).toEqual(new Set(["i-2"]));
});

test("who goes up and down is not calm for half a minute", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(1000);
  const calm = () => one.mesh.candidates.map((each) => each.calm);
  expect(calm()).toEqual([true, true]);
  two.status.state = "unhealthy";
  await world.clock.advance(400);
  two.status.state = "ready";
  await world.clock.advance(29_000);
  expect(calm()).toEqual([true, false]);
  one.status.state = "draining";
  await world.clock.advance(2000);
  expect(calm()).toEqual([false, true]);
});

test("an agent that ends and comes back again and again is not calm, though each process says so of itself", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(10_000);
  two.status.state = "unhealthy";
  await world.clock.advance(400);
  two.mesh.stop();
  world.server(2);
  await world.clock.advance(10_000);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", state: "ready", calm: false }]);
});

test("a server that starts without the storage speaks with the key that it kept, and takes no role", async () => {
  const world = new World();
  const local: { key?: string } = {};
  const one = world.server(1, { local });
  const two = world.server(2);
  await world.clock.advance(10_000);
  one.mesh.stop();
  const storage = () => Promise.reject(new Error("hangs"));
  const again = world.server(1, { local, storage });
  await world.clock.advance(20_000);
  expect([again.live(), two.live(), again.mesh.problem]).toEqual([["i-2"], ["i-1"], undefined]);
  again.mesh.announce("i-1", [{ publicKey: key(9), index: 7, at: world.clock.now() }]);
  expect(two.heard.at(-1)).toMatchObject(["i-1", [{ index: 7 }]]);
  expect(again.mesh.candidates).toMatchObject([{ instance: "i-1", steady: false }, { instance: "i-2" }]);
  // And with none it is silent.
  world.server(3, { storage });
  await world.clock.advance(10_000);
  expect(two.live()).toEqual(["i-1"]);
});

test("how calm and steady a server is counts as it says itself: who came later has not seen it", async () => {
  const world = new World();
  const one = world.server(1);
  await world.clock.advance(10_000);
  one.status.state = "unhealthy";
  await world.clock.advance(400);
  one.status.state = "ready";
  const two = world.server(2);
  await world.clock.advance(4500);
  expect(two.mesh.members.live).toMatchObject([{ instance: "i-1", calm: false, steady: true }]);
  // The first one has heard the second for long enough, which does not count itself in yet.
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", calm: true, steady: false }]);
  await world.clock.advance(5000);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: true }]);
});

test("a session is announced at once, and twice more for those who missed it", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(400);
  one.mesh.announce("i-1", [SESSION]);
  expect(two.heard).toEqual([["i-1", [SESSION]]]);
  world.cut.add("10.0.0.2");
  one.mesh.announce("i-1.next", [SESSION]);
  world.cut.clear();
  await world.clock.advance(100);
  expect(two.heard.some(([holder]) => holder === "i-1.next")).toBe(true);
});

test("a server speaks for itself only", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(400);
  one.mesh.announce("i-3", [SESSION]);
  one.mesh.announce("i-10", [SESSION]);
  expect(two.heard).toEqual([]);
});

test("what was heard once is old: a repeated heartbeat does not keep a dead server alive", async () => {
  const world = new World();
  const one = world.server(1);
  world.server(2);
  await world.clock.advance(1000);
  const recorded = [...world.taken];
  world.cut.add("10.0.0.2");
  for (let round = 0; round < 8; round++) {
    for (const datagram of recorded) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.2");
    await world.clock.advance(200);
  }
  expect(one.live()).toEqual([]);
  // Nor does it after a restart of the one that hears, once the message is old.
  await world.clock.advance(31_000);
  world.stored = [];
  const again = world.server(1);
  await settle();
  for (const datagram of recorded) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.2");
  expect(again.live()).toEqual([]);
});

test("a server that restarts is heard at once, and is no steady one yet", async () => {
  const world = new World();
  const one = world.server(1);
  const two = world.server(2);
  await world.clock.advance(10_000);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: true }]);
  two.mesh.stop();
  await world.clock.advance(100);
  const again = world.server(2);
  again.status.state = "unhealthy";
  await world.clock.advance(250);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: false, state: "unhealthy" }]);
});

test("a server whose clock was set back before its restart is heard once its former process is silent", async () => {
  const world = new World();
  const one = world.server(1);
  const off = { ms: 0 };
  const two = world.server(2, { off });
  await world.clock.advance(4000);
  two.mesh.stop();
  off.ms = -15_000;
  const again = world.server(2, { off });
  again.status.state = "draining";
  await world.clock.advance(600);
  expect(one.mesh.members.live).toMatchObject([{ state: "ready" }]); // what it said before
  await world.clock.advance(700);
  expect(one.mesh.members.live).toMatchObject([{ state: "draining" }]);
});

test("nothing that a former process said brings it back, whatever its clock was", async () => {
  const world = new World();
  const one = world.server(1);
  const off = { ms: 15_000 };
  const two = world.server(2, { off });
  await world.clock.advance(2000);
  world.cut.add("10.0.0.1");
  world.taken.length = 0;
  await world.clock.advance(1000);
  const unheard = [...world.taken];
  two.mesh.stop();
  world.cut.clear();
  const replay = () => {
    for (const datagram of unheard) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.2");
  };
  // Started again with a clock that was set back: the one before is the later one by its own date.
  off.ms = 0;
  const again = world.server(2, { off });
  again.status.state = "draining";
  await world.clock.advance(1500);
  expect(one.mesh.members.live).toMatchObject([{ state: "draining" }]);
  replay();
  expect(one.mesh.members.live).toMatchObject([{ state: "draining" }]);
  again.mesh.stop();
  await world.clock.advance(1500);
  replay();
  expect(one.live()).toEqual([]);
});

test("a process that is heard is not replaced by one that began before it, heard or not", async () => {
  const world = new World();
  const one = world.server(1);
  world.cut.add("10.0.0.2");
  const two = world.server(2);
  two.status.state = "draining";
  world.taken.length = 0;
  await world.clock.advance(1000);
  const unheard = [...world.taken];
  two.mesh.stop();
  world.cut.clear();
  world.server(2);
  await world.clock.advance(1000);
  for (const datagram of unheard) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.2");
  expect(one.mesh.members.live).toMatchObject([{ state: "ready" }]);
});

test("servers whose clocks are apart say so, and hear of each other no more than that", async () => {
  const world = new World();
  const off = { ms: 0 };
  const [one, two] = [world.server(1), world.server(2, { off })];
  await world.clock.advance(10_000);
  expect([one.mesh.members.problem, two.mesh.members.problem]).toEqual([undefined, undefined]);
  off.ms = 45_000;
  await world.clock.advance(1000);
  expect(one.mesh.members.problem).toContain("the clock of i-2 is 45 s ahead of this server's");
  expect(two.mesh.members.problem).toContain("the clock of i-1 is 45 s behind this server's");
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: true, apart: true }]);
  off.ms = 1000;
  await world.clock.advance(1000);
  expect([one.mesh.members.problem, two.mesh.members.problem]).toEqual([undefined, undefined]);
  expect(one.mesh.members.live).toMatchObject([{ instance: "i-2", steady: true, apart: false }]);
  off.ms = -45_000;
  await world.clock.advance(1000);
  expect(one.mesh.members.problem).toContain("the clock of i-2 is 45 s behind");
  two.mesh.stop();
  await world.clock.advance(1200); // what is over is not said any more
  expect(one.mesh.members.problem).toBeUndefined();
  await world.clock.advance(70_000);
  expect(one.mesh.members.all).toEqual([]);
});

test("a message that is dated far off tells no new address", async () => {
  const world = new World();
  const off = { ms: 0 };
  const [one] = [world.server(1), world.server(2, { off })];
  await world.clock.advance(2000);
  off.ms = 45_000;
  world.taken.length = 0;
  world.cut.add("10.0.0.1");
  await world.clock.advance(400);
  for (const datagram of world.taken) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.66");
  expect(one.mesh.members.problem).toContain("i-2");
  expect(one.mesh.members.addressOf("i-2")).toBe("10.0.0.2");
});

test("a restart with a clock far behind is told from a replay by nothing, and only said", async () => {
  const world = new World();
  const one = world.server(1);
  const off = { ms: 0 };
  const two = world.server(2, { off });
  await world.clock.advance(2000);
  two.mesh.stop();
  off.ms = -45_000;
  world.server(2, { off });
  await world.clock.advance(4000);
  expect(one.live()).toEqual([]);
  expect(one.mesh.members.problem).toContain("the clock of i-2 is 45 s behind");
  off.ms = 0;
  await world.clock.advance(1000);
  expect(one.live()).toEqual(["i-2"]);
});

test("a server whose clock is minutes behind is found by its record, which it writes again and again", async () => {
  const world = new World();
  const one = world.server(1);
  const off = { ms: -300_000 };
  world.server(2, { off });
  await world.clock.advance(6000);
  expect(one.mesh.members.all).toEqual([]);
  world.stored = world.stored.map((record) => ({
    ...record,
    time: new Date(Date.parse(record.time) + 10_000).toISOString(),
  }));
  await world.clock.advance(6000);
  expect(one.mesh.members.problem).toContain("the clock of i-2 is 300 s behind");
});

test("a server that has left is forgotten after a minute, and while the storage hangs after ten", async () => {
  const world = new World();
  let broken = false;
  const one = world.server(1, {
    storage: () => (broken ? Promise.reject(new Error("hangs")) : (undefined as never)),
  });
  const known = () => one.mesh.members.all.map(({ instance }) => instance);
  const [two, three] = [world.server(2), world.server(3)];
  await world.clock.advance(1000);
  two.mesh.stop();
  await world.clock.advance(55_000);
  expect(known()).toEqual(["i-2", "i-3"]);
  await world.clock.advance(11_000);
  expect(known()).toEqual(["i-3"]);
  broken = true;
  three.mesh.stop();
  await world.clock.advance(595_000);
  expect(known()).toEqual(["i-3"]);
  world.clock.skip(60_000); // nobody can be heard by a process that is stopped
  await world.clock.advance(400);
  expect(known()).toEqual(["i-3"]);
  await world.clock.advance(6000);
  expect(known()).toEqual([]);
});

test("a server is where it speaks from; where its record says only while it is silent", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(1000);
  world.stored = world.stored.map((record) => ({ ...record, address: "10.0.0.99" }));
  await world.clock.advance(6000);
  expect(one.mesh.members.addressOf("i-2")).toBe("10.0.0.2");
  two.mesh.stop();
  await world.clock.advance(6000);
  expect(one.mesh.members.addressOf("i-2")).toBe("10.0.0.99");
});

test("strangers are not heard, and are counted", async () => {
  const world = new World();
  const one = world.server(1);
  const foreign = new World();
  const stranger = foreign.server(2);
  foreign.server(1);
  await world.clock.advance(400);
  await foreign.clock.advance(400);
  stranger.mesh.announce("i-2", [SESSION]);
  for (const datagram of foreign.taken) world.ears.get("10.0.0.1")?.(datagram, "10.0.0.2");
  expect(one.live()).toEqual([]);
  expect(one.heard).toEqual([]);
  expect(one.mesh.stats).toMatchObject({ received: 0, refused: foreign.taken.length });
});

test("without the storage a server says so, and one that has the key goes on with those it knows", async () => {
  const world = new World();
  let broken = true;
  const one = world.server(1, {
    storage: () => (broken ? Promise.reject(new Error("hangs")) : (undefined as never)),
  });
  world.server(2);
  await world.clock.advance(1000);
  expect(one.mesh.problem).toContain("hangs");
  expect(one.live()).toEqual([]);
  broken = false;
  await world.clock.advance(5200);
  expect(one.mesh.problem).toBeUndefined();
  expect(one.live()).toEqual(["i-2"]);
  broken = true;
  await world.clock.advance(120_000);
  expect(one.live()).toEqual(["i-2"]);
  expect(one.mesh.problem).toBeUndefined();
});

test("clients that are left are asked of one able server each, three times; of nobody where there is none, and only by who holds them", async () => {
  const world = new World();
  const [one, two, three] = [world.server(1), world.server(2), world.server(3)];
  await world.clock.advance(400);
  const clients = Array.from({ length: 10 }, (_, n) => ({ publicKey: key(n), endpoint: `192.0.2.${n}:1` }));
  one.mesh.handOver("i-1", clients, ["i-2", "i-3"]);
  await world.clock.advance(100);
  const [first, second] = [clients.slice(0, 6), clients.slice(6)].map((part) =>
    part.map(({ endpoint }) => endpoint),
  );
  const thrice = (part: unknown) => [part, part, part].map((endpoints) => ["i-1", endpoints]);
  expect([two.asked, three.asked]).toEqual([thrice(first), thrice(second)]);
  one.mesh.handOver("i-1", clients, []);
  one.mesh.handOver("i-3", clients, ["i-2"]);
  one.mesh.handOver("i-1.next", clients.slice(0, 1), ["i-2"]);
  await world.clock.advance(100);
  expect(two.asked.slice(3)).toEqual(Array(3).fill(["i-1.next", ["192.0.2.0:1"]]));
  expect(three.asked).toHaveLength(3);
});

test("a request to call clients that is said again later asks nobody", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2)];
  await world.clock.advance(400);
  world.taken.length = 0;
  one.mesh.handOver("i-1", [{ publicKey: key(2), endpoint: "192.0.2.2:1" }], ["i-2"]);
  const [request = Buffer.alloc(0)] = world.taken;
  await world.clock.advance(30_000);
  world.ears.get("10.0.0.2")?.(request, "10.0.0.1");
  expect(two.asked).toHaveLength(4);
  await world.clock.advance(1);
  world.ears.get("10.0.0.2")?.(request, "10.0.0.1");
  expect(two.asked).toHaveLength(4);
});

test("servers whose clocks are as far apart as members' may be call clients for each other", async () => {
  const world = new World();
  const [one, two] = [world.server(1), world.server(2, { off: { ms: 29_000 } })];
  await world.clock.advance(400);
  one.mesh.handOver("i-1", [{ publicKey: key(2), endpoint: "192.0.2.2:1" }], ["i-2"]);
  await world.clock.advance(100);
  expect(two.asked).toHaveLength(3);
});
