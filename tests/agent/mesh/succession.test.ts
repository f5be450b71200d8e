import { CHECKS } from "../../../agent/in-service";
import { Succession } from "../../../agent/mesh/succession";
import { HEALTH_CHECK } from "../../../components/endpoint";

/** @param times whether it serves, at which moment, and since when it was cut off */
function seen(...times: (readonly [serves: boolean, now: number, lostSince?: number])[]) {
  const succession = new Succession(11_000);
  for (const time of times) succession.see(...time);
  const isHandingOn = (...at: number[]) => at.map((now) => succession.isHandingOn(now));
  return { see: succession.see.bind(succession), isHandingOn };
}

test("a server that was active for long goes on for as long as the load balancer takes to notice", () => {
  const { isHandingOn } = seen([true, 0], [true, 50_000], [false, 60_000], [false, 65_000]);
  expect(isHandingOn(60_000, 70_999, 71_000)).toEqual([true, true, false]);
});

test("one that was active for a moment goes on for no longer than that", () => {
  const { isHandingOn } = seen([true, 0], [false, 2000]);
  expect(isHandingOn(3999, 4000)).toEqual([true, false]);
});

test("one that was cut off goes on for what is left, from when that began: another one is active since then", () => {
  const shortly = seen([true, 0], [false, 60_000, 58_000]);
  expect(shortly.isHandingOn(68_999, 69_000)).toEqual([true, false]);
  expect(seen([true, 0], [false, 60_000, 40_000]).isHandingOn(60_000)).toEqual([false]);
  expect(seen([true, 0], [false, 60_000, Number.NEGATIVE_INFINITY]).isHandingOn(60_000)).toEqual([false]);
});

test("one that is active again has nothing to hand on; if it never was out, it was active all the time", () => {
  const { see, isHandingOn } = seen([true, 0], [false, 60_000], [true, 61_000]);
  expect(isHandingOn(61_500)).toEqual([false]);
  see(false, 62_000);
  expect(isHandingOn(72_999, 73_000)).toEqual([true, false]);
  see(true, 80_000);
  see(false, 81_000);
  expect(isHandingOn(81_999, 82_000)).toEqual([true, false]);
});

test("one that never was active hands nothing on", () => {
  expect(seen([false, 0], [false, 5000]).isHandingOn(5000)).toEqual([false]);
});

test("the checks that agents count with are the load balancer's", () => {
  const { healthyThreshold: good, unhealthyThreshold: bad, timeout } = HEALTH_CHECK;
  expect(CHECKS).toEqual({ good, bad, timeoutMs: timeout * 1000 });
});
