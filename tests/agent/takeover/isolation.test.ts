import { IsolationWatch } from "../../../agent/takeover/isolation";
import { FakeClock } from "../fake-clock";

function setup(healthCheckSeconds = 5) {
  const clock = new FakeClock();
  const told: number[] = [];
  const watch = new IsolationWatch(clock, healthCheckSeconds, () => told.push(clock.monotonic()));
  watch.start();
  return { clock, told, watch };
}

test("silence is told once, after more than one and a half health checks", async () => {
  const { clock, told, watch } = setup();
  await clock.advance(7500);
  expect([told, watch.isolated]).toEqual([[], false]);
  await clock.advance(60_000);
  expect([told, watch.isolated]).toEqual([[8000], true]);
});

test.each<[string, (watch: IsolationWatch, i: number) => void]>([
  ["health checks", (watch) => watch.heard()],
  ["bytes of clients", (watch, i) => watch.bytes(i)],
])("%s alone are a sign of life", async (_, sign) => {
  const { clock, told, watch } = setup();
  for (let i = 0; i < 20; i++) {
    sign(watch, i);
    await clock.advance(5000);
  }
  expect(told).toEqual([]);
  await clock.advance(10_000);
  expect(told).toHaveLength(1);
});

test("each time of silence is told", async () => {
  const { clock, told, watch } = setup(1);
  await clock.advance(5000);
  watch.heard();
  expect(watch.isolated).toBe(false);
  await clock.advance(5000);
  expect(told).toHaveLength(2);
});

test("a counter that stands still or falls is no sign of life, and one that rises after a fall is", async () => {
  const { clock, told, watch } = setup();
  watch.bytes(1000); // the first count may be of long ago
  await clock.advance(4000);
  watch.bytes(1000);
  await clock.advance(3000);
  watch.bytes(10); // a client was removed
  await clock.advance(1000);
  expect(told).toEqual([8000]);

  const first = setup();
  await first.clock.advance(7000);
  first.watch.bytes(1000); // says nothing about when they came
  await first.clock.advance(1000);
  expect(first.told).toEqual([8000]);

  const other = setup();
  other.watch.bytes(1000);
  await other.clock.advance(7000);
  other.watch.bytes(10);
  other.watch.bytes(11);
  await other.clock.advance(7500);
  expect(other.told).toEqual([]);
});

test("after stop nothing is told", async () => {
  const { clock, told, watch } = setup();
  watch.stop();
  await clock.advance(60_000);
  expect(told).toEqual([]);
});

test("the table is told that the server is in touch while no health check is missing", async () => {
  const clock = new FakeClock();
  const told: number[] = [];
  const watch = new IsolationWatch(
    clock,
    10,
    () => {},
    (inTouch) => inTouch && told.push(clock.monotonic()),
  );
  watch.start();
  await clock.advance(60_000);
  expect([told.length, told.at(-1)]).toEqual([25, 12_000]);
  watch.heard();
  await clock.advance(60_000);
  expect([told.length, told.at(-1)]).toEqual([49, 72_000]);
});
