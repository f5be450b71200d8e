import { Mutex } from "../../../agent/mutex";
import { Attempts } from "../../../agent/takeover/attempts";
import type { WgCommand } from "../../../wireguard/commands";
import type { PeerSpec } from "../../../wireguard/diff";
import { FakeClock, settle } from "../fake-clock";
import { key, silent } from "../fixtures";

const FROM = "192.0.2.1:4500";
const spec = (byte: number): PeerSpec => ({
  publicKey: key(byte),
  presharedKey: key(byte + 100),
  allowedIps: [`10.100.0.${byte}/32`],
});

function setup(count = 9) {
  const clock = new FakeClock();
  const lock = new Mutex();
  const desired = new Map(Array.from({ length: count }, (_, i) => [key(i + 2), spec(i + 2)]));
  /** Each run of the tools: when, and its calls. */
  const runs: { at: number; commands: readonly WgCommand[] }[] = [];
  const state = { broken: false, calls: 0, gate: Promise.resolve(), look: Promise.resolve() };
  const attempts = new Attempts({
    interface: "wg0",
    clock,
    lock,
    log: silent,
    apply: async (commands) => {
      await state.gate;
      if (state.broken) throw new Error("wg is away");
      if (commands.length > 0) runs.push({ at: clock.monotonic(), commands });
    },
    desired: (publicKey) => desired.get(publicKey),
    onCall: () => {
      state.calls++;
    },
    look: () => state.look,
  });
  return { clock, lock, desired, runs, state, attempts };
}

/** What a run did to a peer: called at an endpoint, forgot the session, turned the keepalive off, or nothing. */
function effect(commands: readonly WgCommand[], publicKey: string): string {
  const done: string[] = [];
  for (const { args, stdin } of commands) {
    const at = args.indexOf(publicKey);
    if (at >= 0)
      done.push(
        args
          .slice(at + 1, at + 3)
          .join(" ")
          .replace(/^remove.*/, "remove"),
      );
    const section = stdin?.split("[Peer]").find((text) => text.includes(publicKey));
    if (section !== undefined) {
      const field = (name: string) => new RegExp(`^${name} = (.*)$`, "m").exec(section)?.[1] ?? "-";
      done.push(`add ${field("Endpoint")} keepalive ${field("PersistentKeepalive")}`);
    }
  }
  return done.join(", ");
}
/** What the runs did to client 2, and when. */
const historyOf = (runs: readonly { at: number; commands: readonly WgCommand[] }[]) =>
  runs.map(({ at, commands }) => [at, effect(commands, key(2))]);

/** Another server's session, of which this one learned after all that it did before. */
const LOST = { instance: "i-lost", learned: Number.POSITIVE_INFINITY };
const CALLED = `remove, add ${FROM} keepalive 1`;
const FORGOTTEN = "remove, add - keepalive -";

test("an unanswered call is made at 0, 700 and 1400 ms, and given up before the kernel repeats it: the session is forgotten", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(60_000);
  expect(historyOf(runs)).toEqual([
    [0, CALLED],
    [700, CALLED],
    [1400, CALLED],
    [5900, FORGOTTEN],
  ]);
  expect([attempts.waiting, attempts.stats]).toEqual([
    false,
    { started: 1, answered: 0, unanswered: 1, refused: 0 },
  ]);
});

test("the peer comes back as the registry wants it: addresses and preshared key, which no argument shows", async () => {
  const { runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await settle();
  const commands = runs[0]?.commands ?? [];
  expect(commands).toEqual([
    { args: ["set", "wg0", "peer", key(2), "remove"] },
    {
      args: ["addconf", "wg0", "/dev/stdin"],
      stdin: `[Peer]\nPublicKey = ${key(2)}\nPresharedKey = ${key(102)}\nAllowedIPs = 10.100.0.2/32\nEndpoint = ${FROM}\nPersistentKeepalive = 1\n`,
    },
  ]);
});

test("one attempt a client: another stray of it, even from elsewhere, changes nothing", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.start(key(2), "198.51.100.7:9", LOST);
  await clock.advance(400);
  expect(runs).toHaveLength(1);
  await clock.advance(5400);
  expect(runs.filter(({ commands }) => effect(commands, key(2)).includes("198.51.100.7"))).toEqual([]);
  attempts.start(key(2), "198.51.100.7:9", LOST);
  await settle();
  expect(attempts.stats.started).toBe(2);
});

