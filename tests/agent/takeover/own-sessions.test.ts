import { OwnSessions } from "../../../agent/takeover/own-sessions";
import type { Peer } from "../../../wireguard/dump";
import { key } from "../fixtures";

const T = 1_767_225_600_000; // a whole second
const at = (since: number) => ({ since, began: 0 });
const CLIENT = "192.0.2.1:4500";
const peer = (byte: number, endpoint: string | undefined, handshakeMs: number): Peer => ({
  publicKey: key(byte),
  presharedKey: undefined,
  endpoint,
  allowedIps: [],
  latestHandshake: Math.floor(handshakeMs / 1000),
  rxBytes: 0,
  txBytes: 0,
  persistentKeepalive: 0,
});

test("a repeated old initiation, answered but never completed, makes no record", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T));
  // The kernel knows that client at that address, from a handshake before this answer.
  expect(own.confirm([peer(2, CLIENT, T - 1001)], T + 100)).toEqual([]);
  expect(own.confirm([peer(2, CLIENT, 0)], T + 200)).toEqual([]);
  expect(own.waiting).toBe(true);
});

test("an index is reported once, with its client, when the kernel calls the handshake complete", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T + 300));
  expect(own.confirm([peer(3, "192.0.2.9:1", T + 900), peer(2, CLIENT, T + 900)], T + 1000)).toEqual([
    { publicKey: key(2), index: 1, since: T + 300, began: 0, late: false },
  ]);
  expect([own.waiting, own.confirm([peer(2, CLIENT, T + 900)], T + 1100)]).toEqual([false, []]);
});

test("a handshake that was answered before we were told of it counts, across the turn of a second, too", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T + 300));
  expect(own.confirm([peer(2, CLIENT, T - 1)], T + 400)).toHaveLength(1);
});

test("an index that left after the completed handshake waits for the next one", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T));
  own.issued({ endpoint: CLIENT, index: 2 }, at(T + 5000));
  expect(own.confirm([peer(2, CLIENT, T + 1000)], T + 5100).map(({ index }) => index)).toEqual([1]);
  expect(own.confirm([peer(2, CLIENT, T + 5000)], T + 5200).map(({ index }) => index)).toEqual([2]);
});

test("when handshakes cross, all that may have become the session are reported, the last four at most", () => {
  const own = new OwnSessions();
  for (const index of [1, 2, 3, 4, 5]) own.issued({ endpoint: CLIENT, index }, at(T + index));
  expect(own.confirm([peer(2, CLIENT, T)], T + 100).map(({ index }) => index)).toEqual([2, 3, 4, 5]);
});

test("an index that is told twice keeps its latest time and counts once", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T));
  own.issued({ endpoint: CLIENT, index: 1 }, at(T + 3000));
  expect(own.confirm([peer(2, CLIENT, T + 1000)], T + 3100)).toEqual([]);
  expect(own.confirm([peer(2, CLIENT, T + 3000)], T + 3100)).toHaveLength(1);
});

test("an address that another client had before belongs to the one with the later handshake", () => {
  for (const order of [0, 1]) {
    const own = new OwnSessions();
    own.issued({ endpoint: CLIENT, index: 7 }, at(T));
    const peers = [peer(2, CLIENT, T - 60_000), peer(3, CLIENT, T)];
    expect(own.confirm(order === 0 ? peers : peers.reverse(), T + 100)).toEqual([
      { publicKey: key(3), index: 7, since: T, began: 0, late: false },
    ]);
  }
});

test("a handshake that is not completed within 15 s is given up, and a later one does not bring it back", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T));
  own.confirm([], T + 14_999);
  expect(own.waiting).toBe(true);
  own.confirm([], T + 15_000);
  expect(own.waiting).toBe(false);
  expect(own.confirm([peer(2, CLIENT, T + 16_000)], T + 16_000)).toEqual([]);
});

test("one found late, but complete by then, is reported whatever its age", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, at(T - 100_000));
  expect(own.confirm([peer(2, CLIENT, T - 100_000)], T)).toHaveLength(1);
});

test("an index that was told of late is doubted once: the kernel has a handshake of shortly before it", () => {
  const own = new OwnSessions();
  const doubts = (handshakeMs: number, now: number) => own.hasDoubts([peer(2, CLIENT, handshakeMs)], now);
  expect(doubts(T, T + 1000)).toBe(false); // nothing waits
  own.issued({ endpoint: CLIENT, index: 1 }, at(T + 3000));
  expect(own.confirm([peer(2, CLIENT, T + 1000)], T + 3100)).toEqual([]);
  expect(doubts(T + 1000, T + 3299)).toBe(false); // it may still be answered
  expect(doubts(T - 12_000, T + 3300)).toBe(false); // an older one says nothing
  expect(doubts(0, T + 3300)).toBe(false);
  expect(doubts(T + 1000, T + 3300)).toBe(true);
  expect(doubts(T + 1000, T + 3400)).toBe(false);
  // What the table says.
  own.issued({ endpoint: CLIENT, index: 1 }, { since: T + 1200, began: -1800, late: true });
  expect(doubts(T + 1000, T + 3500)).toBe(false);
  expect(own.confirm([peer(2, CLIENT, T + 1000)], T + 3500)).toEqual([
    { publicKey: key(2), index: 1, since: T + 1200, began: -1800, late: true },
  ]);
});

test("an index of a call stays one, whatever the table says of its time", () => {
  const own = new OwnSessions();
  own.issued({ endpoint: CLIENT, index: 1 }, { ...at(T), called: true });
  own.issued({ endpoint: CLIENT, index: 1 }, { ...at(T - 100), late: true });
  expect(own.answers(CLIENT, 1000)).toBe(false);
});
