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
const CALLED = `remove, add ${FROM} keepalive 1`;
const FORGOTTEN = "remove, add - keepalive -";

test("an unanswered call is made at 0, 700 and 1400 ms, and given up at 2 s: the session is forgotten", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM);
  await clock.advance(60_000);
  expect(runs.map(({ at, commands }) => [at, effect(commands, key(2))])).toEqual([
    [0, CALLED],
    [700, CALLED],
    [1400, CALLED],
    [2000, FORGOTTEN],
  ]);
  expect([attempts.waiting, attempts.stats]).toEqual([
    false,
    { started: 1, answered: 0, unanswered: 1, refused: 0 },
  ]);
});

test("the peer comes back as the registry wants it: addresses and preshared key, which no argument shows", async () => {
  const { runs, attempts } = setup();
  attempts.start(key(2), FROM);
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
  attempts.start(key(2), FROM);
  await clock.advance(100);
  attempts.start(key(2), "198.51.100.7:9");
  await clock.advance(400);
  expect(runs).toHaveLength(1);
  await clock.advance(1500);
  expect(runs.filter(({ commands }) => effect(commands, key(2)).includes("198.51.100.7"))).toEqual([]);
  attempts.start(key(2), "198.51.100.7:9");
  await settle();
  expect(attempts.stats.started).toBe(2);
});

test("an answer ends the calls; the keepalive is turned off 3 s later and the session is not touched", async () => {
  const { clock, runs, attempts } = setup();
  expect(attempts.answered(key(2))).toBeUndefined();
  attempts.start(key(2), FROM);
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
  attempts.start(key(2), FROM);
  attempts.start(key(3), FROM);
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
  attempts.start(key(2), FROM);
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
  attempts.start(key(2), FROM);
  await clock.advance(100);
  attempts.answered(key(2));
  await clock.advance(2000);
  attempts.start(key(2), FROM);
  await clock.advance(100);
  attempts.answered(key(2));
  await clock.advance(2999);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED, CALLED]);
  await clock.advance(1);
  expect(effect(runs[2]?.commands ?? [], key(2))).toBe("persistent-keepalive 0");
});

test("a call that waits for the tools together with the end of the one before keeps its keepalive", async () => {
  const { clock, runs, state, attempts } = setup();
  attempts.start(key(2), FROM);
  await clock.advance(100);
  attempts.answered(key(2));
  let open: () => void = () => {};
  state.gate = new Promise((resolve) => (open = resolve));
  attempts.start(key(3), FROM);
  await clock.advance(3000); // the keepalive of the first call is over now
  attempts.start(key(2), FROM);
  open();
  await clock.advance(100);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual([CALLED, "", CALLED]);
});

test("a session that is dropped is forgotten at once, and nothing of its attempt comes later", async () => {
  for (const answered of [false, true]) {
    const { clock, runs, attempts } = setup();
    attempts.start(key(2), FROM);
    await clock.advance(100);
    if (answered) attempts.answered(key(2));
    attempts.drop(key(2));
    await clock.advance(60_000);
    expect(runs.map(({ at, commands }) => [at, effect(commands, key(2))])).toEqual([
      [0, CALLED],
      [100, FORGOTTEN],
    ]);
  }
});

test("calls that come together go out in one run of the tools; what comes meanwhile goes into the next one", async () => {
  const { runs, attempts, lock } = setup();
  let open: () => void = () => {};
  void lock.run(() => new Promise<void>((resolve) => (open = resolve)));
  for (const byte of [2, 3, 4]) attempts.start(key(byte), FROM);
  await settle();
  for (const byte of [5, 6]) attempts.start(key(byte), FROM);
  expect(runs).toHaveLength(0);
  open();
  await settle();
  expect(runs).toHaveLength(1);
  expect(runs[0]?.commands).toHaveLength(2);
  for (const byte of [2, 3, 4, 5, 6]) expect(effect(runs[0]?.commands ?? [], key(byte))).toBe(CALLED);
});

test("two hundred clients cost two calls of a tool, and are each called once", async () => {
  const { runs, attempts } = setup(250);
  for (let byte = 2; byte < 202; byte++) attempts.start(key(byte), FROM);
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
  attempts.start(key(2), FROM);
  attempts.start(key(3), FROM);
  await settle();
  desired.delete(key(2));
  open();
  await clock.advance(60_000);
  expect(runs.map(({ commands }) => effect(commands, key(2)))).toEqual(["", "", "", ""]);
  expect(effect(runs[0]?.commands ?? [], key(3))).toBe(CALLED);
});

test("one revoked after its answer is not made again when the keepalive ends", async () => {
  const { clock, runs, attempts, desired } = setup();
  attempts.start(key(2), FROM);
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
  attempts.start(key(2), FROM);
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
  for (let i = 0; i < 3005; i++) attempts.start(`${i}`, FROM);
  expect([attempts.stats.started, attempts.stats.refused]).toEqual([3000, 5]);
  await clock.advance(10);
  for (let i = 3000; i < 3020; i++) attempts.start(`${i}`, FROM);
  expect([attempts.stats.started, attempts.stats.refused]).toEqual([3010, 15]);
});

test("a run that fails is not the last one", async () => {
  const { clock, runs, attempts, state } = setup();
  state.broken = true;
  attempts.start(key(2), FROM);
  await settle();
  expect(state.calls).toBe(0);
  state.broken = false;
  await clock.advance(700);
  expect([runs.map(({ at }) => at), state.calls]).toEqual([[700], 1]);
});

test("whoever looks for answers is told of each call, and of nothing else", async () => {
  const { clock, attempts, state } = setup();
  attempts.drop(key(3));
  await settle();
  expect(state.calls).toBe(0);
  attempts.start(key(2), FROM);
  await clock.advance(5000);
  expect(state.calls).toBe(3);
});

test("after stop nothing is called any more", async () => {
  const { clock, runs, attempts } = setup();
  attempts.start(key(2), FROM);
  await settle();
  await attempts.stop();
  attempts.start(key(3), FROM);
  await clock.advance(60_000);
  expect(runs).toHaveLength(1);
});

test("a handshake that the kernel shows is an answer, once the client was called and not before", async () => {
  const { clock, runs, attempts } = setup();
  const second = () => Math.floor(clock.now() / 1000);
  expect(attempts.seen(key(2), second())).toBeUndefined(); // nobody was called
  attempts.start(key(2), FROM);
  expect(attempts.seen(key(2), second())).toBeUndefined(); // the session of before
  await clock.advance(300);
  expect(attempts.seen(key(2), 0)).toBeUndefined();
  expect(attempts.seen(key(2), second() - 60)).toBeUndefined();
  expect(attempts.seen(key(2), second())).toBe(300);
  expect(attempts.answered(key(2))).toBeUndefined();
  await clock.advance(2500);
  expect(runs).toHaveLength(1);
});
