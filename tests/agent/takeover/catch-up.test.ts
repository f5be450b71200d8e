import { CatchUp } from "../../../agent/takeover/catch-up";
import type { IssuedIndex } from "../../../agent/takeover/sessions-table";
import { FakeClock } from "../fake-clock";
import { silent } from "../fixtures";

/** A kernel's table with these indices; what was told of them, oldest first. */
function caught(...lists: (IssuedIndex[] | Error)[]) {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const issued = async () => {
    const list = lists.shift() ?? [];
    if (list instanceof Error) throw list;
    return list;
  };
  const catchUp = new CatchUp({
    clock,
    log: silent,
    table: { issued },
    onIssued: ({ index, endpoint }, { since, began, late }) =>
      told.push([index, endpoint, clock.now() - since, clock.monotonic() - began, late]),
    onFound: () => told.push("found"),
  });
  return { clock, catchUp, told };
}

test("each index is told with the time of its handshake by both clocks, as one found late, the oldest first", async () => {
  const { catchUp, clock, told } = caught([
    { endpoint: "192.0.2.1:4000", index: 1, ageMs: 200 },
    { endpoint: "192.0.2.2:4000", index: 2, ageMs: 900 },
  ]);
  catchUp.gap();
  await clock.advance(0);
  expect(told).toEqual([
    [2, "192.0.2.2:4000", 900, 900, true],
    [1, "192.0.2.1:4000", 200, 200, true],
    "found",
  ]);
});

test("a table that cannot be read is read again at the next gap; where nothing is found, nothing is told", async () => {
  const { catchUp, clock, told } = caught(
    new Error("nft: no"),
    [],
    [{ endpoint: "a:1", index: 3, ageMs: 0 }],
  );
  for (const count of [0, 0, 2]) {
    catchUp.gap();
    await clock.advance(0);
    expect(told).toHaveLength(count);
  }
});
