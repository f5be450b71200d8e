import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { LANES } from "../../../agent/takeover/flow-events";
import { FlowWatch } from "../../../agent/takeover/flow-watch";
import { FakeClock, settle } from "../fake-clock";
import { silent } from "../fixtures";

class FakeConntrack extends EventEmitter {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  killed = false;

  kill() {
    this.killed = true;
    return true;
  }
}

const line = (zone: number, mark: number) =>
  `    [NEW] udp      17 30 src=192.0.2.1 dst=192.0.2.2 sport=51820 dport=4500 [UNREPLIED] src=192.0.2.2 dst=192.0.2.1 sport=4500 dport=51820 mark=${mark} zone=${zone}\n`;

function setup() {
  const clock = new FakeClock();
  const made: { zone: string; child: FakeConntrack; at: number; args: readonly string[] }[] = [];
  const told: unknown[] = [];
  const watch = new FlowWatch({
    zones: LANES.current.zones,
    clock,
    log: silent,
    listener: {
      onFlow: (zone, event) => told.push([zone, event.endpoint, event.index]),
      onGap: (zone) => told.push(`gap ${zone}`),
    },
    start: (args) => {
      const child = new FakeConntrack();
      made.push({ zone: args[args.indexOf("-w") + 1] ?? "", child, at: clock.monotonic(), args });
      return child as unknown as ChildProcess;
    },
  });
  watch.start();
  const last = (zone: string) => {
    const found = made.filter((entry) => entry.zone === zone).at(-1);
    if (found === undefined) throw new Error(`no process for zone ${zone}`);
    return found;
  };
  return { clock, made, told, watch, last };
}
const OWN = "51821";
const STRAY = "51822";

test("one listener for each zone; each one's lines are events of its zone, noise is nothing", async () => {
  const { made, told, last } = setup();
  expect(made.map(({ zone }) => zone)).toEqual([OWN, STRAY]);
  last(OWN).child.stdout.write(`hello\n${line(51821, 7)}`);
  last(STRAY).child.stdout.write(line(51822, 8).slice(0, 50));
  await settle();
  last(STRAY).child.stdout.write(line(51822, 8).slice(50));
  await settle();
  expect(told).toEqual([
    ["own", "192.0.2.2:4500", 7],
    ["stray", "192.0.2.1:51820", 8],
  ]);
});

test("each start, and events the kernel could not hand over, are told as a gap of that zone", async () => {
  const { told, last } = setup();
  last(OWN).child.emit("spawn");
  last(STRAY).child.emit("spawn");
  last(STRAY).child.stderr.write(
    "conntrack v1.4.7: WARNING: We have hit ENOBUFS! We are losing events.\nother\n",
  );
  await settle();
  expect(told).toEqual(["gap own", "gap stray", "gap stray"]);
});

test("a start is told once more when the process surely listens", async () => {
  const { told, last, clock } = setup();
  last(OWN).child.emit("spawn");
  await clock.advance(1000);
  expect(told).toEqual(["gap own", "gap own"]);
});

test("a process that ends is started again at growing intervals, up to 10 s; the other one is left alone", async () => {
  const { clock, made, last } = setup();
  const pauses: number[] = [];
  for (let i = 0; i < 8; i++) {
    const [before, ended] = [made.length, clock.monotonic()];
    last(OWN).child.emit("close", 1, null);
    while (made.length === before) await clock.advance(100);
    pauses.push(last(OWN).at - ended);
  }
  expect(pauses).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  expect(made.filter(({ zone }) => zone === STRAY)).toHaveLength(1);
});

test("one that ran for a while is started again soon; an error and an end count once", async () => {
  const { clock, made, last } = setup();
  for (let i = 0; i < 4; i++) {
    last(OWN).child.emit("close", 1, null);
    await clock.advance(200 * 2 ** i);
  }
  await clock.advance(5001);
  last(OWN).child.emit("error", new Error("ENOENT"));
  last(OWN).child.emit("close", null, "SIGKILL");
  const before = made.length;
  await clock.advance(200);
  expect(made.length).toBe(before + 1);
  await clock.advance(60_000);
  expect(made.length).toBe(before + 1);
});

test("why there are no events is said, with the tool's last words, until both run again", async () => {
  const { clock, watch, last } = setup();
  const spawn = (zone: string) => last(zone).child.emit("spawn");
  spawn(OWN);
  spawn(STRAY);
  expect(watch.problem).toBeUndefined();
  last(OWN).child.stderr.write("Operation failed: Operation not permitted\n");
  await settle();
  last(OWN).child.emit("close", 1, null);
  last(STRAY).child.emit("close", null, "SIGKILL");
  expect(watch.problem).toMatch(/no events \(conntrack: /);
  await clock.advance(200);
  spawn(STRAY);
  expect(watch.problem).toMatch(/exit code 1: Operation failed: Operation not permitted/);
  spawn(OWN);
  expect(watch.problem).toBeUndefined();
});

test("after stop the processes are killed and none is started", async () => {
  const { clock, made, watch, last } = setup();
  last(OWN).child.emit("close", 1, null);
  watch.stop();
  expect(last(STRAY).child.killed).toBe(true);
  last(STRAY).child.emit("close", null, "SIGKILL");
  await clock.advance(60_000);
  expect(made).toHaveLength(2);
});