test("a client that is somewhere else by now is called there, once all calls to where it was have been made", async () => {
  const { clock, runs, attempts } = setup();
  const elsewhere = "192.0.2.1:9999";
  attempts.start(key(2), FROM, LOST);
  await clock.advance(1399);
  attempts.start(key(2), elsewhere, LOST);
  await clock.advance(1);
  attempts.start(key(2), FROM, LOST);
  await clock.advance(600);
  attempts.start(key(2), elsewhere, LOST);
  await clock.advance(60_000);
  expect(historyOf(runs)).toEqual([
    [0, CALLED],
    [700, CALLED],
    [1400, CALLED],
    ...[2000, 2700, 3400].map((at) => [at, CALLED.replace(FROM, elsewhere)]),
    [7900, FORGOTTEN],
  ]);
});

test("a call for another server gives way to a stray, also from the same place; it takes no call's place", async () => {
  const { clock, runs, attempts } = setup();
  attempts.invite(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.invite(key(2), "192.0.2.1:9999", LOST);
  await clock.advance(60_000);
  expect(historyOf(runs)).toEqual([
    [0, CALLED],
    ...[100, 800, 1500].map((at) => [at, CALLED]),
    [6000, FORGOTTEN],
  ]);
});

describe("a client that did not answer twice is left to its own handshakes for 15 s", () => {
  const known = { instance: "i-lost", learned: 0 };
  /** How many attempts begin after `failed` ones that nobody answered, and so many milliseconds more. */
  const begun = async (failed: number, afterMs: number, endpoint = FROM, learned = 0): Promise<number> => {
    const { clock, attempts } = setup();
    await clock.advance(100);
    for (let i = 0; i < failed; i++) {
      attempts.start(key(2), FROM, known);
      await clock.advance(5900);
    }
    await clock.advance(afterMs);
    attempts.start(key(2), endpoint, { ...known, learned });
    return attempts.stats.started - failed;
  };
  test("the second attempt may follow at once", async () => expect(await begun(1, 0)).toBe(1));
  test("not the third", async () => expect(await begun(2, 14_999)).toBe(0));
  test("until the time is over", async () => expect(await begun(2, 15_000)).toBe(1));
  test("unless it is elsewhere", async () => expect(await begun(2, 0, "198.51.100.7:9")).toBe(1));
  test("or has another session since", async () => {
    expect(await begun(2, 0, FROM, 6000)).toBe(0); // known when the second one began
    expect(await begun(2, 0, FROM, 6001)).toBe(1);
  });
  test("after the pause one attempt is enough for the next; after a long one it takes two again", async () => {
    const { clock, attempts } = setup();
    const counts: number[] = [];
    for (const ms of [5900, 5900, 15_000, 5900, 0, 30_000, 5900, 5900, 0]) {
      attempts.start(key(2), FROM, known);
      counts.push(attempts.stats.started);
      await clock.advance(ms);
    }
    expect(counts).toEqual([1, 2, 2, 3, 3, 3, 4, 5, 5]);
  });
  test("an answer begins the count anew", async () => {
    const { clock, attempts } = setup();
    attempts.start(key(2), FROM, known);
    await clock.advance(5900);
    attempts.start(key(2), FROM, LOST);
    attempts.answered(key(2));
    attempts.start(key(2), FROM, LOST);
    await clock.advance(5900);
    attempts.start(key(2), FROM, known);
    expect([attempts.stats.started, attempts.stats.unanswered]).toEqual([4, 2]);
  });
});

test("whoever looks for answers hurries while a client nearby would answer, and looks on until the call is given up", async () => {
  const { clock, attempts } = setup();
  const waits = () => [
    attempts.urgent,
    attempts.waiting,
    attempts.calls(FROM),
    attempts.calls("192.0.2.2:1"),
  ];
  expect(waits()).toEqual([false, false, false, false]);
  attempts.start(key(2), FROM, LOST);
  await clock.advance(1999);
  expect(waits()).toEqual([true, true, true, false]);
  await clock.advance(1);
  expect(waits()).toEqual([false, true, true, false]);
  await clock.advance(3900);
  expect(waits()).toEqual([false, false, false, false]);
  attempts.start(key(3), FROM, LOST);
  attempts.answered(key(3));
  expect(waits()).toEqual([false, false, false, false]);
});

test("an answer ends the calls; the keepalive is turned off 3 s later and the session is not touched", async () => {
  const { clock, runs, attempts } = setup();
  expect(attempts.answered(key(2))).toBeUndefined();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(130);
  expect(attempts.waiting).toBe(true);
  expect(attempts.answered(key(2))).toBe(130);
  expect([attempts.waiting, attempts.answered(key(2))]).toEqual([false, undefined]);
  await clock.advance(2999);
  expect(runs).toHaveLength(1);
  await clock.advance(1);
  expect(runs.slice(1).map(({ at, commands }) => [at, commands])).toEqual([
    [3130, [{ args: ["set", "wg0", "peer", key(2), "persistent-keepalive", "0"] }]],
  ]);
  await clock.advance(60_000);
  expect(runs).toHaveLength(2);
});

test("nobody is called again or given up before it is known whether there was an answer", async () => {
  const { clock, runs, state, attempts } = setup();
  let seen: () => void = () => {};
  state.look = new Promise((resolve) => (seen = resolve));
  attempts.start(key(2), FROM, LOST);
  attempts.start(key(3), FROM, LOST);
  await clock.advance(5000);
  expect(runs).toHaveLength(1);
  attempts.answered(key(3));
  seen();
  await clock.advance(2999);
  expect(runs.map(({ commands }) => effect(commands, key(3)))).toEqual([CALLED, "", "", ""]);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED, CALLED, CALLED, FORGOTTEN]);
});

