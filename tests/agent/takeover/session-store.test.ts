import pino from "pino";
import type { StorageClient } from "../../../agent/storage-client";
import { SessionStore } from "../../../agent/takeover/session-store";
import type { SessionNews } from "../../../registry/session-reader";
import type { SessionRecord } from "../../../registry/sessions";
import { FakeClock, settle } from "../fake-clock";
import { key } from "../fixtures";

const record = (index: number): SessionRecord => ({ publicKey: key(index & 255), index, at: index });

/** A shared storage with one log, which can fail or hang, and what was done to it. */
function setup() {
  const clock = new FakeClock();
  const calls: string[] = [];
  const lines: string[] = [];
  const news: SessionNews[][] = [];
  const held: SessionRecord[] = [];
  let log: SessionRecord[] = [];
  const state = {
    fail: undefined as string | undefined,
    gate: Promise.resolve(),
    hurried: false,
    found: [] as SessionNews[],
    unread: [] as string[],
  };
  const complete: boolean[] = [];
  const request = async (operation: string, args: { records?: readonly SessionRecord[] }) => {
    calls.push(operation);
    await state.gate;
    if (state.fail === "all" || state.fail === operation) throw new Error(`${operation}: no`);
    if (operation === "pollSessions") return { news: state.found.splice(0), unread: state.unread };
    log = [...(operation === "rewriteSessions" ? [] : log), ...(args.records ?? [])];
    return null;
  };
  const store = new SessionStore({
    storage: { request } as unknown as Pick<StorageClient, "request">,
    clock,
    log: pino(
      { base: null, timestamp: false },
      { write: (line: string) => lines.push(JSON.parse(line).msg) },
    ),
    runtimeRoot: "/r",
    instance: "a",
    held: () => [...held],
    onNews: (found, isComplete) => {
      news.push([...found]);
      complete.push(isComplete);
    },
    hurried: () => state.hurried,
  });
  /** As the takeover does it: the directory has a record before the log gets it. */
  const append = (...indices: number[]) => {
    held.push(...indices.map(record));
    store.append(indices.map(record));
  };
  return {
    clock,
    calls,
    lines,
    news,
    complete,
    held,
    state,
    store,
    append,
    log: () => log.map(({ index }) => index),
  };
}

test("a log of this server's own that cannot be read is not replaced before it was, or has stayed so for ten seconds", async () => {
  for (const [readableAfterMs, replacedAtMs] of [
    [3000, 3000],
    [60_000, 10_000],
  ] as const) {
    const { clock, store, state, calls, complete } = setup();
    state.unread = ["b", "a"];
    store.start();
    await settle();
    clock.after(readableAfterMs - 1, () => {
      state.unread = ["b"];
    });
    await clock.advance(replacedAtMs - 1);
    expect([calls.includes("rewriteSessions"), complete.includes(true)]).toEqual([false, false]);
    await clock.advance(1000);
    expect([calls.includes("rewriteSessions"), complete.at(-1)]).toEqual([true, true]);
    store.stop();
  }
});

test("another server's log that cannot be read keeps nobody from writing", async () => {
  const { store, state, calls, complete } = setup();
  state.unread = ["b"];
  store.start();
  await settle();
  expect([calls, complete]).toEqual([["pollSessions", "rewriteSessions"], [true]]);
  store.stop();
});

test("the first write replaces the log with all that is held, what follows is appended in order", async () => {
  const { store, append, calls, log, held } = setup();
  held.push(record(1)); // read from the log of before a restart
  append(2); // before that log was read
  store.start();
  expect(calls).toEqual(["pollSessions"]);
  await settle();
  append(3);
  append(4, 5);
  await settle();
  expect(log()).toEqual([1, 2, 3, 4, 5]);
  expect(calls).toEqual(["pollSessions", "rewriteSessions", "appendSessions", "appendSessions"]);
  store.stop();
});

test("a start without a session leaves an own log without torn lines, too", async () => {
  const { store, calls } = setup();
  store.start();
  await settle();
  expect(calls).toEqual(["pollSessions", "rewriteSessions"]);
  store.stop();
});

test("what others wrote is asked for once a second", async () => {
  const { clock, store, calls, news, state } = setup();
  const found = { instance: "b", records: [record(9)] };
  store.start();
  await clock.advance(0);
  state.found.push(found);
  await clock.advance(2000);
  expect(calls.filter((call) => call === "pollSessions")).toHaveLength(3);
  expect(news.flat()).toEqual([found]);
  store.stop();
  await clock.advance(10_000);
  expect(calls.filter((call) => call === "pollSessions")).toHaveLength(3);
});

test("and four times a second while this server speaks to clients that it may have lost meanwhile", async () => {
  const { store, calls, clock, state } = setup();
  state.hurried = true;
  store.start();
  await settle();
  const looks = () => calls.filter((call) => call === "pollSessions").length;
  expect(looks()).toBe(1);
  await clock.advance(1000);
  expect(looks()).toBe(5);
  state.hurried = false;
  await clock.advance(250); // the one that was on its way
  await clock.advance(999);
  expect(looks()).toBe(6);
  store.stop();
});

