import { AwsError } from "../../../agent/aws/query";
import type { Answer } from "../../../agent/lifecycle/calls";
import { Lifecycle } from "../../../agent/lifecycle/lifecycle";
import { isWarm, owedOnTheWayTo } from "../../../agent/lifecycle/target";
import { FakeClock } from "../fake-clock";
import { silent } from "../fixtures";

/** A server's lifecycle: what it called and when, and the knobs of the world around it. */
async function server(settled?: string) {
  const clock = new FakeClock();
  const world = {
    healthy: false,
    sound: false,
    drained: false,
    /** What the service answers; an error is thrown. */
    answer: "done" as Answer | AwsError,
    saved: settled,
  };
  const called: string[] = [];
  const call = (what: string) => async (transition: string) => {
    called.push(`${what} ${transition} at ${clock.monotonic() / 1000}`);
    if (world.answer instanceof AwsError) throw world.answer;
    return world.answer;
  };
  const lifecycle = new Lifecycle({
    clock,
    log: silent,
    calls: { complete: call("complete"), heartbeat: call("heartbeat") },
    settled: {
      read: async () => world.saved,
      save: async (target) => {
        world.saved = target;
      },
    },
    heartbeatSeconds: 90,
    healthy: () => world.healthy,
    sound: () => world.sound,
    drained: () => world.drained,
  });
  await lifecycle.start();
  return { clock, world, called, lifecycle };
}
const refused = new AwsError("CompleteLifecycleAction", "AccessDenied", "no", 403);

test.each([
  ["InService", "launch"],
  ["Warmed:Stopped", "launch"],
  ["Warmed:Running", "launch"],
  ["Warmed:Hibernated", "launch"],
  ["Terminated", "terminate"],
  ["Warmed:Terminated", "terminate"],
  ["Standby", undefined],
  ["Detached", undefined],
  [undefined, undefined],
])("on the way to %s an instance owes %s", (target, owed) => {
  expect(owedOnTheWayTo(target)).toBe(owed);
  expect(isWarm(target)).toBe(/^Warmed:(Stopped|Running|Hibernated)$/.test(target ?? ""));
});

test("a launch is completed once, when the server is healthy for the first time", async () => {
  const { clock, world, called, lifecycle } = await server();
  world.sound = true; // out of service for another reason
  lifecycle.see("InService");
  await clock.advance(60_000);
  expect([called, lifecycle.owed]).toEqual([[], "launch"]);
  world.healthy = true;
  await clock.advance(1000);
  expect(called).toEqual(["complete launch at 60.5"]);
  world.healthy = false;
  await clock.advance(600_000);
  world.healthy = true;
  lifecycle.see("InService");
  await clock.advance(600_000);
  expect(called).toHaveLength(1);
  expect([world.saved, lifecycle.owed, lifecycle.stats.completed]).toEqual(["InService", undefined, 1]);
});

test("an agent that starts again owes nothing for what the last one did", async () => {
  const { clock, world, called, lifecycle } = await server("InService");
  world.healthy = true;
  lifecycle.see("InService");
  await clock.advance(600_000);
  expect([called, lifecycle.owed]).toEqual([[], undefined]);
});

test("what the metadata says before the note was read is not forgotten, nor acted on too early", async () => {
  const clock = new FakeClock();
  const called: string[] = [];
  let read: (target: string | undefined) => void = () => {};
  const lifecycle = new Lifecycle({
    clock,
    log: silent,
    calls: {
      complete: async (transition) => {
        called.push(transition);
        return "done";
      },
      heartbeat: async () => "done",
    },
    settled: {
      read: () =>
        new Promise((resolve) => {
          read = resolve;
        }),
      save: async () => {},
    },
    heartbeatSeconds: 90,
    healthy: () => true,
    sound: () => true,
    drained: () => true,
  });
  const started = lifecycle.start();
  lifecycle.see("InService");
  await clock.advance(5000);
  expect(called).toEqual([]);
  read(undefined);
  await started;
  await clock.advance(0);
  expect(called).toEqual(["launch"]);
});

test("an instance outside of a group, in standby or detached calls nothing", async () => {
  const { clock, world, called, lifecycle } = await server("InService");
  Object.assign(world, { healthy: true, sound: true, drained: true });
  for (const target of [undefined, "Standby", "Detached"]) {
    lifecycle.see(target);
    await clock.advance(60_000);
  }
  expect(called).toEqual([]);
});

