import fc from "fast-check";
import { SessionDirectory } from "../../../agent/takeover/directory";
import type { SessionRecord } from "../../../registry/sessions";
import { SESSION_SECONDS } from "../../../registry/sessions";
import { key } from "../fixtures";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const LIFE = SESSION_SECONDS * 1000;
const anyone = () => true;
const session = (byte: number, index: number, at: number): SessionRecord => ({
  publicKey: key(byte),
  index,
  at: NOW + at,
});

/** A directory with these records: server, client, index, time. */
function known(...records: [instance: string, byte: number, index: number, at: number][]): SessionDirectory {
  const directory = new SessionDirectory();
  for (const [instance, byte, index, at] of records)
    directory.add(instance, [session(byte, index, at)], NOW + at, 0);
  return directory;
}

test("an index that nobody recorded is unknown", () => {
  expect(known(["a", 2, 10, 0]).judge(11, anyone)).toEqual({ kind: "unknown" });
  expect(known(["a", 2, 10, 0]).knows(10)).toBe(true);
  expect(known(["a", 2, 10, 0]).knows(11)).toBe(false);
});

test("a client that may not connect is left alone, one that may is named", () => {
  const directory = known(["a", 2, 10, 0]);
  expect(directory.judge(10, () => false)).toEqual({ kind: "ignore", reason: "not a current client" });
  expect(directory.judge(10, (publicKey) => publicKey === key(2))).toEqual({
    kind: "take",
    sessions: [{ ...session(2, 10, 0), instance: "a", learned: 0 }],
  });
});

test("a session whose client has a newer one at another server is left alone", () => {
  const directory = known(["a", 2, 10, 0], ["b", 2, 20, 1]);
  expect(directory.judge(10, anyone)).toEqual({ kind: "ignore", reason: "newer session" });
  expect(directory.judge(20, anyone).kind).toBe("take");
});

test("an older session of the server that has the newest is taken, too", () => {
  const directory = known(["a", 2, 10, 0], ["a", 2, 11, 5]);
  expect(directory.judge(10, anyone).kind).toBe("take");
  directory.add("b", [session(2, 12, 6)], NOW, 0);
  expect([10, 11].map((index) => directory.judge(index, anyone).kind)).toEqual(["ignore", "ignore"]);
});

test("two clients with one index: both are named, unless one is elsewhere or revoked", () => {
  const directory = known(["a", 2, 10, 0], ["a", 3, 10, 1]);
  const both = directory.judge(10, anyone);
  expect(both.kind === "take" && both.sessions.map(({ publicKey }) => publicKey)).toEqual([key(2), key(3)]);
  const one = directory.judge(10, (publicKey) => publicKey === key(3));
  expect(one.kind === "take" && one.sessions.map(({ publicKey }) => publicKey)).toEqual([key(3)]);
  directory.add("b", [session(3, 99, 2)], NOW, 0);
  const other = directory.judge(10, anyone);
  expect(other.kind === "take" && other.sessions.map(({ publicKey }) => publicKey)).toEqual([key(2)]);
});

test("servers whose clocks disagree: the record that says it is later is, in whatever order they come", () => {
  for (const records of [
    [["fast", 2, 10, 5000] as const, ["slow", 2, 20, 4000] as const],
    [["slow", 2, 20, 4000] as const, ["fast", 2, 10, 5000] as const],
  ])
    expect(
      known(...records.map((r) => [...r] as [string, number, number, number])).newest(key(2))?.instance,
    ).toBe("fast");
});

test("two records of one millisecond are judged alike everywhere", () => {
  const one = known(["a", 2, 10, 0], ["b", 2, 20, 0]);
  const other = known(["b", 2, 20, 0], ["a", 2, 10, 0]);
  expect([one.newest(key(2))?.instance, other.newest(key(2))?.instance]).toEqual(["b", "b"]);
});

test("records older than a session are never taken in, and are forgotten when they get so old", () => {
  const directory = new SessionDirectory();
  expect(directory.add("a", [session(2, 10, 0)], NOW + LIFE + 1, 0)).toEqual([]);
  expect([directory.size, directory.newest(key(2))]).toEqual([0, undefined]);
  expect(directory.add("a", [session(2, 10, 0)], NOW + LIFE, 0)).toEqual([key(2)]);
  directory.prune(NOW + LIFE);
  expect(directory.judge(10, anyone).kind).toBe("take");
  directory.prune(NOW + LIFE + 1);
  expect([directory.judge(10, anyone).kind, directory.size, directory.newest(key(2))]).toEqual([
    "unknown",
    0,
    undefined,
  ]);
});

