import { mkdir } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Agent } from "../../agent/agent";
import type { AgentConfig } from "../../agent/config";
import type { Device } from "../../agent/device";
import { LocalCopy } from "../../agent/local-copy";
import type { ClusterLinkOptions } from "../../agent/mesh/cluster-link";
import type { StorageClient } from "../../agent/storage-client";
import type { ClientFile, NodeFile } from "../../registry/schema";
import type { SessionRecord } from "../../registry/sessions";
import { generateKeyPair } from "../../wireguard/keys";
import { FakeClock, settle } from "./fake-clock";
import { CONFIG, client, device, key, silent } from "./fixtures";
import { temporaryFolder } from "./namespace";
import { listeners } from "./takeover/flow-watch-stub";

const mockServers: Server[] = [];
/** Health checks from another machine. */
const mockChecks: (() => unknown)[] = [];
const mockOptions: ClusterLinkOptions[] = [];
/** What the agent told its link to the other servers, in order. */
const mockTold: (string | readonly [string, unknown])[] = [];
const mockLink: Record<"standby" | "handingOn" | "problem", string | undefined> & {
  isAlone: boolean;
  mayMissNews: boolean;
} = {
  isAlone: false,
  mayMissNews: false,
  standby: undefined,
  handingOn: undefined,
  problem: undefined,
};

jest.mock("../../agent/takeover/flow-watch", () => jest.requireActual("./takeover/flow-watch-stub"));
jest.mock("../../agent/http", () => ({
  startHttp: async (...args: Parameters<typeof import("../../agent/http").startHttp>) => {
    const real: typeof import("../../agent/http") = jest.requireActual("../../agent/http");
    const server = await real.startHttp(...args);
    mockServers.push(server);
    mockChecks.push(() => args[1].health(true));
    return server;
  },
}));
jest.mock("../../agent/mesh/cluster-link", () => ({
  ClusterLink: class {
    constructor(options: ClusterLinkOptions) {
      mockOptions.push(options);
    }
    readonly place = { address: "10.0.0.1" };
    readonly mesh = {
      members: { live: [] },
      problem: undefined,
      stats: { sent: 0, received: 0, refused: 0, announced: 0 },
    };
    start = () => mockTold.push("start");
    stop = async () => mockTold.push("stop");
    onDirectoryRead = () => mockTold.push("directory read");
    announce = (holder: string, records: readonly SessionRecord[]) =>
      mockTold.push([`announce ${holder}`, records.map(({ index }) => index)]);
    handOver = (holder: string, clients: readonly { endpoint: string }[]) =>
      mockTold.push([`hand over ${holder}`, clients.map(({ endpoint }) => endpoint)]) > 0;
    onHolders = (publicKeys: Iterable<string>) => mockTold.push(["holders", [...publicKeys]]);
    onClients = (scope: unknown) => mockTold.push(["clients", scope]);
    get standby() {
      return mockLink.standby;
    }
    get handingOn() {
      return mockLink.handingOn;
    }
    get mayMissNews() {
      return mockLink.mayMissNews;
    }
    get isAlone() {
      return mockLink.isAlone;
    }
    get problem() {
      return mockLink.problem;
    }
  },
}));

