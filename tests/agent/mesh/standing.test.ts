import { Standing } from "../../../agent/mesh/standing";

test("what was lost was lost when the first of the signs began, and each loss is one of its own", () => {
  const standing = new Standing(4000);
  expect(standing.lostSince(500)).toBe(500);
  standing.see(true, 10_000, 9000);
  standing.see(true, 10_200);
  standing.see(false, 10_400);
  expect([standing.counts(12_000), standing.lostSince(12_000)]).toEqual([false, 9000]);
  standing.see(true, 13_000, Number.NEGATIVE_INFINITY); // the same loss, and it turns out to be an old one
  expect(standing.lostSince(13_000)).toBe(Number.NEGATIVE_INFINITY);
  standing.see(false, 17_000);
  expect([standing.counts(17_000), standing.lostSince(17_000)]).toEqual([true, 17_000]);
  standing.see(true, 60_000);
  expect(standing.lostSince(61_000)).toBe(60_000);
});
