import fc from "fast-check";
import { ClientTable } from "../../agent/client-table";
import type { ClientFile } from "../../registry/schema";
import { client, key } from "./fixtures";

const T = Date.parse("2026-01-01T00:00:00Z");
const at = (seconds: number) => new Date(T + seconds * 1000).toISOString();

test("revoked and expired clients are not desired, the others with address and preshared key", () => {
  const table = new ClientTable();
  table.replaceAll(
    [
      client("a", 2, { presharedKey: key(99) }),
      client("b", 3, { revokedAt: at(-5) }),
      client("c", 4, { expiresAt: at(0) }),
      client("d", 5, { expiresAt: at(1) }),
    ],
    T,
  );
  expect([...table.peers.values()]).toEqual([
    { publicKey: key(2), presharedKey: key(99), allowedIps: ["10.100.0.2/32"] },
    { publicKey: key(5), presharedKey: undefined, allowedIps: ["10.100.0.5/32"] },
  ]);
  expect(table.nextExpiry()).toBe(T + 1000);
});

test("a client expires at its time, not before", () => {
  const table = new ClientTable();
  table.update("a", client("a", 2, { expiresAt: at(10) }), T);
  expect([...table.expire(T + 9999)]).toEqual([]);
  expect(table.peers.size).toBe(1);
  expect([...table.expire(T + 10_000)]).toEqual([key(2)]);
  expect(table.peers.size).toBe(0);
  expect(table.nextExpiry()).toBeUndefined();
});

test("of two clients with one key or address the older one wins, and the other comes in when it goes", () => {
  const table = new ClientTable();
  const old = client("zoe", 2);
  const young = client("amy", 3, { addresses: ["10.100.0.2/32"], createdAt: "2025-06-01T00:00:00Z" });
  table.replaceAll([young, old], T);
  expect([...table.peers.keys()]).toEqual([key(2)]);
  expect(table.conflicts()).toEqual([
    "client amy has the public key or an address of client zoe and is left out",
  ]);
  expect([...table.update("zoe", { ...old, revokedAt: at(0) }, T)].sort()).toEqual([key(2), key(3)].sort());
  expect([...table.peers.keys()]).toEqual([key(3)]);
  expect(table.conflicts()).toEqual([]);
});

test("a key that passes from one client to another stays desired", () => {
  const table = new ClientTable();
  table.replaceAll([client("a", 2)], T);
  table.update("b", client("b", 2, { createdAt: "2024-01-01T00:00:00Z", addresses: ["10.100.0.9/32"] }), T);
  expect([...table.peers.values()].map((peer) => peer.allowedIps)).toEqual([["10.100.0.9/32"]]);
  table.update("b", undefined, T);
  expect([...table.peers.values()].map((peer) => peer.allowedIps)).toEqual([["10.100.0.2/32"]]);
});

const anyClient = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  byte: fc.integer({ min: 2, max: 4 }),
  ip: fc.integer({ min: 2, max: 4 }),
  state: fc.constantFrom("live", "revoked", "expires", "gone"),
});

test("step by step and all at once lead to the same peers, and what changed is named", () => {
  fc.assert(
    fc.property(fc.array(anyClient, { maxLength: 20 }), (steps) => {
      const table = new ClientTable();
      const last = new Map<string, ClientFile>();
      let now = T;
      for (const { name, byte, ip, state } of steps) {
        now += 1000;
        const file = client(name, byte, {
          addresses: [`10.100.0.${ip}/32`],
          ...(state === "revoked" ? { revokedAt: at(0) } : {}),
          ...(state === "expires" ? { expiresAt: new Date(now + 2500).toISOString() } : {}),
        });
        const before = new Map(table.peers);
        const affected = new Set([
          ...table.expire(now),
          ...table.update(name, state === "gone" ? undefined : file, now),
        ]);
        if (state === "gone") last.delete(name);
        else last.set(name, file);
        for (const publicKey of new Set([...before.keys(), ...table.peers.keys()])) {
          if (JSON.stringify(before.get(publicKey)) !== JSON.stringify(table.peers.get(publicKey)))
            expect(affected).toContain(publicKey);
        }
        const fresh = new ClientTable();
        fresh.replaceAll(last.values(), now);
        expect(new Map(table.peers)).toEqual(new Map(fresh.peers));
        const ips = [...table.peers.values()].flatMap((peer) => peer.allowedIps);
        expect(new Set(ips).size).toBe(ips.length);
      }
    }),
    { numRuns: 300 },
  );
});
