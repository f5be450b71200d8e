import { Drain, type DrainOptions } from "../../agent/drain";
import { FakeClock } from "./fake-clock";

/** A drain of at most 20 s that the load balancer notices after 10, and what it told. */
function drainWith(options: Partial<DrainOptions> = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const drain = new Drain({
    clock,
    limitSeconds: 20,
    noticeSeconds: 10,
    onDrained: (reason) => told.push(reason),
    ...options,
  });
  const seen = { finished: false };
  void drain.finished.then(() => {
    seen.finished = true;
  });
  return { clock, drain, told, seen };
}

test("a server that nobody told to go does not drain", async () => {
  const { clock, drain, told } = drainWith({ sessionsLive: () => 0 });
  await clock.advance(100_000);
  expect([drain.reason, drain.report, told]).toEqual([undefined, undefined, []]);
});

test("a drain takes all of its time when nobody counts the sessions", async () => {
  const { clock, drain, told } = drainWith();
  drain.set("lifecycle", "the group ends it");
  expect(drain.report).toEqual({ reason: "the group ends it", over: false });
  await clock.advance(19_999);
  expect(drain.report?.over).toBe(false);
  await clock.advance(1);
  expect(drain.report?.over).toBe(true);
  expect(told).toEqual(["the group ends it"]);
  await clock.advance(60_000);
  expect(told).toHaveLength(1);
});

test("it is over one second after the last session left, but never before the load balancer could notice", async () => {
  let live = 0;
  const { clock, drain } = drainWith({ sessionsLive: () => live });
  drain.set("spot", "interruption");
  await clock.advance(10_900);
  expect(drain.report?.over).toBe(false);
  await clock.advance(100);
  expect(drain.report?.over).toBe(true);

  live = 3;
  const busy = drainWith({ sessionsLive: () => live });
  busy.drain.set("operator", "asked");
  await busy.clock.advance(12_000);
  live = 0;
  await busy.clock.advance(500);
  live = 1; // a client on the move showed up here once more
  await busy.clock.advance(500);
  live = 0;
  await busy.clock.advance(1000);
  expect(busy.drain.report?.over).toBe(false);
  await busy.clock.advance(500);
  expect(busy.drain.report?.over).toBe(true);
});

test("the time to notice, and the limit, begin when the server is out of service", async () => {
  const state = { inService: true, live: 0 };
  const options = { inService: () => state.inService, sessionsLive: () => state.live, limitSeconds: 30 };
  const { clock, drain } = drainWith(options);
  drain.set("operator", "asked");
  await clock.advance(8000);
  state.inService = false;
  await clock.advance(10_500);
  expect(drain.report?.over).toBe(false);
  await clock.advance(500);
  expect(drain.report?.over).toBe(true);

  Object.assign(state, { inService: true, live: 1 });
  const busy = drainWith(options);
  busy.drain.set("operator", "asked");
  await busy.clock.advance(40_000);
  state.inService = false;
  await busy.clock.advance(29_000);
  expect(busy.drain.report?.over).toBe(false);
  await busy.clock.advance(1000);
  expect(busy.drain.report?.over).toBe(true);
});

test("sessions that never leave hold a server no longer than the limit", async () => {
  const { clock, drain } = drainWith({ sessionsLive: () => 1 });
  drain.set("operator", "asked");
  await clock.advance(20_000);
  expect(drain.report?.over).toBe(true);
});

test("clients that are left when the time is up are handed over first, and none where the server stays after all", async () => {
  const handed: (() => void)[] = [];
  const handOver = () => new Promise<void>((resolve) => handed.push(resolve));
  const { clock, drain, told } = drainWith({ sessionsLive: () => 1, handOver });
  drain.set("lifecycle", "the group ends it");
  await clock.advance(19_999);
  expect(handed).toHaveLength(0);
  await clock.advance(10_000);
  expect([handed.length, drain.report?.over]).toEqual([1, false]);
  handed[0]?.();
  await clock.advance(0);
  expect([drain.report?.over, told]).toEqual([true, ["the group ends it"]]);

  const stays = drainWith({ sessionsLive: () => 1, handOver });
  stays.drain.set("operator", "asked");
  await stays.clock.advance(20_000);
  stays.drain.set("operator", undefined);
  await stays.clock.advance(1000);
  stays.drain.set("operator", "asked again");
  handed[1]?.();
  await stays.clock.advance(0);
  expect([stays.drain.report?.over, stays.told]).toEqual([false, []]);
});