test("what an earlier agent left on is turned off, and its unanswered call ended, but not one that runs", async () => {
  const { runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await settle();
  for (const byte of [2, 3, 4]) attempts.inherit(key(byte), byte !== 4);
  await settle();
  expect(runs).toHaveLength(2);
  expect([2, 3, 4].map((byte) => effect(runs[1]?.commands ?? [], key(byte)))).toEqual([
    "",
    "persistent-keepalive 0",
    FORGOTTEN,
  ]);
});

test("a client that strays again after its answer is called anew, and its keepalive ends with the new call's", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.answered(key(2));
  await clock.advance(2000);
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.answered(key(2));
  await clock.advance(2999);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED, CALLED]);
  await clock.advance(1);
  expect(effect(runs[2]?.commands ?? [], key(2))).toBe("persistent-keepalive 0");
});

test("a call that waits for the tools together with the end of the one before keeps its keepalive", async () => {
  const { clock, runs, state, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.answered(key(2));
  let open: () => void = () => {};
  state.gate = new Promise((resolve) => (open = resolve));
  attempts.start(key(3), FROM, LOST);
  await clock.advance(3000); // the keepalive of the first call is over now
  attempts.start(key(2), FROM, LOST);
  open();
  await clock.advance(100);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED, "", CALLED]);
});

test("a session that is dropped is forgotten at once, and nothing of its attempt comes later", async () => {
  for (const answered of [false, true]) {
    const { clock, runs, attempts } = setup();
    attempts.start(key(2), FROM, LOST);
    await clock.advance(100);
    if (answered) attempts.answered(key(2));
    attempts.drop(key(2));
    await clock.advance(60_000);
    expect(historyOf(runs)).toEqual([
      [0, CALLED],
      [100, FORGOTTEN],
    ]);
  }
});

