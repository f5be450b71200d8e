import { fromWallClock, MONOTONIC_AT_ZERO } from "../../lab/clock";

const MICROSECOND = 0.001;

test("the kernel's monotonic clock is told in the lab's time: never after a later reading of the lab's, never before an earlier one", () => {
  for (let reading = 0; reading < 100; reading += 1) {
    const before = performance.now();
    const told = Number(process.hrtime.bigint()) / 1e6 - MONOTONIC_AT_ZERO;
    const after = performance.now();
    expect(told).toBeGreaterThanOrEqual(before - MICROSECOND);
    expect(told).toBeLessThanOrEqual(after + MICROSECOND);
  }
});

test("a time of day is told in the lab's time, to the millisecond that it is given in", () => {
  const before = performance.now();
  const told = fromWallClock(Date.now());
  const after = performance.now();
  expect(told).toBeGreaterThanOrEqual(before - 2);
  expect(told).toBeLessThanOrEqual(after + 2);
});
