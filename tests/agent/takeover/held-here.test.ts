import { SessionDirectory } from "../../../agent/takeover/directory";
import { HeldHere } from "../../../agent/takeover/held-here";
import { key } from "../fixtures";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const CLIENT = key(2);

/** This server, and what is said and known of the client at others; times in milliseconds from NOW, `off` by how much its clock was set. */
function setup() {
  const directory = new SessionDirectory();
  const held = new HeldHere("i-self", directory);
  const elsewhere = (at: number, learned: number) =>
    directory.add("i-zother", [{ publicKey: CLIENT, index: 1, at: NOW + at }], NOW + learned, learned);
  const add = (began: number, late = false, off = 0) => {
    const since = NOW + began + off;
    const records = held.add([{ publicKey: CLIENT, index: 2, since, began, late }]);
    directory.add("i-self", records, since, began);
    return records.map(({ at }) => at - NOW);
  };
  return { held, elsewhere, add, directory };
}

test("a session is dated when it began", () => {
  expect(setup().add(500)).toEqual([500]);
});

test("after one that was known when it began: later than that, though the other server's clock is ahead", () => {
  const { elsewhere, add, directory } = setup();
  elsewhere(2000, 100);
  expect(add(500)).toEqual([2001]);
  expect(directory.newest(CLIENT)?.instance).toBe("i-self");
});

test("one that became known since it began may be the later one, and keeps its place", () => {
  const { elsewhere, add, directory } = setup();
  elsewhere(2000, 501);
  expect(add(500)).toEqual([500]);
  expect(directory.newest(CLIENT)?.instance).toBe("i-zother");
});

test("what was known first is known by a clock that is never set back", () => {
  const { elsewhere, add, directory, held } = setup();
  elsewhere(2000, 2000);
  expect(add(4000, false, -5000)).toEqual([2001]);
  expect([directory.newest(CLIENT)?.instance, held.lose(CLIENT, 0)]).toEqual(["i-self", false]);
  const other = setup();
  other.elsewhere(7000, 3000); // became known after ours began, whatever the wall clock said then
  expect(other.add(2000, false, 4000)).toEqual([6000]);
});

test("one that was found late, to the second, is never put after another server's", () => {
  const { elsewhere, add } = setup();
  elsewhere(400, 450);
  expect(add(500, true)).toEqual([500]);
  const other = setup();
  other.elsewhere(2000, 450);
  expect(other.add(500, true)).toEqual([500]);
});

test("never before this server's own former one, which was dated after another clock", () => {
  const { elsewhere, add, held } = setup();
  elsewhere(2000, 100);
  expect([add(500), add(900)]).toEqual([[2001], [2001]]);
  held.forget(CLIENT);
  expect(add(950)).toEqual([950]);
});

test("but not after one that was dated by a clock which was far ahead", () => {
  const { add } = setup();
  expect([add(600_500), add(500), add(400)]).toEqual([[600_500], [600_500], [400]]);
});

test("what an agent before this one recorded counts as its own former one, unless it has ended", () => {
  const { add, held, directory } = setup();
  held.inherit({ publicKey: CLIENT, index: 1, at: NOW + 3000 });
  expect(add(500)).toEqual([500]);
  directory.add("i-self", [{ publicKey: CLIENT, index: 1, at: NOW + 3000 }], NOW, 0);
  held.inherit({ publicKey: CLIENT, index: 1, at: NOW + 3000 });
  expect(add(600)).toEqual([3000]);
});

test("a session is lost once, and only to another server's newer one", () => {
  const { add, held, elsewhere } = setup();
  expect(held.lose(CLIENT, 0)).toBe(false);
  add(500);
  expect(held.lose(CLIENT, 0)).toBe(false);
  elsewhere(600, 700);
  expect([held.lose(CLIENT, 0), held.lose(CLIENT, 0)]).toEqual([true, false]);
});

test("a client was just lost for 1.5 s from then on, one that was not lost never", () => {
  const { add, held, elsewhere } = setup();
  add(500);
  elsewhere(600, 700);
  expect(held.hasJustLost(CLIENT, 700)).toBe(false);
  held.lose(CLIENT, 1000);
  expect([1000, 2499, 2500].map((now) => held.hasJustLost(CLIENT, now))).toEqual([true, true, false]);
  expect(held.hasJustLost("another", 1000)).toBe(false);
});

test("who is no client any more is forgotten, the others are not", () => {
  const { add, held, elsewhere } = setup();
  add(500);
  held.prune((publicKey) => publicKey === CLIENT);
  elsewhere(600, 700);
  held.prune(() => false);
  expect(held.lose(CLIENT, 0)).toBe(false);
});