test("calls that come together go out in one run of the tools; what comes meanwhile goes into the next one", async () => {
  const { runs, attempts, lock } = setup();
  let open: () => void = () => {};
  void lock.run(() => new Promise<void>((resolve) => (open = resolve)));
  for (const byte of [2, 3, 4]) attempts.start(key(byte), FROM, LOST);
  await settle();
  for (const byte of [5, 6]) attempts.start(key(byte), FROM, LOST);
  expect(runs).toHaveLength(0);
  open();
  await settle();
  expect(runs).toHaveLength(1);
  expect(runs[0]?.commands).toHaveLength(2);
  for (const byte of [2, 3, 4, 5, 6]) expect(effect(runs[0]?.commands ?? [], key(byte))).toBe(CALLED);
});

test("two hundred clients cost two calls of a tool, and are each called once", async () => {
  const { runs, attempts } = setup(250);
  for (let byte = 2; byte < 202; byte++) attempts.start(key(byte), FROM, LOST);
  await settle();
  expect(runs.flatMap(({ commands }) => commands)).toHaveLength(2);
  expect(
    runs.flatMap(({ commands }) => commands.flatMap(({ args }) => args.filter((a) => a === "remove"))),
  ).toHaveLength(200);
});

test("a client that is revoked between the call and the write is not written, and the others are", async () => {
  const { clock, runs, attempts, lock, desired } = setup();
  let open: () => void = () => {};
  void lock.run(() => new Promise<void>((resolve) => (open = resolve)));
  attempts.start(key(2), FROM, LOST);
  attempts.start(key(3), FROM, LOST);
  await settle();
  desired.delete(key(2));
  open();
  await clock.advance(60_000);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual(["", "", "", ""]);
  expect(effect(runs[0]?.commands ?? [], key(3))).toBe(CALLED);
});

test("one revoked after its answer is not made again when the keepalive ends", async () => {
  const { clock, runs, attempts, desired } = setup();
  attempts.start(key(2), FROM, LOST);
  await clock.advance(100);
  attempts.answered(key(2));
  desired.delete(key(2));
  await clock.advance(60_000);
  expect(runs).toHaveLength(1);
});

test("a removal that is decided while calls are written happens after them", async () => {
  const { attempts, lock, desired, runs, state } = setup();
  let finish: () => void = () => {};
  state.gate = new Promise((resolve) => (finish = resolve));
  attempts.start(key(2), FROM, LOST);
  await settle();
  desired.delete(key(2));
  const removed = lock.run(async () => runs.push({ at: -1, commands: [] }));
  await settle();
  expect(runs).toHaveLength(0);
  finish();
  await removed;
  expect(runs.map(({ at }) => at)).toEqual([0, -1]);
});

test("more calls than the bucket holds are refused and counted, and can be made later", async () => {
  const { clock, attempts } = setup();
  for (let i = 0; i < 3005; i++) attempts.start(`${i}`, FROM, LOST);
  expect([attempts.stats.started, attempts.stats.refused]).toEqual([3000, 5]);
  await clock.advance(10);
  for (let i = 3000; i < 3020; i++) attempts.start(`${i}`, FROM, LOST);
  expect([attempts.stats.started, attempts.stats.refused]).toEqual([3010, 15]);
});

test("a run that fails is not the last one", async () => {
  const { clock, runs, attempts, state } = setup();
  state.broken = true;
  attempts.start(key(2), FROM, LOST);
  await settle();
  expect(state.calls).toBe(0);
  state.broken = false;
  await clock.advance(700);
  expect([runs.map(({ at }) => at), state.calls]).toEqual([[700], 1]);
});

test("a client that is to be forgotten is, however often the tools fail; what is decided meanwhile counts", async () => {
  const { clock, runs, attempts, state } = setup();
  state.broken = true;
  for (const byte of [2, 3]) attempts.drop(key(byte));
  attempts.inherit(key(4), true);
  await clock.advance(60_000);
  attempts.start(key(3), FROM, LOST);
  state.broken = false;
  await clock.advance(11_000);
  const done = (byte: number) => runs.map(({ commands }) => effect(commands, key(byte))).filter(Boolean);
  expect(done(2)).toEqual([FORGOTTEN]);
  expect(done(3)[0]).toBe(CALLED);
  expect(done(4)).toEqual(["persistent-keepalive 0"]);
  await clock.advance(60_000);
  expect([done(2), done(4)]).toEqual([[FORGOTTEN], ["persistent-keepalive 0"]]);
});

