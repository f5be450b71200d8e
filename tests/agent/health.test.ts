import { degradedChecks, evaluateHealth, type HealthInput, healthChecks } from "../../agent/health";
import { device, key } from "./fixtures";

const good: HealthInput = {
  draining: undefined,
  applied: true,
  overdueMs: 0,
  device: device([]),
  deviceError: undefined,
  expectedPublicKey: key(1),
  expectedListenPort: 51820,
  storage: "ok",
  registryProblems: [],
  conflicts: [],
  localCopyError: undefined,
};
const wrong = (change: Partial<typeof good.device & object>) => ({ device: { ...device([]), ...change } });

test("the list of checks is what it is on purpose", () => {
  expect(healthChecks.map((check) => check.name)).toEqual([
    "serving",
    "applied",
    "loop",
    "interface",
    "key",
    "listenPort",
    "firewall",
    "forwarding",
  ]);
  expect(degradedChecks.map((check) => check.name)).toEqual([
    "storage",
    "registry",
    "conflicts",
    "localCopy",
  ]);
});

test("all is well", () => {
  expect(evaluateHealth(good)).toMatchObject({ status: "ok", healthy: true, reasons: [] });
});

test.each<[string, Partial<HealthInput>, string, string]>([
  ["serving", { draining: "SIGTERM" }, "draining", "draining: SIGTERM"],
  ["applied", { applied: false }, "starting", "starting: the clients have not been applied yet"],
  [
    "loop",
    { overdueMs: 15_001 },
    "unhealthy",
    "the main loop is stuck: its pass over the clients is overdue by 15 s",
  ],
  ["interface", wrong({ up: false }), "unhealthy", "the WireGuard interface is down"],
  [
    "interface",
    { deviceError: "wg show wg0 dump: gave no answer within 5000 ms" },
    "unhealthy",
    "WireGuard: wg show wg0 dump: gave no answer within 5000 ms",
  ],
  [
    "key",
    { expectedPublicKey: key(7) },
    "unhealthy",
    `the WireGuard interface has the public key ${key(1)}, expected ${key(7)}`,
  ],
  ["firewall", wrong({ firewallProblem: "no table" }), "unhealthy", "no table"],
  ["forwarding", wrong({ forwardingProblem: "it is off" }), "unhealthy", "it is off"],
  ["listenPort", { expectedListenPort: 5 }, "unhealthy", "WireGuard listens on port 51820, expected 5"],
])("%s takes the server out of service: %j", (name, change, status, reason) => {
  const health = evaluateHealth({ ...good, ...change });
  expect(health).toMatchObject({ status, healthy: false, reasons: [reason] });
  expect(Object.entries(health.checks).filter(([, result]) => !result.ok)).toEqual([
    [name, { ok: false, reason }],
  ]);
});

test.each<[string, Partial<HealthInput>, RegExp]>([
  ["storage", { storage: "stuck" }, /shared storage does not answer/],
  ["registry", { registryProblems: ["registry: bob.json: is not JSON"] }, /bob\.json/],
  ["conflicts", { conflicts: ["a", "b", "c", "d", "e", "f", "g"] }, /^a; b; c; d; e; and 2 more$/],
  ["localCopy", { localCopyError: "disk full" }, /disk full/],
])("%s is reported, but what all servers share never takes one out", (name, change, reason) => {
  const health = evaluateHealth({ ...good, ...change });
  expect(health).toMatchObject({
    status: "degraded",
    healthy: true,
    reasons: [expect.stringMatching(reason)],
  });
  expect(health.checks[name]?.ok).toBe(false);
});