test("back from standby it may have to wait again", async () => {
  const { clock, world, called, lifecycle } = await server("InService");
  world.healthy = true;
  lifecycle.see("Standby");
  await clock.advance(1000);
  expect(world.saved).toBe("Standby");
  lifecycle.see("InService");
  await clock.advance(1000);
  expect(called).toEqual(["complete launch at 1"]);
});

test("into the warm pool once the server is sound, though it is not to serve; out of it once it is healthy", async () => {
  const { clock, world, called, lifecycle } = await server();
  lifecycle.see("Warmed:Stopped");
  await clock.advance(30_000);
  expect(called).toEqual([]);
  world.sound = true;
  await clock.advance(1000);
  expect(called).toEqual(["complete launch at 30.5"]);
  lifecycle.see("InService");
  await clock.advance(10_000);
  expect(called).toHaveLength(1);
  world.healthy = true;
  await clock.advance(1000);
  expect(called.slice(1)).toEqual(["complete launch at 41.5"]);
});

test("the end is completed when the drain is over; the hook that does not wait yet is asked again, less and less often", async () => {
  const { clock, world, called, lifecycle } = await server("InService");
  lifecycle.see("Terminated");
  await clock.advance(12_000);
  expect(called).toEqual([]);
  world.drained = true;
  world.answer = "early";
  await clock.advance(20_000);
  world.answer = "done";
  await clock.advance(20_000);
  expect(called.map((line) => line.replace("complete terminate at ", ""))).toEqual([
    "12.5",
    "13.5",
    "15.5",
    "19.5",
    "24.5",
    "29.5",
    "34.5",
  ]);
  expect([lifecycle.owed, lifecycle.stats]).toEqual([
    undefined,
    { completed: 1, heartbeats: 0, failures: 0 },
  ]);
});

test("a drain that takes longer than the hook waits asks for more time; a launch never does", async () => {
  const { clock, world, called, lifecycle } = await server();
  lifecycle.see("InService");
  await clock.advance(300_000);
  expect(called).toEqual([]);
  lifecycle.see("Terminated");
  await clock.advance(100_000);
  world.drained = true;
  await clock.advance(1000);
  expect(called).toEqual([
    "heartbeat terminate at 345",
    "heartbeat terminate at 390",
    "complete terminate at 400.5",
  ]);
  expect(lifecycle.stats.heartbeats).toBe(2);
});

test("a call that fails is tried again and counted, and never reaches who asked", async () => {
  const { clock, world, called, lifecycle } = await server();
  Object.assign(world, { healthy: true, answer: refused });
  lifecycle.see("InService");
  await clock.advance(120_000);
  expect(lifecycle.stats.failures).toBe(called.length);
  expect(called.length).toBeGreaterThan(5);
  expect(called.length).toBeLessThan(15);
  world.answer = "done";
  await clock.advance(15_500);
  expect([lifecycle.owed, lifecycle.stats.completed]).toEqual([undefined, 1]);
});

test("a launch that nobody waits for is given up; an end never is", async () => {
  const launched = await server();
  Object.assign(launched.world, { healthy: true, answer: "early" });
  launched.lifecycle.see("InService");
  await launched.clock.advance(920_000);
  expect([launched.lifecycle.owed, launched.world.saved]).toEqual([undefined, "InService"]);
  const count = launched.called.length;
  await launched.clock.advance(3_600_000);
  expect(launched.called).toHaveLength(count);

  const ended = await server("InService");
  Object.assign(ended.world, { drained: true, answer: "early" });
  ended.lifecycle.see("Terminated");
  await ended.clock.advance(3_600_000);
  expect(ended.lifecycle.owed).toBe("terminate");
});

test("an instance that is ended while it still starts only owes the end", async () => {
  const { clock, world, called, lifecycle } = await server();
  lifecycle.see("InService");
  await clock.advance(10_000);
  lifecycle.see("Terminated");
  Object.assign(world, { healthy: true, drained: true });
  await clock.advance(1000);
  expect(called).toEqual(["complete terminate at 10.5"]);
});

test("after the stop nothing is called", async () => {
  const { clock, world, called, lifecycle } = await server();
  lifecycle.see("InService");
  lifecycle.stop();
  world.healthy = true;
  await clock.advance(60_000);
  expect(called).toEqual([]);
});