test("a hung storage keeps nobody waiting; all that came meanwhile is in the log afterwards", async () => {
  const { clock, store, state, append, log } = setup();
  store.start();
  await clock.advance(0);
  let end: (error?: Error) => void = () => {};
  state.gate = new Promise((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  for (let index = 1; index <= 5; index++) append(index); // returns, or this test would hang
  await settle();
  expect(log()).toEqual([]);
  end();
  await clock.advance(0);
  expect(log()).toEqual([1, 2, 3, 4, 5]);
  store.stop();
});

test("after a failed write the whole log is written anew at the next look: nothing is lost, nothing torn is left", async () => {
  const { clock, store, state, append, log, calls } = setup();
  store.start();
  await clock.advance(0);
  append(1);
  await settle();
  state.fail = "all";
  append(2);
  await settle();
  append(3);
  await clock.advance(5000);
  expect(log()).toEqual([1]);
  state.fail = undefined;
  calls.length = 0;
  await clock.advance(1000);
  expect(log()).toEqual([1, 2, 3]);
  expect(calls).toEqual(["pollSessions", "rewriteSessions"]);
  store.stop();
});

test.each([
  ["what comes while the whole log is written is appended to it", undefined, ["appendSessions"]],
  ["and if that fails, all of it is written once", new Error("no"), ["pollSessions", "rewriteSessions"]],
])("%s", async (_, error, expected) => {
  const { clock, store, state, append, log, calls, held } = setup();
  held.push(record(1));
  store.start();
  let end: () => void = () => {};
  state.gate = new Promise((resolve, reject) => {
    end = () => (error === undefined ? resolve() : reject(error));
  });
  await settle();
  append(2);
  append(3);
  expect(calls.splice(0)).toEqual(["pollSessions", "rewriteSessions"]);
  end();
  await settle();
  state.gate = Promise.resolve();
  if (error !== undefined) await clock.advance(1000);
  expect([log(), calls]).toEqual([[1, 2, 3], expected]);
  store.stop();
});

test("very many records at once are written", async () => {
  const { store, log } = setup();
  store.start();
  await settle();
  store.append(Array.from({ length: 200_000 }, (_, index) => record(index)));
  await settle();
  expect(log()).toHaveLength(200_000);
  store.stop();
});

test("what is no longer held is not written again after a failure", async () => {
  const { clock, store, state, append, log, held } = setup();
  store.start();
  await clock.advance(0);
  state.fail = "all";
  append(1, 2);
  await settle();
  held.shift();
  state.fail = undefined;
  await clock.advance(1000);
  expect(log()).toEqual([2]);
  store.stop();
});

test("a storage that cannot be read at the start does not make the log of before be wiped", async () => {
  const { clock, store, state, calls } = setup();
  state.fail = "pollSessions";
  store.start();
  await clock.advance(2000);
  expect(calls.filter((call) => call === "rewriteSessions")).toEqual([]);
  state.fail = undefined;
  await clock.advance(1000);
  expect(calls.filter((call) => call === "rewriteSessions")).toHaveLength(1);
  store.stop();
});

test("the log is written anew once three times what it needs was appended, and not while it is small", async () => {
  const { clock, store, append, held, calls, log } = setup();
  const rewrites = () => calls.filter((call) => call === "rewriteSessions").length;
  store.start();
  append(1);
  await settle();
  for (let index = 2; index <= 1001; index++) append(index);
  await clock.advance(1000);
  expect([rewrites(), log().length]).toEqual([1, 1001]);
  held.splice(0, 501);
  append(1002);
  await clock.advance(1000);
  expect([rewrites(), log().length]).toEqual([2, 501]);
  for (let index = 1003; index <= 1003 + 1502; index++) append(index);
  await clock.advance(1000);
  expect([rewrites(), log().length]).toEqual([2, 501 + 1503]);
  append(9999);
  await clock.advance(1000);
  expect(rewrites()).toBe(3);
  store.stop();
});

test("a look that is asked for begins afterwards, and one after the other there are at most five a second", async () => {
  const { clock, store, calls, state } = setup();
  const looks = () => calls.filter((call) => call === "pollSessions").length;
  let open: () => void = () => {};
  state.gate = new Promise((resolve) => {
    open = resolve;
  });
  store.start(); // this look began before what is looked for was written
  let settled = 0;
  const again = async (): Promise<void> => {
    await store.refresh();
    settled++;
    await again();
  };
  void again();
  await settle();
  state.gate = Promise.resolve();
  open();
  await settle();
  expect([looks(), settled]).toEqual([1, 0]);
  await clock.advance(200);
  expect([looks(), settled]).toEqual([2, 1]);
  await clock.advance(1000);
  expect([looks(), settled]).toEqual([7, 6]);
  store.stop();
});

test("trouble is said once, and once that it is over, also when only writing fails", async () => {
  for (const fail of ["all", "rewriteSessions"]) {
    const { clock, store, state, lines } = setup();
    state.fail = fail;
    store.start();
    await clock.advance(5000);
    expect(lines).toEqual(["the session directory cannot be used; sessions known so far are"]);
    state.fail = undefined;
    await clock.advance(1000);
    expect(lines.slice(1)).toEqual(["the session directory can be used again"]);
    store.stop();
  }
});
