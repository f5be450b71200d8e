import { degradedChecks, findings, type HealthInput, healthChecks } from "../../agent/health";
import { HealthMonitor, RECOVERY_MS } from "../../agent/health-monitor";
import { BEAT_MS } from "../../agent/pulse";
import { device, key } from "./fixtures";

const good: HealthInput = {
  draining: undefined,
  applied: true,
  overdueMs: 0,
  lookingMs: 0,
  lastLookMs: 10,
  toolWaitingMs: 0,
  probeProblem: undefined,
  device: device([]),
  deviceError: undefined,
  applyError: undefined,
  expectedPublicKey: key(1),
  isKeyChanging: false,
  expectedListenPort: 51820,
  storage: "ok",
  registryProblems: [],
  conflicts: [],
  localCopyError: undefined,
  takeoverProblem: undefined,
  serverKeyProblem: undefined,
  leftBehind: undefined,
  clusterProblem: undefined,
  clock: { behindMs: 0 },
};
const wrong = (change: Partial<typeof good.device & object>) => ({ device: { ...device([]), ...change } });

/** A server's monitor with its time: each beat takes the same findings so many times. */
class Server {
  readonly monitor = new HealthMonitor();
  time = 0;

  beat(change: Partial<HealthInput> = {}, times = 1) {
    const found = findings({ ...good, ...change });
    for (let i = 0; i < times; i++) {
      this.time += BEAT_MS;
      this.monitor.beat(found, this.time);
    }
    return this.monitor.answer(found, this.time);
  }
}

/** What the answer is when a serving server stays so for a while. */
function lasting(change: Partial<HealthInput>) {
  const server = new Server();
  server.beat();
  return server.beat(change, 4);
}

test("the list of checks is what it is on purpose", () => {
  expect(healthChecks.map((check) => [check.name, check.patience ?? 1])).toEqual([
    ["serving", 1],
    ["applied", 1],
    ["loop", 2],
    ["tool", 1],
    ["interface", 3],
    ["key", 3],
    ["listenPort", 3],
    ["firewall", 3],
    ["forwarding", 3],
    ["probe", 3],
    ["leftBehind", 1],
  ]);
  expect(degradedChecks.map((check) => check.name)).toEqual([
    "storage",
    "registry",
    "conflicts",
    "apply",
    "takeover",
    "serverKey",
    "cluster",
    "clock",
    "localCopy",
  ]);
});

test("all is well", () => {
  expect(lasting({})).toMatchObject({ status: "ok", healthy: true, reasons: [] });
});

test.each<[string, Partial<HealthInput>, string]>([
  ["loop", { overdueMs: 15_001 }, "the main loop is stuck: its pass over the clients is overdue by 15.0 s"],
  [
    "loop",
    { lookingMs: 2001, lastLookMs: 10 },
    "the main loop is stuck: its look at the WireGuard interface has taken 2.0 s, the last one 0.0 s",
  ],
  ["tool", { toolWaitingMs: 1000 }, "wg hangs: no answer for 1.0 s"],
  ["interface", wrong({ up: false }), "the WireGuard interface is down or has no address"],
  [
    "interface",
    { deviceError: "wg show wg0 dump: gave no answer within 5000 ms" },
    "WireGuard: wg show wg0 dump: gave no answer within 5000 ms",
  ],
  [
    "key",
    { expectedPublicKey: key(7) },
    `the WireGuard interface has the public key ${key(1)}, expected ${key(7)}`,
  ],
  ["firewall", wrong({ firewallProblem: "no table" }), "no table"],
  ["forwarding", wrong({ forwardingProblem: "it is off" }), "it is off"],
  ["listenPort", { expectedListenPort: 5 }, "WireGuard listens on port 51820, expected 5"],
  ["probe", { probeProblem: "no packet comes back" }, "no packet comes back"],
])("%s takes the server out of service: %j", (name, change, reason) => {
  const health = lasting(change);
  expect(health).toMatchObject({ status: "unhealthy", healthy: false, reasons: [reason] });
  expect(Object.entries(health.checks).filter(([, result]) => !result.ok)).toEqual([
    [name, { ok: false, reason }],
  ]);
});

test("a look that takes long because the last one did is no fault", () => {
  expect(lasting({ lookingMs: 2000, lastLookMs: 10 }).healthy).toBe(true);
  expect(lasting({ lookingMs: 8000, lastLookMs: 900 }).healthy).toBe(true);
  expect(lasting({ lookingMs: 9001, lastLookMs: 900 }).healthy).toBe(false);
  expect(lasting({ overdueMs: 15_000, toolWaitingMs: 999 }).healthy).toBe(true);
});

