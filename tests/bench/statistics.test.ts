import fc from "fast-check";
import { randomOf } from "../../bench/random";
import { median, percentile, spread } from "../../bench/statistics";

const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });

test("percentiles are by nearest rank", () => {
  const twenty = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect([50, 95, 100, 1].map((p) => percentile(twenty, p))).toEqual([10, 19, 20, 1]);
  expect([50, 95, 100].map((p) => percentile([7], p))).toEqual([7, 7, 7]);
  expect(percentile([1, 2, 3], 50)).toBe(2);
});

test("a percentile is a measured value, and at least its share of all values do not exceed it", () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 100 }), (all, p) => {
      const found = percentile(all, p);
      expect(all).toContain(found);
      expect(all.filter((value) => value <= found).length).toBeGreaterThanOrEqual((p / 100) * all.length);
      expect(all.filter((value) => value < found).length).toBeLessThan((p / 100) * all.length);
    }),
  );
});

test("no values have no percentile and no median", () => {
  expect(() => percentile([], 50)).toThrow(RangeError);
  expect(() => median([])).toThrow(RangeError);
});

test("the median of an even number of values is between the two in the middle", () => {
  expect([median([4, 1, 3]), median([4, 1, 3, 2])]).toEqual([3, 2.5]);
});

test("a spread is rounded to tenths", () => {
  expect(spread([1.26, 2.04])).toEqual({ p50: 1.3, p95: 2, max: 2 });
});

test("a seed repeats its random numbers, another one does not", () => {
  const draw = (seed: string): number[] => {
    const random = randomOf(seed);
    return Array.from({ length: 50 }, () => random.next());
  };
  expect(draw("7")).toEqual(draw("7"));
  expect(draw("7")).not.toEqual(draw("8"));
  for (const value of draw("7")) expect(value >= 0 && value < 1).toBe(true);
});

test("what is picked is spread over the items", () => {
  const random = randomOf("spread");
  const picks = Array.from({ length: 3000 }, () => random.pick(["a", "b", "c"]));
  for (const item of ["a", "b", "c"])
    expect(picks.filter((pick) => pick === item).length).toBeGreaterThan(850);
  expect(() => random.pick([])).toThrow(RangeError);
});
