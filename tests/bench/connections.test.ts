import { outcomeOf } from "../../bench/failover/connections";
import { others, ownerOf } from "../../bench/failover/owners";
import { summarise } from "../../bench/failover/samples";
import { addressingConfig } from "../../bench/variant";
import { ConnectionRecords, type ConnectionReport } from "../../lab/connection-record";
import type { LabStatus } from "../../lab/status";
import { PROJECT } from "../lab/support";

const every50 = (from: number, to: number): number[] =>
  Array.from({ length: (to - from) / 50 }, (_, index) => from + index * 50);
const report = (more: Partial<ConnectionReport>): ConnectionReport => ({
  ...{ name: "up.1@c1", kind: "tcp", by: "client", opened: 0, lost: undefined, before: 950, answers: [] },
  ...more,
});
const TIME = { from: 1000, over: 8000, to: 10_000 };

test("a connection that answers after all is over has survived, with the longest time that it stood still", () => {
  const up = report({ answers: [...every50(1000, 3000), ...every50(6000, 10_000)] });
  const down = report({ name: "down.1@c1", by: "backend", answers: [...every50(1500, 10_000)] });
  expect(outcomeOf("c1", [up, down], [], TIME)).toEqual({
    ...{ client: "c1", of: 2, lost: [], backendToClient: [] },
    gaps: [3050, 550], // from 2950 to 6000; from 950, before the incident, to 1500
  });
});

test("a connection that ended, or never answers again, is lost and has no gap; idle ones have none either way", () => {
  const reset = report({ answers: every50(1000, 3000), lost: { at: 3010, why: "ECONNRESET" } });
  const stalled = report({ name: "down.1@c1", by: "backend", answers: every50(1000, 8000) });
  const idle = [
    report({ name: "idle.1@c1/1", kind: "idle", answers: [9000] }),
    report({ name: "idle.1@c1/2", kind: "idle" }),
  ];
  expect(outcomeOf("c1", [reset, stalled, ...idle], [], TIME)).toMatchObject({
    of: 4,
    lost: ["up.1@c1: ECONNRESET", "down.1@c1: no answer", "idle.1@c1/2: no answer"],
    gaps: [],
  });
});

test("the backend's own datagrams count from each move to the next, and are no TCP connection", () => {
  const ping = report({
    ...{ name: "ping.1@c1", kind: "udp", by: "backend" },
    answers: [...every50(1000, 2000), ...every50(4200, 6000), ...every50(6400, 10_000)],
  });
  const moves = [
    { at: 4000, from: "a" },
    { at: 5990, from: "b" },
  ];
  expect(outcomeOf("c1", [ping], moves, TIME)).toMatchObject({ of: 0, backendToClient: [200, 410] });
  expect(outcomeOf("c1", [ping], [], TIME)).toMatchObject({ backendToClient: [2250] });
});

test("a result counts connections over all clients; where all were lost there is no gap", () => {
  const cell = {
    addressing: "routed",
    scenario: "crash",
    load: "tcp",
    takeover: "on",
    health: "nlb",
    runs: 1,
  } as const;
  const sample = { client: "c1", outage: 10, afterReroute: undefined, lost: 0 };
  const outcome = { client: "c1", of: 22, lost: [] as string[], gaps: [100, 200], backendToClient: [50] };
  const some = [outcome, { ...outcome, client: "c2", lost: ["x", "y"], gaps: [300] }];
  expect(summarise(cell, [sample], some)).toMatchObject({
    after_reroute_ms: null,
    tcp_connections: 44,
    tcp_lost: 2,
    tcp_longest_gap_ms: { p50: 200, p95: 300, max: 300 },
    backend_to_client_ms: { p50: 50, p95: 50, max: 50 },
  });
  const gone = { ...outcome, gaps: [], backendToClient: [] };
  expect(summarise(cell, [sample], [gone])).toMatchObject({
    tcp_longest_gap_ms: null,
    backend_to_client_ms: null,
  });
  expect(summarise(cell, [sample])).not.toHaveProperty("tcp_lost");
});

test("what guest/talk.ts prints becomes the record of each connection, on the lab's clock", () => {
  const records = new ConnectionRecords(10_000);
  for (const name of ["up.2@alice", "idle.2@alice/1", "up.2@bob"]) records.add(name, "tcp", "client");
  const take = (line: object): void => records.take(JSON.stringify(line));
  const [up] = records.of("alice");
  expect(records.of("alice").map(({ name }) => name)).toEqual(["up.2@alice", "idle.2@alice/1"]);
  take({ name: "up.1@alice", seq: 9, rtt: 1, at: 10_050 }); // of a connection before this one
  expect([up?.isOpen, up?.hasSettled(0)]).toEqual([false, false]);
  take({ name: "up.2@alice", open: true, at: 10_100 });
  expect([up?.isOpen, up?.hasSettled(0)]).toEqual([true, false]);
  for (const at of [10_200, 10_300, 10_400]) take({ name: "up.2@alice", seq: 1, rtt: 1, at });
  expect([up?.hasSettled(400), up?.hasSettled(401)]).toEqual([true, false]);
  expect(up?.report(250, 350)).toMatchObject({ opened: 100, before: 200, answers: [300], lost: undefined });
  take({ name: "up.2@alice", lost: "ECONNRESET", at: 10_500 });
  expect([up?.isOpen, up?.hasSettled(401), up?.report(0, 0).lost]).toEqual([
    false,
    true,
    { at: 500, why: "ECONNRESET" },
  ]);
  records.forget("alice");
  expect([records.of("alice"), records.of("bob").length]).toEqual([[], 1]);
});

const status = (leads: Record<string, string | null>): LabStatus =>
  ({
    backends: [{ name: "backend", zone: "a", address: "10.0.0.200" }],
    routes: Object.entries(leads).map(([table, server]) => ({ table, zone: table[0], server })),
    servers: ["s1", "s2", "s3"].map((name) => ({ name, state: "running", health: "healthy", cut: false })),
  }) as unknown as LabStatus;

test("the owner is whom all tables of the backend's zone lead to; of the others those without routes come first", () => {
  const seen = status({ a1: "s2", a2: "s2", b1: "s1" });
  expect(ownerOf(seen)).toBe("s2");
  expect(others(seen, "s2").map(({ name }) => name)).toEqual(["s3", "s1"]);
  expect(ownerOf(status({ a1: "s2", a2: "s1" }))).toBeUndefined();
  expect(ownerOf(status({ a1: null }))).toBeUndefined();
  expect(ownerOf(status({ b1: "s1" }))).toBeUndefined();
});

test("routed addressing lets the hosts of the stack's VPC open connections", () => {
  expect(addressingConfig(PROJECT, "dev", "routed")).toEqual({
    ...{ "wgc:addressing": "routed", "wgc:backendPrefixes": "10.0.0.0/16" },
  });
  expect(addressingConfig(PROJECT, "dev", "masquerade")).toEqual({ "wgc:addressing": "masquerade" });
});
