import { delays, type MeshResult, routeChanges } from "../../bench/mesh/bench";
import { holderOf, others } from "../../bench/mesh/others";
import { meshRows } from "../../bench/mesh/report";

/** As iproute2 6.1 prints them. */
const MONITOR = `Timestamp: Sun Nov 22 07:00:45 2026 205433 usec
10.64.0.2  encap ip id 51820 src 0.0.0.0 dst 10.0.241.2 ttl 0 tos 0 dev wgc-mesh table 119 scope link 
Deleted 10.64.0.9  encap ip id 51820 src 0.0.0.0 dst 10.0.241.9 ttl 0 tos 0 dev wgc-mesh table 119 scope link 
Timestamp: Sun Nov 22 07:00:45 2026 405501 usec
10.64.4.0/24  encap ip id 51820 src 0.0.0.0 dst 10.0.241.3 ttl 0 tos 0 dev wgc-mesh table 119 scope link 
local 10.64.0.1 dev wg0 table local proto kernel scope host src 10.64.0.1 
`;
const at = Date.parse("2026-11-22T07:00:45Z");

test("changes of routes with their times; what was deleted leads nowhere", () => {
  expect(routeChanges(MONITOR)).toEqual([
    { address: "10.64.0.2/32", to: "10.0.241.2", at: at + 205.433 },
    { address: "10.64.4.0/24", to: "10.0.241.3", at: at + 405.501 },
  ]);
});

test("a move took from its announcement to the route; one that never came has no time", () => {
  const changes = routeChanges(MONITOR);
  const move = { address: "10.64.0.2/32", to: "10.0.241.2", at: at + 200 };
  expect(delays([move], changes).map((ms) => ms.toFixed(3))).toEqual(["5.433"]);
  expect(delays([{ ...move, to: "10.0.241.3" }], changes)).toEqual([]);
});

test("the played servers differ, and share the clients", () => {
  const played = others(99);
  expect([new Set(played.map(({ address }) => address)).size, played.at(-1)]).toEqual([
    99,
    { instance: "i-other098", address: "10.0.241.99" },
  ]);
  expect([0, 98, 99].map((client) => holderOf(client, 99))).toEqual([0, 98, 0]);
});

test("the table", () => {
  const result: MeshResult = {
    ...{
      servers: 100,
      clients: 100_000,
      routes_s: 3.21,
      moves: 100,
      unheard: 2,
      handshakes_per_second: 1000,
    },
    move_ms: { p50: 5.9, p95: 15.8, max: 21.7 },
    move_busy_ms: { p50: 7, p95: 18, max: 30 },
    heard: { per_second: 495, kbit_per_second: 880 },
    said: { per_second: 496, kbit_per_second: 881 },
    ...{ cpu_percent: 2.7, cpu_busy_percent: 21.6, agent_rss_mib: 140.2 },
  };
  expect(meshRows(result).map((row) => row.slice(1).join(" | "))).toEqual([
    "100,000 | routes to all clients after | 3.2 s",
    "100,000 | a client's move, 100 of them | p50 5.9 ms, p95 15.8 ms, max 21.7 ms",
    "100,000 | the same, with 1,000 handshakes a second announced | p50 7.0 ms, p95 18.0 ms, max 30.0 ms",
    "100,000 | moves that were not heard of, of both | 2",
    "100,000 | heartbeats heard | 495/s, 880 kbit/s",
    "100,000 | heartbeats said | 496/s, 881 kbit/s",
    "100,000 | CPU, heartbeats alone | 2.7 %",
    "100,000 | CPU, with 1,000 handshakes a second announced | 21.6 %",
    "100,000 | agent | 140 MiB",
  ]);
});
