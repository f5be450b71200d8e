import { ClientTable } from "../../agent/client-table";
import type { Device } from "../../agent/device";
import { degradedChecks, healthChecks } from "../../agent/health";
import { HealthWatch } from "../../agent/health-watch";
import { Probe, type ProbeLine } from "../../agent/probe";
import { BEAT_MS, Pulse } from "../../agent/pulse";
import { ToolWatch } from "../../agent/tool-watch";
import { WatchedDevice } from "../../agent/watched-device";
import { FakeClock } from "./fake-clock";
import { client, device, key, silent } from "./fixtures";

/** A line whose answers the test decides about. */
class FakeLine implements ProbeLine {
  problem: string | undefined;
  works = true;
  renewed = 0;
  closed = false;
  readonly sent: { number: number; answer: () => void }[] = [];

  send(number: number, answer: () => void): void {
    this.sent.push({ number, answer });
    if (this.works) answer();
  }

  renew(): void {
    this.renewed++;
  }

  close(): void {
    this.closed = true;
  }
}

describe("the probe", () => {
  const line = () => {
    const clock = new FakeClock();
    const fake = new FakeLine();
    return { clock, fake, probe: new Probe(fake, clock) };
  };

  test("judges each packet once, with the next beat", () => {
    const { fake, probe } = line();
    expect(probe.problem).toBe("starting: no packet has come back through the tunnel yet");
    expect(probe.beat()).toBe(false);
    expect(probe.last).toBeUndefined();
    expect(probe.beat()).toBe(true);
    expect([probe.last, probe.problem]).toEqual(["arrived", undefined]);
    fake.works = false;
    expect(probe.beat()).toBe(false); // the one before had arrived
    expect(probe.beat()).toBe(true);
    expect(probe.beat()).toBe(false);
    expect([probe.last, probe.lostInRow, probe.lostTotal]).toEqual(["lost", 2, 2]);
    expect(probe.problem).toBe("a packet through tunnel, firewall and masquerade does not come back");
    fake.problem = "bind EADDRNOTAVAIL";
    expect(probe.problem).toMatch(/does not come back \(bind EADDRNOTAVAIL\)/);
    fake.works = true;
    probe.beat();
    probe.beat();
    expect([probe.last, probe.lostInRow, probe.lostTotal]).toEqual(["arrived", 0, 3]);
  });

  test("an answer that comes after the next packet has left counts for nothing", async () => {
    const { clock, fake, probe } = line();
    fake.works = false;
    probe.beat();
    probe.beat();
    fake.sent[0]?.answer();
    probe.beat();
    expect(probe.lostTotal).toBe(2);
    await clock.advance(3);
    fake.sent[2]?.answer();
    await clock.advance(4);
    fake.sent[2]?.answer();
    probe.beat();
    expect([probe.last, probe.roundTripMs]).toEqual(["arrived", 3]);
  });

  test("with each lost packet, and only then, the server is made to start a session", () => {
    const { fake, probe } = line();
    probe.beat();
    probe.beat();
    expect(fake.renewed).toBe(0);
    fake.works = false;
    probe.beat();
    probe.beat();
    probe.beat();
    expect(fake.renewed).toBe(2);
  });
});

test("a beat that comes late lets what has arrived be read first", async () => {
  const clock = new FakeClock();
  const beats: number[] = [];
  const pulse = new Pulse(clock, () => beats.push(clock.monotonic()));
  pulse.start();
  await clock.advance(2 * BEAT_MS);
  expect(beats).toEqual([500, 1000]);
  clock.skip(5000);
  await clock.advance(0);
  expect(beats).toEqual([500, 1000]);
  await clock.advance(20);
  expect(beats).toEqual([500, 1000, 6020]);
  await clock.advance(BEAT_MS);
  expect(beats.at(-1)).toBe(6520);
  pulse.stop();
  await clock.advance(9000);
  expect(beats).toHaveLength(4);
});

test("wg is called when nobody has had its answer for a while, one call at a time", async () => {
  const clock = new FakeClock();
  const calls: { args: readonly string[]; end: (failed?: boolean) => void }[] = [];
  const exec = (_: string, args: readonly string[]) =>
    new Promise<string>((resolve, reject) =>
      calls.push({ args, end: (failed) => (failed ? reject(new Error("no")) : resolve("")) }),
    );
  const watch = new ToolWatch(exec, clock);
  const beat = async (lastLookAt = 0) => {
    await clock.advance(BEAT_MS);
    watch.beat(lastLookAt);
  };
  await beat();
  await beat();
  expect(calls).toHaveLength(0); // the look at 0 is fresh
  await beat();
  expect([calls.length, watch.waitingMs]).toEqual([1, 0]);
  await beat();
  clock.skip(10_000); // a stopped process waits for nothing
  await beat();
  expect([calls.length, watch.waitingMs]).toEqual([1, 2 * BEAT_MS]);
  for (const failed of [false, true]) {
    calls.at(-1)?.end(failed);
    await clock.advance(0);
    expect(watch.waitingMs).toBe(0);
    for (let beats = 0; beats < 3; beats++) await beat();
  }
  expect(calls.map(({ args }) => args)).toEqual([["--version"], ["--version"], ["--version"]]);
});

