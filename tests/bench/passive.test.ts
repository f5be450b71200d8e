import { type Cluster, isWhole, soleServer } from "../../bench/cluster";
import { untilOneServes } from "../../bench/failover/passive";
import type { Incident, Scenario } from "../../bench/failover/scenario";
import { randomOf } from "../../bench/random";
import type { LabStatus, ServerStatus } from "../../lab/status";
import { labStatus } from "../support/lab-status";

const server = (name: string, rest: Partial<ServerStatus> = {}): ServerStatus => ({
  ...{ name, instance: name, zone: "a", address: name, state: "running", health: "unhealthy", reason: "" },
  ...{ flows: 0, bootTime: 0, boot: [], cut: false },
  ...rest,
});
const SERVES = { health: "healthy", flows: 3 } as const;

const status = (servers: ServerStatus[], topology: LabStatus["topology"] = "active-passive"): LabStatus =>
  labStatus({ servers, topology, group: { min: 1, max: 9, desired: 2 } });

test.each([
  ["one serves, the other one stands by", [server("s1", SERVES), server("s2")], "s1"],
  ["both serve", [server("s1", SERVES), server("s2", { health: "healthy" })], undefined],
  ["nobody serves", [server("s1"), server("s2")], undefined],
  [
    "one serves, and the other one still has a flow",
    [server("s1", SERVES), server("s2", { flows: 1 })],
    undefined,
  ],
  ["one serves, and the other one is dead", [server("s1", SERVES), server("s2", { state: "crashed" })], "s1"],
])("where %s", (_, servers, sole) => {
  expect(soleServer(servers)?.name).toBe(sole);
});

test("a cluster with one active server is whole when that one has all flows and the others run", () => {
  const active = server("s1", SERVES);
  expect(isWhole(status([active, server("s2")]))).toBe(true);
  expect(isWhole(status([active, server("s2")], "active-active"))).toBe(false);
  for (const other of [{ state: "crashed" }, { cut: true }, { flows: 1 }] as const)
    expect(isWhole(status([active, server("s2", other)]))).toBe(false);
  expect(isWhole(status([active]))).toBe(false);
});

test("an incident is over when another server than the victim has all flows, and the load balancer does not fail open", async () => {
  const struck: string[] = [];
  const scenario: Scenario = {
    ...{ what: "", hits: "server", movedBy: "balancer", moves: async () => [] },
    strike: async () => struck.push("struck"),
  };
  let over: ((status: LabStatus) => boolean) | undefined;
  const cluster = {
    until: async (fits: (status: LabStatus) => boolean) => {
      over = fits;
    },
  } as unknown as Cluster;
  const victim = server("s1", SERVES);
  const incident: Incident = { cluster, victim, carrier: victim, since: 0, random: randomOf("x") };
  await untilOneServes(scenario).strike(incident);
  expect(struck).toEqual(["struck"]);
  const dead = server("s1", { state: "crashed" });
  const after = status([dead, server("s2", SERVES)]);
  expect(over?.(after)).toBe(true);
  expect(over?.({ ...after, failOpen: ["a"] })).toBe(false);
  expect(over?.(status([victim, server("s2")]))).toBe(false);
  expect(over?.(status([dead, server("s2")]))).toBe(false);
});