test("a client that is called while the tools fail to forget it is called", async () => {
  const { attempts, clock, runs, state } = setup();
  let fail: () => void = () => {};
  state.gate = new Promise((_, reject) => (fail = () => reject(new Error("wg is away"))));
  attempts.drop(key(2));
  await settle();
  attempts.start(key(2), FROM, LOST);
  state.gate = Promise.resolve();
  fail();
  await clock.advance(600);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED]);
});

test("tools that fail are tried again ever more rarely, and soon again after they worked", async () => {
  const { clock, attempts, state } = setup();
  let tries = 0;
  Object.defineProperty(state, "gate", { get: () => Promise.resolve(tries++) });
  state.broken = true;
  attempts.drop(key(2));
  await clock.advance(30_000);
  expect(tries).toBe(7); // after 0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5 s
  state.broken = false;
  await clock.advance(10_000);
  state.broken = true;
  tries = 0;
  attempts.drop(key(2));
  await clock.advance(2000);
  expect(tries).toBe(3);
});

test("a client that has answered is called again for a session that became known since, not for the one it was called for", async () => {
  const { clock, runs, attempts } = setup();
  await clock.advance(50);
  attempts.start(key(2), FROM, { instance: "i-dead", learned: 40 });
  expect(attempts.calledFrom(key(2))).toBe("i-dead");
  await clock.advance(30);
  attempts.answered(key(2));
  expect(attempts.calledFrom(key(2))).toBeUndefined();
  const calls = () => runs.filter(({ commands }) => effect(commands, key(2)) === CALLED).length;
  attempts.start(key(2), FROM, { instance: "i-dead", learned: 40 });
  await clock.advance(100);
  expect(calls()).toBe(1);
  attempts.start(key(2), FROM, { instance: "i-third", learned: 90 });
  await clock.advance(100);
  expect(calls()).toBe(2);
});

test("whoever looks for answers is told of each call, and of nothing else", async () => {
  const { clock, attempts, state } = setup();
  attempts.drop(key(3));
  await settle();
  expect(state.calls).toBe(0);
  attempts.start(key(2), FROM, LOST);
  await clock.advance(5000);
  expect(state.calls).toBe(3);
});

test("after stop nothing is called any more", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM, LOST);
  await settle();
  await attempts.stop();
  attempts.start(key(3), FROM, LOST);
  await clock.advance(60_000);
  expect(runs).toHaveLength(1);
});

test("a handshake that the kernel shows is an answer, once the client was called and not before", async () => {
  const { clock, runs, attempts } = setup();
  const second = () => Math.floor(clock.now() / 1000);
  expect(attempts.seen(key(2), second())).toBeUndefined(); // nobody was called
  attempts.start(key(2), FROM, LOST);
  expect(attempts.seen(key(2), second())).toBeUndefined(); // the session of before
  await clock.advance(300);
  expect(attempts.seen(key(2), 0)).toBeUndefined();
  expect(attempts.seen(key(2), second() - 60)).toBeUndefined();
  expect(attempts.seen(key(2), second())).toBe(300);
  expect(attempts.answered(key(2))).toBeUndefined();
  await clock.advance(2500);
  expect(runs).toHaveLength(1);
});

test("after the end nothing is tried again, though the last try failed meanwhile, and nobody is spoken to later", async () => {
  const { attempts, clock, state } = setup();
  attempts.start(key(3), FROM, LOST);
  await clock.advance(10);
  let open = () => {};
  state.gate = new Promise((resolve) => {
    open = resolve;
  });
  attempts.drop(key(2));
  await settle();
  const ended = attempts.stop();
  state.broken = true;
  open();
  await ended;
  let tries = 0;
  Object.defineProperty(state, "gate", { get: () => Promise.resolve(tries++) });
  attempts.answered(key(3));
  await clock.advance(60_000);
  expect(tries).toBe(0);
});
