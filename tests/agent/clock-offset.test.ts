import { ClockOffset, parseTracking } from "../../agent/clock-offset";
import { FakeClock, settle } from "./fake-clock";

// Printed by chronyc 4.3 on a machine with a source, and on one without.
const FOLLOWS =
  "A9FEA97B,169.254.169.123,4,1795283408.836271090,-0.001500000,0.000001000,0.000002000,1.500,0.001,0.020,0.000300000,0.000100000,16.0,Normal";
const LOST =
  "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised";

test("chrony's report is read: the distance without its sign, and whether it follows a source", () => {
  expect(parseTracking(`${FOLLOWS}\n`)).toEqual({ offsetMs: 1.5, synchronised: true });
  expect(parseTracking(LOST)).toEqual({ offsetMs: 0, synchronised: false });
  for (const other of ["", "506 Cannot talk to daemon", FOLLOWS.replace("-0.001500000", "x")])
    expect(parseTracking(other)).toBeUndefined();
});

test("chrony is asked again and again; where there is none, nothing is claimed", async () => {
  const clock = new FakeClock();
  const answers = [FOLLOWS, undefined, LOST];
  const offset = new ClockOffset(clock, async () => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error("not found");
    return answer;
  });
  offset.start();
  await settle();
  expect(offset.state).toEqual({ offsetMs: 1.5, synchronised: true, behindMs: 0 });
  await clock.advance(30_000);
  expect(offset.state).toEqual({ behindMs: 0 });
  await clock.advance(30_000);
  expect(offset.state).toEqual({ offsetMs: 0, synchronised: false, behindMs: 0 });
  offset.stop();
});

test("the furthest that another server was ahead counts for ten minutes, and one that is behind never", async () => {
  const clock = new FakeClock();
  const offset = new ClockOffset(clock, () => Promise.reject(new Error("not found")));
  offset.heard(clock.now() - 5000);
  expect(offset.state.behindMs).toBe(0);
  offset.heard(clock.now() + 2000);
  offset.heard(clock.now() + 500);
  expect(offset.state.behindMs).toBe(2000);
  await clock.advance(600_000);
  expect(offset.state.behindMs).toBe(0);
  offset.heard(clock.now() + 500);
  expect(offset.state.behindMs).toBe(500);
});