test.each<[string, Partial<HealthInput>, RegExp]>([
  ["storage", { storage: "stuck" }, /shared storage does not answer/],
  ["registry", { registryProblems: ["registry: bob.json: is not JSON"] }, /bob\.json/],
  ["conflicts", { conflicts: ["a", "b", "c", "d", "e", "f", "g"] }, /^a; b; c; d; e; and 2 more$/],
  ["apply", { applyError: "wg addconf: exit code 1" }, /cannot be applied: wg addconf: exit code 1/],
  ["localCopy", { localCopyError: "disk full" }, /disk full/],
  ["takeover", { takeoverProblem: "no conntrack" }, /no conntrack/],
  ["clock", { clock: { offsetMs: 1001, synchronised: true, behindMs: 0 } }, /1001 ms off its time source/],
  ["clock", { clock: { behindMs: 1500 } }, /1500 ms behind another server's/],
  ["clock", { clock: { offsetMs: 0, synchronised: false, behindMs: 0 } }, /follows no time source/],
])("%s is reported, but what all servers share never takes one out", (name, change, reason) => {
  const health = lasting(change);
  expect(health).toMatchObject({
    status: "degraded",
    healthy: true,
    reasons: [expect.stringMatching(reason)],
  });
  expect(health.checks[name]?.ok).toBe(false);
});

test.each<[string, Partial<HealthInput>]>([
  ["probe", { probeProblem: "lost" }],
  ["tool", { toolWaitingMs: 2000 }],
  ["loop", { lookingMs: 9000 }],
  ["interface", wrong({ up: false })],
])("a serving server is taken out when %s failed in enough beats in a row, not before", (name, change) => {
  const patience = healthChecks.find((check) => check.name === name)?.patience ?? 1;
  const server = new Server();
  server.beat();
  for (let round = 0; round < 3; round++) {
    expect(server.beat(change, patience - 1)).toMatchObject({ status: "degraded", healthy: true });
    expect(server.beat()).toMatchObject({ status: "ok", healthy: true });
  }
  expect(server.beat(change, patience)).toMatchObject({ status: "unhealthy", healthy: false });
});

test("different checks that fail one after the other do not add up", () => {
  const server = new Server();
  server.beat();
  for (const change of [{ probeProblem: "lost" }, wrong({ up: false }), { expectedListenPort: 5 }])
    expect(server.beat(change, 2).healthy).toBe(true);
});

test("it comes back when all has been fine for five seconds, and any fault starts them again", () => {
  const server = new Server();
  server.beat();
  server.beat({ probeProblem: "lost" }, 3);
  const beats = RECOVERY_MS / BEAT_MS;
  expect(server.beat({}, beats)).toMatchObject({
    status: "unhealthy",
    healthy: false,
    reasons: ["recovering: all checks have been fine for 4 s of 5 s"],
  });
  expect(server.beat({ expectedListenPort: 5 }).healthy).toBe(false);
  expect(server.beat({}, beats).healthy).toBe(false);
  expect(server.beat()).toMatchObject({ status: "ok", healthy: true });
});

test("a server that starts serves as soon as all is fine for the first time, and says what it waits for", () => {
  const server = new Server();
  const starting = { applied: false, device: undefined, probeProblem: "starting: no packet yet" };
  expect(server.beat(starting)).toMatchObject({ status: "starting", healthy: false });
  expect(server.beat({ probeProblem: "starting: no packet yet" })).toMatchObject({
    status: "starting",
    healthy: false,
    reasons: ["starting: no packet yet"],
  });
  expect(server.beat({ ...starting, deviceError: "no wg" }).status).toBe("unhealthy");
  expect(server.beat()).toMatchObject({ status: "ok", healthy: true });
});

test("whoever asks between two beats of a start is told that it is over", () => {
  const found = findings(good);
  expect(new HealthMonitor().answer(found, 0)).toMatchObject({ status: "ok", healthy: true });
});

test("a drain counts at once, whatever else there is", () => {
  const server = new Server();
  server.beat();
  const draining = findings({ ...good, draining: "SIGTERM", probeProblem: "lost" });
  expect(server.monitor.answer(draining, server.time)).toMatchObject({
    status: "draining",
    healthy: false,
    reasons: ["draining: SIGTERM", "lost"],
  });
  expect(server.beat({ draining: "SIGTERM" }, 30)).toMatchObject({ status: "draining", healthy: false });
});

test("while the server key is exchanged, neither it nor the probe takes a server out; everything else does", () => {
  const changing = { isKeyChanging: true, expectedPublicKey: key(7), probeProblem: "no packet comes back" };
  expect(lasting(changing)).toMatchObject({ status: "ok", healthy: true });
  expect(lasting({ ...changing, deviceError: "no such device" })).toMatchObject({ healthy: false });
});
