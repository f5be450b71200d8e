import { Succession } from "../../../agent/mesh/succession";

const seen = (...times: (readonly [isActive: boolean, now: number])[]): Succession => {
  const succession = new Succession(11_000);
  for (const [isActive, now] of times) succession.see(isActive, now);
  return succession;
};

test("a server that was active for long goes on for as long as the load balancer takes to notice", () => {
  const succession = seen([true, 0], [true, 50_000], [false, 60_000], [false, 65_000]);
  expect([60_000, 70_999, 71_000].map((now) => succession.isHandingOn(now))).toEqual([true, true, false]);
});

test("one that was active for a moment goes on for no longer than that", () => {
  const succession = seen([true, 0], [false, 2000]);
  expect([3999, 4000].map((now) => succession.isHandingOn(now))).toEqual([true, false]);
});

test("one that is active again has nothing to hand on, and begins anew", () => {
  const succession = seen([true, 0], [false, 60_000], [true, 61_000]);
  expect(succession.isHandingOn(61_500)).toBe(false);
  succession.see(false, 64_000);
  expect([66_999, 67_000].map((now) => succession.isHandingOn(now))).toEqual([true, false]);
});

test("one that never was active hands nothing on", () => {
  expect(seen([false, 0], [false, 5000]).isHandingOn(5000)).toBe(false);
});