describe("the watched device", () => {
  test("a failed look is told apart from a failed change", async () => {
    const clock = new FakeClock();
    let look: () => Promise<ReturnType<typeof device>> = async () => device([]);
    const inner: Device = {
      observe: () => look(),
      dump: async () => device([]).dump,
      apply: () => Promise.reject(new Error("bad revision")),
    };
    const watched = new WatchedDevice(inner, clock);
    await expect(watched.apply([])).rejects.toThrow("bad revision");
    expect([watched.lookError, watched.applying]).toEqual([undefined, false]);
    look = async () => {
      clock.skip(70);
      expect(watched.lookingMs).toBe(70);
      return device([]);
    };
    await watched.observe();
    expect([watched.lastLookMs, watched.lookingMs, watched.lastLookAt]).toEqual([70, 0, 70]);
    look = async () => {
      clock.skip(5000);
      throw new Error("no answer");
    };
    await expect(watched.observe()).rejects.toThrow("no answer");
    expect([watched.lookError, watched.lastLookMs]).toEqual(["no answer", 70]);
  });
});

describe("a server in time", () => {
  const start = () => {
    const clock = new FakeClock();
    const line = new FakeLine();
    let wgHangs = false;
    let looks = 0;
    let applied = false;
    const watch = new HealthWatch({
      clock,
      log: silent,
      exec: () => (wgHangs ? new Promise(() => {}) : Promise.resolve("")),
      device: new WatchedDevice(
        { observe: async () => device([]), dump: async () => device([]).dump, apply: async () => {} },
        clock,
      ),
      line,
      secondPeers: () => 0,
      rest: () => ({
        draining: undefined,
        expectedPublicKey: key(1),
        isKeyChanging: false,
        expectedListenPort: 51820,
        storage: "ok",
        registryProblems: [],
        conflicts: [],
        localCopyError: undefined,
        takeoverProblem: undefined,
        serverKeyProblem: undefined,
        leftBehind: undefined,
        clusterProblem: undefined,
        clock: { behindMs: 0 },
      }),
      reconciler: {
        get appliedRevision() {
          return applied ? 7 : undefined;
        },
        error: undefined,
        overdueMs: 0,
        peerCount: 3,
        request: () => looks++,
        state: device([]),
      },
    });
    watch.start();
    return {
      clock,
      line,
      watch,
      apply: () => {
        applied = true;
      },
      hang: (hangs: boolean) => {
        wgHangs = hangs;
      },
      looks: () => looks,
    };
  };

  /** Milliseconds until the answer is the wanted one, in steps of ten. */
  const until = async ({ clock, watch }: ReturnType<typeof start>, healthy: boolean) => {
    const began = clock.monotonic();
    while (watch.health().healthy !== healthy) {
      await clock.advance(10);
      if (clock.monotonic() - began > 60_000) throw new Error("never");
    }
    return clock.monotonic() - began;
  };

  test("sends nothing before the clients, and the probe with them, are applied", async () => {
    const server = start();
    await server.clock.advance(3000);
    expect(server.line.sent).toHaveLength(0);
    expect(server.watch.health().status).toBe("starting");
    server.apply();
    server.watch.onPass();
    expect([server.watch.clients, server.watch.applied]).toEqual([2, { revision: 7, at: 3000 }]);
    expect(await until(server, true)).toBeLessThanOrEqual(2 * BEAT_MS);
    server.watch.stop();
    expect(server.line.closed).toBe(true);
  });

  test.each([0, 10, 250, 490])("a fault %d ms after a beat is seen in less than 3 s", async (offset) => {
    for (const kind of ["probe", "wg"]) {
      const server = start();
      server.apply();
      await server.clock.advance(5000 + offset);
      expect(server.watch.health().status).toBe("ok");
      const looks = server.looks();
      if (kind === "probe") server.line.works = false;
      else server.hang(true);
      expect(await until(server, false)).toBeLessThan(3000);
      expect(server.looks() - looks).toBe(kind === "probe" ? 1 : 0);
    }
  });

  test("two lost packets are no fault, three are, and five good seconds mend it", async () => {
    const server = start();
    server.apply();
    await server.clock.advance(5000);
    server.line.works = false;
    await server.clock.advance(1000);
    server.line.works = true;
    for (let i = 0; i < 300; i++) {
      await server.clock.advance(10);
      expect(server.watch.health().healthy).toBe(true);
    }
    server.line.works = false;
    await until(server, false);
    server.line.works = true;
    const back = await until(server, true);
    expect(back).toBeGreaterThanOrEqual(5000);
    expect(back).toBeLessThanOrEqual(5000 + 2 * BEAT_MS);
  });

  test("has every check that the list names", () => {
    const { watch } = start();
    const names = [...healthChecks, ...degradedChecks].map((check) => check.name);
    expect(Object.keys(watch.health().checks)).toEqual(names);
  });
});

describe("the probe's peer", () => {
  const own = { publicKey: key(99), address: "10.100.255.254" };

  test("is always wanted, and never a client", () => {
    const table = new ClientTable(own);
    table.replaceAll([client("alice", 2)], 0);
    table.replaceAll([client("bob", 3)], 0);
    expect([...table.peers.keys()]).toEqual([key(99), key(3)]);
    expect(table.peers.get(key(99))?.allowedIps).toEqual(["10.100.255.254/32"]);
    expect(table.clients().map(({ name }) => name)).toEqual(["bob"]);
    table.replaceAll([], 0);
    expect(table.peers.size).toBe(1);
  });

  test("wins against any client that claims its address or key", () => {
    const table = new ClientTable(own);
    const createdAt = "1970-01-01T00:00:00Z";
    table.update("old", client("old", 4, { addresses: ["10.100.255.254/32"], createdAt }), 0);
    table.update("odd", client("odd", 99, { createdAt }), 0);
    expect([...table.peers.keys()]).toEqual([key(99)]);
    expect(table.conflicts()).toEqual([
      "client old has the public key or an address of this server's probe and is left out",
      "client odd has the public key or an address of this server's probe and is left out",
    ]);
  });
});
