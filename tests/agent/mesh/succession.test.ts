import { CHECKS } from "../../../agent/in-service";
import { Succession } from "../../../agent/mesh/succession";
import { HEALTH_CHECK } from "../../../components/endpoint";

/** What it says of itself: that it serves, that it does not, and that it does not because it was cut off. */
const SERVES = [true, true] as const;
const OUT = [false, true] as const;
const CUT_OFF = [false, false] as const;

function seen(...times: (readonly [say: typeof SERVES | typeof OUT | typeof CUT_OFF, now: number])[]) {
  const succession = new Succession(11_000);
  const see = (...[[serves, inTouch], now]: (typeof times)[number]) => succession.see(serves, inTouch, now);
  for (const time of times) see(...time);
  return { see, isHandingOn: (...at: number[]) => at.map((now) => succession.isHandingOn(now)) };
}

test("a server that was active for long goes on for as long as the load balancer takes to notice", () => {
  const { isHandingOn } = seen([SERVES, 0], [SERVES, 50_000], [OUT, 60_000], [OUT, 65_000]);
  expect(isHandingOn(60_000, 70_999, 71_000)).toEqual([true, true, false]);
});

test("one that was active for a moment goes on for no longer than that", () => {
  const { isHandingOn } = seen([SERVES, 0], [OUT, 2000]);
  expect(isHandingOn(3999, 4000)).toEqual([true, false]);
});

test("one that was cut off hands nothing on: another one has gone on without it", () => {
  const { isHandingOn } = seen([SERVES, 0], [CUT_OFF, 60_000]);
  expect(isHandingOn(60_000)).toEqual([false]);
});

test("one that is active again has nothing to hand on; if it never was out, it was active all the time", () => {
  const { see, isHandingOn } = seen([SERVES, 0], [OUT, 60_000], [SERVES, 61_000]);
  expect(isHandingOn(61_500)).toEqual([false]);
  see(OUT, 62_000);
  expect(isHandingOn(72_999, 73_000)).toEqual([true, false]);
  see(SERVES, 80_000);
  see(OUT, 81_000);
  expect(isHandingOn(81_999, 82_000)).toEqual([true, false]);
});

test("one that never was active hands nothing on", () => {
  expect(seen([OUT, 0], [OUT, 5000]).isHandingOn(5000)).toEqual([false]);
});

test("the checks that agents count with are the load balancer's", () => {
  const { healthyThreshold: good, unhealthyThreshold: bad } = HEALTH_CHECK;
  expect(CHECKS).toEqual({ good, bad });
});