const folder = temporaryFolder();
const running: Agent[] = [];
beforeEach(() => {
  for (const list of [listeners, mockServers, mockChecks, mockTold, mockOptions]) list.length = 0;
  Object.assign(mockLink, {
    standby: undefined,
    handingOn: undefined,
    problem: undefined,
    isAlone: false,
    mayMissNews: false,
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
});

const PASSIVE: Partial<AgentConfig> = { topology: "active-passive" };
const CLUSTER = {
  place: { address: "10.0.0.1", zone: "a", interfaceId: "eni-1" },
  line: {
    problem: undefined,
    send: () => {},
    onDatagram: () => {},
    close: () => mockTold.push("line closed"),
  },
  ec2: () => Promise.resolve(""),
};

const NEXT = generateKeyPair();

/**
 * A healthy agent with one client; what it knows of the other servers is the test's.
 *
 * @param next the interface of the next server key, while there is one
 */
async function setup(
  name: string,
  config: Partial<AgentConfig>,
  touch: () => void = () => {},
  next?: Device,
) {
  const local = new LocalCopy(join(folder, name));
  const clock = new FakeClock();
  const alice = client("alice", 9);
  const spec = { publicKey: alice.publicKey, presharedKey: undefined, allowedIps: alice.addresses };
  const applied: string[] = [];
  const kernel = { handshake: 0, received: 0, endpoint: undefined as string | undefined };
  const state = () => {
    const seen = device([spec]);
    const peers = seen.dump.peers.map((peer) => ({
      ...peer,
      endpoint: kernel.endpoint,
      latestHandshake: kernel.handshake,
      rxBytes: kernel.received,
    }));
    return { ...seen, dump: { ...seen.dump, peers } };
  };
  const fake: Device = {
    observe: async () => state(),
    dump: async () => state().dump,
    apply: async (commands) => void applied.push(...commands.map(({ args }) => args.join(" "))),
  };
  const records: NodeFile[] = [];
  const polls = { count: 0 };
  const answers: Record<
    string,
    (args: { readonly record?: NodeFile }, onPart: (clients: readonly ClientFile[]) => void) => unknown
  > = {
    writeNode: ({ record }) => record !== undefined && records.push(record),
    pollSessions: () => {
      polls.count++;
      return { news: [] };
    },
    follow: () => ({ kind: "none", revision: 8 }),
    rewriteSessions: () => null,
    appendSessions: () => null,
    readAll: (_, onPart) => {
      onPart([alice]);
      const rest = { problems: [], unreadable: [], revision: 8, cluster: CONFIG.cluster, publicKey: key(1) };
      return { clients: [], ...rest };
    },
  };
  const storage = {
    ...{ state: "ready", restarts: 0, stop: () => {} },
    request: async (
      operation: string,
      args: { readonly record?: NodeFile },
      more?: { onPart?: (clients: readonly ClientFile[]) => void },
    ) => {
      const answer = answers[operation];
      if (answer === undefined) throw new Error(`${operation} is away`);
      return answer(args, more?.onPart ?? (() => {}));
    },
  } as unknown as StorageClient;
  if (next !== undefined) {
    await mkdir(join(folder, name));
    await local.saveNext(NEXT.privateKey, 51821, 51820);
  }
  const agent = new Agent({
    ...{
      config: { ...CONFIG, healthPort: 0, ...config },
      instance: "i-test",
      version: "1",
      publicKey: key(1),
    },
    ...{ clock, log: silent, storage, device: fake, local, touch, probeKey: key(99) },
    ...(next === undefined ? {} : { nextDevice: next }),
    exec: async (_, args) => {
      if (args.join(" ") === "show wg1 public-key") return NEXT.publicKey;
      return args[0] === "-j" ? '{"nftables":[]}' : "";
    },
    probeLine: {
      problem: undefined,
      send: (_, answer) => void answer(),
      renew: () => {},
      close: () => {},
    },
  });
  running.push(agent);
  const ask = async () => {
    const { port } = (mockServers[0] as Server).address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return {
      status: response.status,
      body: (await response.json()) as {
        status: string;
        reasons: string[];
        drain: { over: boolean } | null;
      },
    };
  };
  return { agent, applied, clock, kernel, polls, records, ask, told: () => mockTold.splice(0) };
}

test("a server that does not know its place stands by where one is active, says why, and takes part when it does", async () => {
  const { agent, clock, records, ask } = await setup("late", PASSIVE);
  await agent.start();
  await clock.advance(5000);
  const alone = await ask();
  expect([alone.status, alone.body.status]).toEqual([503, "standby"]);
  expect(alone.body.reasons.join()).toContain("has not named this server's address and zone yet");
  expect(records.at(-1)).not.toHaveProperty("address");
  agent.join(CLUSTER);
  await settle();
  expect(await ask()).toMatchObject({ status: 200, body: { status: "ok" } });
  expect(records.at(-1)).toMatchObject({ address: "10.0.0.1" });
  expect(await agent.metrics.metrics()).toMatch(/^wgc_standby\{.*\} 0$/m);
});

test("a drain is over soon after the last session has gone: while it waits for that, the peers are looked at often", async () => {
  const { agent, clock, kernel, ask } = await setup("drains", {});
  await agent.start();
  kernel.handshake = clock.now() / 1000;
  await clock.advance(5000);
  agent.setDrain("operator", "asked");
  await clock.advance(13_000);
  expect((await ask()).body.drain).toMatchObject({ over: false });
  kernel.handshake = 0;
  await clock.advance(1500);
  expect((await ask()).body.drain).toMatchObject({ over: true });
});

test.each([
  ["a server that nobody looks at any more forgets its sessions", false],
  ["but not while it drains: flows may still be led to it", true],
])("%s", async (_, drains) => {
  const { agent, applied, clock, kernel } = await setup(`unseen-${drains}`, {});
  await agent.start();
  kernel.endpoint = "192.0.2.1:4500";
  kernel.handshake = clock.now() / 1000;
  if (drains) agent.setDrain("lifecycle", "the group ends it");
  await clock.advance(15_000);
  expect(applied.some((args) => args.includes("remove"))).toBe(!drains);
});

test("the link to the others learns that nobody from outside reaches this server, and when somebody does again", async () => {
  const { agent, clock, kernel } = await setup("out-of-touch", {});
  agent.join(CLUSTER);
  await agent.start();
  const isOutOfTouch = () => mockOptions[0]?.outOfTouch();
  expect(isOutOfTouch()).toBe(false);
  await clock.advance(9000);
  expect(isOutOfTouch()).toBe(true);
  kernel.received = 1;
  await clock.advance(6000);
  expect(isOutOfTouch()).toBe(false);
});

test("the kernel's table is told twice a second that flows are led here, and not when they may not be by the time that it forgets that", async () => {
  let touches = 0;
  const { agent, clock, kernel } = await setup("touch", PASSIVE, () => touches++);
  const touchesIn = async (seconds: number) => {
    touches = 0;
    for (let second = 0; second < seconds; second++) {
      kernel.received++; // clients are heard, so this server is in touch
      await clock.advance(1000);
    }
    return touches;
  };
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(3000);
  expect(await touchesIn(10)).toBe(20);
  agent.setDrain("operator", "asked");
  expect(await touchesIn(10)).toBe(0);
  mockLink.isAlone = true; // the load balancer has nowhere else to lead them
  expect(await touchesIn(10)).toBe(20);
  mockLink.isAlone = false;
  agent.setDrain("operator", undefined);
  await touchesIn(6); // until it is in service again
  expect(await touchesIn(10)).toBe(20);
  mockLink.standby = "standby: i-2 is active";
  expect(await touchesIn(10)).toBe(0);
  mockLink.standby = undefined;
  expect(await touchesIn(10)).toBe(20);
  agent.setDrain("lifecycle", "the group ends it");
  expect(await touchesIn(25)).toBe(40);
});

test("the table is told so for a deregistered server whose clients are silent: nobody else would be heard", async () => {
  let touches = 0;
  const { agent, clock } = await setup("silent", {}, () => touches++);
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(3000);
  agent.setDrain("lifecycle", "the group ends it");
  touches = 0;
  await clock.advance(25_000);
  expect(touches).toBe(40);
});

test("the furthest that another server's clock was ahead is in health, and degrades it", async () => {
  const { agent, clock, ask } = await setup("clock", {});
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(5000);
  expect((await ask()).body).toMatchObject({ status: "ok", clock: { behindMs: 0 } });
  mockOptions[0]?.onSessions("i-2", [{ publicKey: key(9), index: 5, at: clock.now() + 3000 }]);
  await clock.advance(1000);
  const { status, body } = await ask();
  expect([status, body]).toMatchObject([200, { status: "degraded", clock: { behindMs: 3000 } }]);
  expect(body.reasons.join()).toMatch(/clock/);
});

test("a drain without a session is not over before the load balancer had time to notice it", async () => {
  const { agent, clock, ask } = await setup("notice", {});
  await agent.start();
  await clock.advance(5000);
  agent.setDrain("lifecycle", "the group ends it");
  await clock.advance(10_500); // two checks, five seconds apart, and nobody for a second
  expect((await ask()).body.drain).toMatchObject({ over: false });
  await clock.advance(1000);
  expect((await ask()).body.drain).toMatchObject({ over: true });
});

test("a standby answers 503 and says so; the server that is active answers 200", async () => {
  const { agent, clock, ask } = await setup("standby", PASSIVE);
  agent.join(CLUSTER);
  await agent.start();
  mockLink.standby = "standby: i-2 is active";
  await clock.advance(5000);
  expect(await ask()).toMatchObject({
    status: 503,
    body: { status: "standby", healthy: false, reasons: ["standby: i-2 is active"] },
  });
  expect(await agent.metrics.metrics()).toMatch(/^wgc_healthy\{.*\} 1$/m); // it is in order all the same
  mockLink.standby = undefined;
  expect(await ask()).toMatchObject({ status: 200, body: { status: "ok" } });
  mockLink.problem = "nobody is heard";
  await clock.advance(1000);
  expect(await ask()).toMatchObject({
    status: 200,
    body: { status: "degraded", reasons: ["nobody is heard"] },
  });
});

test("an active server that drains is in service until the next one is in the load balancer's eyes, and is noticed only then", async () => {
  let touches = 0;
  const { agent, clock, kernel, ask } = await setup("hands-on", PASSIVE, () => touches++);
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(5000);
  agent.setDrain("operator", "asked");
  Object.assign(mockLink, { standby: "standby: i-2 is active", handingOn: "handing on to i-2" });
  touches = 0;
  for (let second = 0; second < 10; second++) {
    kernel.received++;
    await clock.advance(1000);
  }
  expect(touches).toBe(20);
  expect(await ask()).toMatchObject({
    status: 200,
    body: { status: "draining", reasons: ["handing on to i-2", "draining: asked"], drain: { over: false } },
  });
  mockLink.handingOn = undefined;
  expect(await ask()).toMatchObject({ status: 503, body: { status: "draining" } });
  await clock.advance(9500);
  expect((await ask()).body.drain).toMatchObject({ over: false });
  await clock.advance(2000);
  expect((await ask()).body.drain).toMatchObject({ over: true });
});

test("an active server that its group ends has nothing to hand on: nobody checks it any more", async () => {
  const { agent, clock, ask } = await setup("ended", PASSIVE);
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(5000);
  agent.setDrain("lifecycle", "the group ends it");
  Object.assign(mockLink, { standby: "standby: i-2 is active", handingOn: "handing on to i-2" });
  expect(await ask()).toMatchObject({ status: 503, body: { reasons: ["draining: the group ends it"] } });
  await clock.advance(11_500);
  expect((await ask()).body.drain).toMatchObject({ over: true });
});

test("while another server's announcements may be missed, the storage is asked four times as often whose clients are whose", async () => {
  const { agent, clock, polls } = await setup("misses", {});
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(5000);
  const pollsIn = async (seconds: number) => {
    polls.count = 0;
    for (let part = 0; part < seconds * 20; part++) await clock.advance(50);
    return polls.count;
  };
  expect(await pollsIn(10)).toBe(10);
  polls.count = 0;
  mockOptions[0]?.onUnheard();
  await clock.advance(250); // out of turn, though not sooner after the last time
  expect(polls.count).toBe(1);
  mockLink.mayMissNews = true;
  await pollsIn(1);
  expect(await pollsIn(10)).toBe(40);
});

test("without a place a server that masquerades beside others serves, and nothing is wrong with it", async () => {
  const { agent, clock, ask } = await setup("alone", {});
  await agent.start();
  await clock.advance(5000);
  expect(await ask()).toMatchObject({ status: 200, body: { status: "ok" } });
});

test.each(["before", "after"])(
  "the link is started and told that the directory was read, also when it comes %s the start",
  async (when) => {
    const { agent, clock, told } = await setup(`link-${when}`, {});
    if (when === "before") agent.join(CLUSTER);
    await agent.start();
    await clock.advance(2000);
    if (when === "after") agent.join(CLUSTER);
    expect(
      told()
        .filter((one) => typeof one === "string")
        .sort(),
    ).toEqual(["directory read", "start"]);
  },
);

test("the link is told which clients changed, and which sessions are held here", async () => {
  const { agent, clock, kernel, told } = await setup("wiring", {});
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(3000);
  expect(told()).toContainEqual(["clients", "everything"]);
  listeners[0]?.onFlow("own", { endpoint: "192.0.2.1:4500", index: 77 });
  Object.assign(kernel, { endpoint: "192.0.2.1:4500", handshake: Math.floor(clock.now() / 1000) });
  await clock.advance(1000);
  const after = told();
  expect(after).toContainEqual(["announce i-test", [77]]);
  expect(after).toContainEqual(["holders", [key(9)]]);
});

test.each([
  ["with clients left", true],
  ["with none", false],
])(
  "a drain whose time is up %s hands them over to the others, and is over when these have them",
  async (_, sends) => {
    const { agent, clock, kernel, told } = await setup(`left-${sends}`, {});
    agent.join(CLUSTER);
    await agent.start();
    await clock.advance(3000);
    listeners[0]?.onFlow("own", { endpoint: "192.0.2.1:4500", index: 77 });
    Object.assign(kernel, { endpoint: "192.0.2.1:4500", handshake: Math.floor(clock.now() / 1000) });
    await clock.advance(1000);
    agent.setDrain("operator", "asked");
    told();
    for (let passed = 0; passed < 22_000; passed += 500) {
      if (sends) kernel.received++;
      await clock.advance(500);
    }
    const asked = told().filter((one) => one[0] === "hand over i-test");
    expect(asked).toEqual(sends ? [["hand over i-test", ["192.0.2.1:4500"]]] : []);
  },
);

test("a client that another server hands over is called here", async () => {
  const { agent, applied, clock } = await setup("asked", {});
  agent.join(CLUSTER);
  await agent.start();
  await clock.advance(3000);
  // It knows the next server key, and this interface has the current one.
  mockOptions[0]?.onSessions("i-2.next", [{ publicKey: key(9), index: 4, at: clock.now() }]);
  mockOptions[0]?.onHandOver("i-2.next", [{ publicKey: key(9), endpoint: "192.0.2.1:4500" }]);
  await clock.advance(500);
  const calls = () => applied.filter((args) => args.includes("remove")).length;
  expect(calls()).toBe(0);
  mockOptions[0]?.onSessions("i-2", [{ publicKey: key(9), index: 5, at: clock.now() }]);
  mockOptions[0]?.onHandOver("i-2", [{ publicKey: key(9), endpoint: "192.0.2.1:4500" }]);
  await clock.advance(500);
  expect(calls()).toBe(1);
});

describe("the interface of the next server key", () => {
  const FROM = "192.0.2.1:4500";

  /** A client has its session there. */
  async function withNext(name: string, touch?: () => void) {
    const changes: string[] = [];
    const peer = { endpoint: undefined as string | undefined, latestHandshake: 0, rxBytes: 0 };
    const state = () => {
      const alice = client("alice", 9);
      const seen = device([
        { publicKey: alice.publicKey, presharedKey: undefined, allowedIps: alice.addresses },
      ]);
      return { ...seen, dump: { ...seen.dump, peers: seen.dump.peers.map((one) => ({ ...one, ...peer })) } };
    };
    const made = await setup(name, {}, touch, {
      observe: async () => state(),
      dump: async () => state().dump,
      apply: async (commands) => void changes.push(...commands.map(({ args }) => args.join(" "))),
    });
    made.agent.join(CLUSTER);
    await made.agent.start();
    for (let turn = 0; listeners.length < 2 && turn < 20_000; turn++) {
      await new Promise((resolve) => setImmediate(resolve)); // it reads its own copy from the disk
      await made.clock.advance(0);
    }
    await made.clock.advance(3000);
    listeners[1]?.onFlow("own", { endpoint: FROM, index: 77 });
    Object.assign(peer, { endpoint: FROM, latestHandshake: Math.floor(made.clock.now() / 1000) });
    await made.clock.advance(1000);
    expect(made.told()).toContainEqual(["announce i-test.next", [77]]);
    return { ...made, peer, forgets: () => changes.filter((args) => args.includes("remove")).length };
  }

  test("falls silent when another server announces the client", async () => {
    const { clock, forgets } = await withNext("next-told");
    mockOptions[0]?.onSessions("i-2.next", [{ publicKey: key(9), index: 5, at: clock.now() + 1 }]);
    await clock.advance(500);
    expect(forgets()).toBe(1);
  });

  test("calls clients that another server's hands over", async () => {
    const { clock, forgets } = await withNext("next-asked");
    mockOptions[0]?.onSessions("i-2.next", [{ publicKey: key(9), index: 5, at: clock.now() + 1 }]);
    await clock.advance(500);
    mockOptions[0]?.onHandOver("i-2.next", [{ publicKey: key(9), endpoint: FROM }]);
    await clock.advance(500);
    expect(forgets()).toBe(2); // a call begins with a new session
  });

  test("hands over who is left when the server's time is up", async () => {
    const { agent, clock, peer, told } = await withNext("next-left");
    agent.setDrain("operator", "asked");
    for (let passed = 0; passed < 22_000; passed += 500) {
      peer.rxBytes++;
      await clock.advance(500);
    }
    expect(told().filter((one) => one[0] === "hand over i-test.next")).toEqual([
      ["hand over i-test.next", [FROM]],
    ]);
  });

  test.each([
    ["forgets its sessions when nobody looks at the server any more", "nothing", 1],
    ["keeps them while the load balancer looks", "checks", 0],
    ["keeps them while the server drains", "drain", 0],
  ])("%s", async (_, sign, forgotten) => {
    const { agent, clock, forgets } = await withNext(`next-${sign}`);
    if (sign === "drain") agent.setDrain("lifecycle", "the group ends it");
    for (let passed = 0; passed < 15_000; passed += 5000) {
      if (sign === "checks") mockChecks[0]?.();
      await clock.advance(5000);
    }
    expect(forgets()).toBe(forgotten);
  });

  test("tells the kernel's table that flows are led here, too", async () => {
    let touches = 0;
    const { agent, clock, peer } = await withNext("next-touch", () => touches++);
    const touchesIn10s = async () => {
      touches = 0;
      for (let second = 0; second < 10; second++) {
        peer.rxBytes++;
        await clock.advance(1000);
      }
      return touches;
    };
    await clock.advance(20_000); // nobody is heard at the other one
    await touchesIn10s();
    expect(await touchesIn10s()).toBe(20);
    agent.setDrain("operator", "asked");
    expect(await touchesIn10s()).toBe(0);
  });
});

test("a place that is found after the end opens nothing", async () => {
  const { agent, told } = await setup("end", {});
  await agent.start();
  await agent.stop();
  agent.join(CLUSTER);
  expect(told()).toEqual(["line closed"]);
});