test.each([
  ["nobody is counted any more", 0, 11_000],
  ["the time is up", 1, 20_000],
])("who hands clients over is told that %s", async (_, live, after) => {
  const told: boolean[] = [];
  const handOver = async (stillDrains: () => boolean, isEmpty: boolean) =>
    void told.push(stillDrains(), isEmpty);
  const { clock, drain } = drainWith({ sessionsLive: () => live, handOver });
  drain.set("operator", "asked");
  await clock.advance(after - 1);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect([told, drain.report?.over]).toEqual([[true, live === 0], true]);
});

test("a deregistered server drains until its flows have moved; one that is told to go besides, no longer than any other", async () => {
  const { clock, drain } = drainWith({ sessionsLive: () => 1, deregistrationDelaySeconds: 30 });
  drain.set("lifecycle", "the group ends it");
  await clock.advance(31_999);
  expect(drain.report?.over).toBe(false);
  await clock.advance(1);
  expect(drain.report?.over).toBe(true);
  const other = drainWith({ sessionsLive: () => 1, deregistrationDelaySeconds: 300 });
  other.drain.set("lifecycle", "the group ends it");
  await other.clock.advance(60_000);
  other.drain.signal("SIGTERM");
  await other.clock.advance(250);
  expect(other.drain.report?.over).toBe(true);
});

test("only a signal ends the process, when the drain is over", async () => {
  const { clock, drain, seen } = drainWith();
  drain.set("lifecycle", "the group ends it");
  await clock.advance(30_000);
  expect(seen.finished).toBe(false);
  drain.signal("SIGTERM"); // it has drained already
  await clock.advance(0);
  expect(seen.finished).toBe(true);

  const other = drainWith();
  other.drain.signal("SIGTERM");
  expect(other.drain.reason).toBe("SIGTERM");
  await other.clock.advance(19_999);
  expect(other.seen.finished).toBe(false);
  await other.clock.advance(1);
  expect(other.seen.finished).toBe(true);
});

test("a signal during another source's drain does not hurry it; a second one does", async () => {
  const { clock, drain, seen, told } = drainWith();
  drain.set("operator", "asked");
  await clock.advance(5000);
  drain.signal("SIGTERM");
  await clock.advance(1000);
  expect(seen.finished).toBe(false);
  drain.signal("SIGTERM");
  await clock.advance(0);
  expect([seen.finished, told]).toEqual([true, ["asked; SIGTERM"]]);
});

test("an operator takes back only the operator's own word", async () => {
  const { clock, drain } = drainWith();
  drain.set("operator", "asked");
  drain.set("lifecycle", "the group ends it");
  expect(drain.set("operator", undefined)).toBe(true);
  expect(drain.reason).toBe("the group ends it");
  await clock.advance(20_000);
  expect(drain.report?.over).toBe(true); // its time ran on
});

test("taken back, the server serves; a later drain has all of its time again", async () => {
  const { clock, drain, told } = drainWith();
  drain.set("operator", "asked");
  await clock.advance(20_000);
  drain.set("operator", undefined);
  expect(drain.report).toBeUndefined();
  drain.set("operator", "asked again");
  await clock.advance(19_999);
  expect(drain.report?.over).toBe(false);
  await clock.advance(1);
  expect([drain.report?.over, told]).toEqual([true, ["asked", "asked again"]]);
});

test("a source that says the same again is no news", () => {
  const { drain } = drainWith();
  expect(drain.set("spot", undefined)).toBe(false);
  expect(drain.set("spot", "interruption")).toBe(true);
  expect(drain.set("spot", "interruption")).toBe(false);
});
