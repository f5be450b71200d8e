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

describe("a client whose key is being replaced", () => {
  const rotated = (more: Partial<ClientFile> = {}) =>
    client("a", 2, {
      presharedKey: key(90),
      previous: { publicKey: key(7), presharedKey: key(97), until: at(60) },
      ...more,
    });
  const both = [
    { publicKey: key(7), presharedKey: key(97), allowedIps: ["10.100.0.2/32"] },
    { publicKey: key(2), presharedKey: key(90), allowedIps: [] },
  ];
  const onlyNew = [{ publicKey: key(2), presharedKey: key(90), allowedIps: ["10.100.0.2/32"] }];
  const peers = (table: ClientTable) => [...table.peers.values()];

  test("its former key has the address until the new one was used; then there is only the new one", () => {
    const table = new ClientTable();
    expect(table.update("a", rotated(), T)).toEqual(new Set([key(7), key(2)]));
    expect(peers(table)).toEqual(both);
    expect([...table.awaited.keys()]).toEqual([key(2)]);
    expect(table.usedKeys()).toEqual([]);
    expect(table.nextExpiry()).toBe(T + 60_000);

    expect(table.use([key(7), key(55)], T)).toEqual(new Set());
    expect(table.use([key(2)], T)).toEqual(new Set([key(7), key(2)]));
    expect(peers(table)).toEqual(onlyNew);
    expect(table.awaited.size).toBe(0);
    expect(table.usedKeys()).toEqual([key(2)]);
  });

  test("a new key that was used stays so when its client changes, and is forgotten with it", () => {
    const table = new ClientTable();
    table.use([key(2)], T);
    table.update("a", rotated(), T);
    expect(peers(table)).toEqual(onlyNew);
    table.update("a", rotated({ tags: { team: "x" } }), T);
    expect(peers(table)).toEqual(onlyNew);
    table.update("a", undefined, T);
    table.update("a", rotated(), T);
    expect(peers(table)).toEqual(both);
  });

  test("the former key ends at its time, whether the new one was used or not", () => {
    const table = new ClientTable();
    table.update("a", rotated(), T);
    expect(table.expire(T + 59_999)).toEqual(new Set());
    expect(table.expire(T + 60_000)).toEqual(new Set([key(7), key(2)]));
    expect(peers(table)).toEqual(onlyNew);
    expect(table.nextExpiry()).toBeUndefined();
    expect(table.awaited.size).toBe(0);
    table.update("a", rotated(), T + 60_000);
    expect(peers(table)).toEqual(onlyNew);
  });

  test("revoked or expired it has neither key", () => {
    const table = new ClientTable();
    table.update("a", rotated({ revokedAt: at(0) }), T);
    expect([table.peers.size, table.awaited.size]).toEqual([0, 0]);
    table.update("a", rotated({ expiresAt: at(10) }), T);
    expect(peers(table)).toEqual(both);
    expect(table.nextExpiry()).toBe(T + 10_000);
    expect(table.expire(T + 10_000)).toEqual(new Set([key(7), key(2)]));
    expect([table.peers.size, table.awaited.size]).toEqual([0, 0]);
  });

  test("nobody else may have either of its keys, until the former one is over", () => {
    const table = new ClientTable();
    const young = client("b", 7, { createdAt: "2025-06-01T00:00:00Z" });
    table.replaceAll([young, rotated()], T);
    expect(peers(table)).toEqual(both);
    expect(table.conflicts()).toEqual([
      "client b has the public key or an address of client a and is left out",
    ]);
    table.expire(T + 60_000);
    const others = { publicKey: key(7), presharedKey: undefined, allowedIps: ["10.100.0.7/32"] };
    expect([table.peers.size, table.peers.get(key(2)), table.peers.get(key(7))]).toEqual([
      2,
      onlyNew[0],
      others,
    ]);
  });

  test("one that loses against an older client has no peer with either key", () => {
    const table = new ClientTable();
    const old = client("z", 5, { addresses: ["10.100.0.2/32"], createdAt: "2024-01-01T00:00:00Z" });
    table.replaceAll([rotated(), old], T);
    expect([...table.peers.keys()]).toEqual([key(5)]);
    expect(table.awaited.size).toBe(0);
  });

  test("a preshared key alone has no overlap: the new one counts at once", () => {
    const table = new ClientTable();
    table.update("a", rotated({ previous: { publicKey: key(2), presharedKey: key(97), until: at(60) } }), T);
    expect(peers(table)).toEqual(onlyNew);
    expect([table.awaited.size, table.nextExpiry()]).toEqual([0, undefined]);
  });
});

const anyClient = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  byte: fc.integer({ min: 2, max: 4 }),
  ip: fc.integer({ min: 2, max: 4 }),
  state: fc.constantFrom("live", "revoked", "expires", "gone"),
  former: fc.option(fc.integer({ min: 2, max: 6 }), { nil: undefined }),
  used: fc.option(fc.integer({ min: 2, max: 4 }), { nil: undefined }),
});

test("step by step and all at once lead to the same peers, and what changed is named", () => {
  fc.assert(
    fc.property(fc.array(anyClient, { maxLength: 20 }), (steps) => {
      const table = new ClientTable();
      const last = new Map<string, ClientFile>();
      let now = T;
      const used = new Set<string>();
      for (const { name, byte, ip, state, former, used: usedByte } of steps) {
        now += 1000;
        const file = client(name, byte, {
          addresses: [`10.100.0.${ip}/32`],
          ...(state === "revoked" ? { revokedAt: at(0) } : {}),
          ...(former === undefined
            ? {}
            : { previous: { publicKey: key(former), until: new Date(now + 1500).toISOString() } }),
          ...(state === "expires" ? { expiresAt: new Date(now + 2500).toISOString() } : {}),
        });
        const before = new Map(table.peers);
        const affected = new Set([
          ...table.expire(now),
          ...table.update(name, state === "gone" ? undefined : file, now),
          ...table.use(usedByte === undefined ? [] : [key(usedByte)], now),
        ]);
        // As the table does it: that a key was used is forgotten with the client that had it.
        if (last.get(name)?.publicKey !== file.publicKey || state === "gone")
          used.delete(last.get(name)?.publicKey ?? "");
        if (usedByte !== undefined) used.add(key(usedByte));
        if (state === "gone") last.delete(name);
        else last.set(name, file);
        for (const publicKey of new Set([...before.keys(), ...table.peers.keys()])) {
          if (JSON.stringify(before.get(publicKey)) !== JSON.stringify(table.peers.get(publicKey)))
            expect(affected).toContain(publicKey);
        }
        const fresh = new ClientTable();
        fresh.use(used, now);
        fresh.replaceAll(last.values(), now);
        expect(new Map(table.peers)).toEqual(new Map(fresh.peers));
        expect(new Map(table.awaited)).toEqual(new Map(fresh.awaited));
        const ips = [...table.peers.values()].flatMap((peer) => peer.allowedIps);
        expect(new Set(ips).size).toBe(ips.length);
      }
    }),
    { numRuns: 300 },
  );
});