test("pruning one client's session leaves another's with the same index", () => {
  const directory = known(["a", 2, 10, 0], ["a", 3, 10, 1000]);
  directory.prune(NOW + LIFE + 500);
  const verdict = directory.judge(10, anyone);
  expect(verdict.kind === "take" && verdict.sessions.map(({ publicKey }) => publicKey)).toEqual([key(3)]);
});

test("only clients whose newest session is another one now are told", () => {
  const directory = known(["a", 2, 10, 5], ["a", 3, 30, 5]);
  const told = directory.add(
    "b",
    [session(2, 11, 4), session(2, 12, 6), session(3, 31, 1), session(4, 40, 0)],
    NOW,
    0,
  );
  expect(told).toEqual([key(2), key(4)]);
  expect(directory.add("b", [session(2, 12, 6)], NOW, 0)).toEqual([]);
});

test("a server's log holds its sessions with clients that have no newer one elsewhere", () => {
  const directory = known(
    ["a", 2, 10, 0],
    ["a", 2, 11, 1],
    ["a", 3, 30, 0],
    ["b", 3, 31, 1],
    ["b", 4, 40, 0],
  );
  expect(directory.heldBy("a").map(({ index }) => index)).toEqual([10, 11]);
  expect(directory.heldBy("b").map(({ index }) => index)).toEqual([31, 40]);
});

const entry = fc.record({
  instance: fc.constantFrom("a", "b", "c"),
  byte: fc.integer({ min: 2, max: 4 }),
  index: fc.integer({ min: 0, max: 5 }),
  at: fc.integer({ min: 0, max: 6 }),
});

test("records in any order, and any number of times, give the same newest sessions and the same verdicts", () => {
  fc.assert(
    fc.property(
      fc
        .array(entry, { maxLength: 12 })
        .chain((entries) =>
          fc.tuple(
            fc.constant(entries),
            fc.shuffledSubarray([...entries, ...entries], { minLength: 2 * entries.length }),
          ),
        ),
      ([once, again]) => {
        const build = (entries: typeof once) =>
          known(
            ...entries.map((e) => [e.instance, e.byte, e.index, e.at] as [string, number, number, number]),
          );
        const [one, other] = [build(once), build(again)];
        for (const byte of [2, 3, 4]) expect(other.newest(key(byte))).toEqual(one.newest(key(byte)));
        for (const index of [0, 1, 2, 3, 4, 5]) {
          const sorted = (directory: SessionDirectory) => {
            const verdict = directory.judge(index, anyone);
            return verdict.kind === "take" ? verdict.sessions.map((s) => JSON.stringify(s)).sort() : verdict;
          };
          expect(sorted(other)).toEqual(sorted(one));
        }
        expect(other.size).toBe(one.size);
        const best = new Map<number, string>();
        for (const { instance, byte, at } of once) {
          const rank = `${at} ${instance}`;
          if (rank > (best.get(byte) ?? "")) best.set(byte, rank);
        }
        for (const [byte, rank] of best)
          expect(`${(one.newest(key(byte))?.at ?? 0) - NOW} ${one.newest(key(byte))?.instance}`).toBe(rank);
      },
    ),
    { numRuns: 500 },
  );
});

test("a record from far in the future is rubbish, one from a clock that is some minutes ahead is not", () => {
  const directory = new SessionDirectory();
  expect(directory.add("a", [session(2, 10, 600_001), session(3, 11, 600_000)], NOW, 0)).toEqual([key(3)]);
  expect([directory.knows(10), directory.knows(11)]).toEqual([false, true]);
});

test("records of a clock that was far ahead are forgotten when it is right again, and keep no others out", () => {
  const directory = new SessionDirectory();
  directory.add("a", [session(2, 10, 600_001), session(3, 11, 600_000)], NOW + 1, 0);
  expect(directory.prune(NOW)).toEqual([key(2)]);
  expect([directory.knows(10), directory.knows(11), directory.newest(key(2))]).toEqual([
    false,
    true,
    undefined,
  ]);
  expect(directory.add("b", [session(2, 12, 1000)], NOW, 0)).toEqual([key(2)]);
});
