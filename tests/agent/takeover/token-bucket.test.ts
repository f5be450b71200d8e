import fc from "fast-check";
import { TokenBucket } from "../../../agent/takeover/token-bucket";

test("never more than the burst and what its time brought, and never less than is left", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 200 }),
      (perSecond, burst, gaps) => {
        const bucket = new TokenBucket(perSecond, burst);
        let now = 1000;
        const taken: number[] = [];
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) taken.push(now);
        }
        for (let from = 0; from < taken.length; from++) {
          for (let to = from; to < taken.length; to++) {
            const seconds = ((taken[to] ?? 0) - (taken[from] ?? 0)) / 1000;
            expect(to - from + 1).toBeLessThanOrEqual(burst + perSecond * seconds + 1e-6);
          }
        }
        expect(taken.length).toBeGreaterThanOrEqual(Math.min(burst, gaps.length));
        expect(bucket.take(now + 1000 / perSecond + 1)).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

test("rest fills it up to the burst, not further", () => {
  const bucket = new TokenBucket(10, 3);
  const take = (now: number) => [1, 2, 3, 4, 5].map(() => bucket.take(now)).filter(Boolean).length;
  expect([take(0), take(100), take(100_000)]).toEqual([3, 1, 3]);
});
