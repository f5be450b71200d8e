import { UserError } from "../../config/errors";
import { detectFormat, parseImport } from "../../import";
import { client, NOW, secrets, server } from "./files";

const id = "0b8e7f39-9cf3-4c51-8b41-3a0c0dbd2f0a";
const easy = {
  server: { privateKey: server.privateKey, publicKey: server.publicKey, address: "10.8.0.1" },
  clients: {
    [id]: {
      id,
      name: "Alice's phone",
      address: "10.8.0.2",
      privateKey: client(0).privateKey,
      publicKey: client(0).publicKey,
      preSharedKey: client(0).presharedKey,
      createdAt: "2024-01-01T00:00:00.000Z",
      updatedAt: "2024-01-01T00:00:00.000Z",
      expiredAt: "2027-01-01T23:59:59.000Z",
      enabled: true,
    },
    "2": {
      name: "bob",
      address: "10.8.0.3",
      publicKey: client(1).publicKey,
      enabled: false,
      expiredAt: null,
    },
    "3": {
      name: "carol",
      address: "10.8.0.4",
      publicKey: client(2).publicKey,
      expiredAt: "2025-01-01T00:00:00Z",
    },
    "4": { name: "broken", address: "10.8.0.5", publicKey: "abc" },
  },
};

test("wg-easy: everything a client has but its private key", () => {
  const parsed = parseImport(JSON.stringify(easy), { now: NOW });
  expect(parsed).toEqual({
    format: "wg-easy",
    serverPublicKey: server.publicKey,
    entries: expect.any(Array),
    refused: [
      {
        where: "client 3",
        reason: expect.stringContaining("its public key is missing or not usable"),
      },
    ],
    notes: [
      "the file holds the private keys of 1 clients; they are not imported, but whoever can read that file can be these clients: rotate their keys after the move",
      "bob (client 1): is disabled in the file, so it is imported as revoked",
      "carol (client 2): expired on 2025-01-01T00:00:00.000Z, so it is imported as revoked",
      `alice-s-phone (client 4): is called "Alice's phone" in the file`,
    ],
  });
  // JSON.parse puts keys that are numbers first.
  expect(parsed.entries).toEqual([
    {
      name: "bob",
      publicKey: client(1).publicKey,
      addresses: ["10.8.0.3/32"],
      revoked: true,
      tags: { "wg-easy/id": "2" },
    },
    {
      name: "carol",
      publicKey: client(2).publicKey,
      addresses: ["10.8.0.4/32"],
      revoked: true,
      tags: { "wg-easy/id": "3" },
    },
    {
      name: "alice-s-phone",
      publicKey: client(0).publicKey,
      presharedKey: client(0).presharedKey,
      addresses: ["10.8.0.2/32"],
      expiresAt: "2027-01-01T23:59:59.000Z",
      tags: { "wg-easy/id": id },
    },
  ]);
});

const option = <T>(Value: T, Overridable = false) => ({ Value, ...(Overridable ? { Overridable } : {}) });
const portalPeer = (number: number, more: Record<string, unknown>) => ({
  Identifier: client(number).publicKey,
  DisplayName: `peer${number}`,
  UserIdentifier: "",
  InterfaceIdentifier: "wg0",
  Disabled: false,
  Notes: "",
  EndpointPublicKey: option(server.publicKey, true),
  AllowedIPs: option(["10.11.12.0/24"], true),
  PresharedKey: "",
  PrivateKey: client(number).privateKey,
  Mode: "client",
  Addresses: [`10.11.12.${number + 2}/24`],
  Dns: option([], true),
  DnsSearch: option([], true),
  ...more,
});

test("WireGuard Portal: what is the peer's own is kept, what is its interface's is not", () => {
  const peers = [
    portalPeer(0, {
      PresharedKey: client(0).presharedKey,
      UserIdentifier: "alice@example.com",
      ExpiresAt: "2027-02-03",
      AllowedIPs: option(["10.0.0.0/16", "fd00::/64"]),
      Dns: option(["10.0.0.2"]),
      DnsSearch: option(["corp.example.com"]),
      Addresses: ["10.11.12.2/32", "fdfd::2/128"],
      Notes: "a note",
      ExtraAllowedIPs: ["192.168.0.0/24"],
    }),
    portalPeer(1, { Disabled: true, InterfaceIdentifier: "wg1" }),
    portalPeer(2, { Mode: "server" }),
  ];
  expect(parseImport(JSON.stringify(peers), { now: NOW })).toEqual({
    format: "wg-portal",
    serverPublicKey: server.publicKey,
    entries: [
      {
        name: "peer0",
        publicKey: client(0).publicKey,
        presharedKey: client(0).presharedKey,
        addresses: ["10.11.12.2/32"],
        routes: ["10.0.0.0/16"],
        dns: ["10.0.0.2", "corp.example.com"],
        expiresAt: "2027-02-03T00:00:00Z",
        tags: { "wg-portal/user": "alice@example.com" },
      },
      { name: "peer1", publicKey: client(1).publicKey, addresses: ["10.11.12.3/32"], revoked: true },
    ],
    refused: [{ where: "peer 3", reason: "it is a server (Mode), not a client" }],
    notes: [
      "the file holds the private keys of 3 clients; they are not imported, but whoever can read that file can be these clients: rotate their keys after the move",
      "the file has peers of 2 interfaces; all are imported",
      "Notes of 1 peers are left out",
      "ExtraAllowedIPs of 1 peers are left out: the cluster routes nothing behind a client",
      'peer0 (peer 1): the route "fd00::/64" is left out: inside the tunnel there is only IPv4',
      'peer0 (peer 1): the IPv6 address "fdfd::2/128" is left out: inside the tunnel there is only IPv4',
      "peer1 (peer 2): is disabled in the file, so it is imported as revoked",
    ],
  });
});

describe("what decides how long a client has access, and is not understood, keeps it out", () => {
  const END = "is not understood: it is no time like 2027-01-31T00:00:00Z";
  const FLAG = "is not understood: it is neither true nor false";
  const easyOf = (more: object) => {
    const client0 = { name: "alice", address: "10.8.0.2", publicKey: client(0).publicKey, ...more };
    return parseImport(JSON.stringify({ server: {}, clients: { a: client0 } }), { now: NOW });
  };
  const portalOf = (more: Record<string, unknown>) =>
    parseImport(JSON.stringify([portalPeer(0, more)]), { now: NOW });

  test.each([
    [{ expiredAt: "31/12/2020" }, `expiredAt ${END}`],
    [{ expiredAt: "01/02/2027" }, `expiredAt ${END}`],
    [{ expiredAt: 1_577_836_800_000 }, `expiredAt ${END}`],
    [{ expiredAt: {} }, `expiredAt ${END}`],
    [{ enabled: "false" }, `enabled ${FLAG}`],
    [{ enabled: 0 }, `enabled ${FLAG}`],
  ])("wg-easy: %j", (more, reason) => {
    const { entries, refused } = easyOf(more);
    expect([entries, refused]).toEqual([[], [{ where: "client 1 (alice)", reason }]]);
  });

  test.each([
    [{ ExpiresAt: "31.12.2020" }, `ExpiresAt ${END}`],
    [{ ExpiresAt: 0 }, `ExpiresAt ${END}`],
    [{ Disabled: "true" }, `Disabled ${FLAG}`],
    [{ Disabled: 1 }, `Disabled ${FLAG}`],
  ])("WireGuard Portal: %j", (more, reason) => {
    const { entries, refused } = portalOf(more);
    expect([entries, refused]).toEqual([[], [{ where: "peer 1 (peer0)", reason }]]);
  });

  test("what is empty says nothing", () => {
    for (const said of [null, "", " "]) {
      expect(easyOf({ expiredAt: said, enabled: said }).entries[0]).not.toHaveProperty("revoked");
      expect(portalOf({ ExpiresAt: said, Disabled: said }).entries[0]).not.toHaveProperty("expiresAt");
    }
    expect(portalOf({ ExpiresAt: "2027-02-03T04:05:06Z" }).entries[0]?.expiresAt).toBe(
      "2027-02-03T00:00:00Z",
    );
  });
});

test("servers with different keys have none in common", () => {
  const peers = [portalPeer(0, {}), portalPeer(1, { EndpointPublicKey: option(client(2).publicKey) })];
  expect(parseImport(JSON.stringify(peers)).serverPublicKey).toBeUndefined();
});

test("no private key is in what is returned, not even as a name", () => {
  const texts = [
    JSON.stringify({
      ...easy,
      clients: {
        ...easy.clients,
        "9": { ...easy.clients[id], publicKey: client(3).publicKey, name: client(3).privateKey },
      },
    }),
    JSON.stringify([portalPeer(0, {}), portalPeer(1, { DisplayName: client(1).privateKey })]),
  ];
  for (const text of texts) {
    const answer = JSON.stringify(parseImport(text)).toLowerCase();
    for (const secret of secrets) expect(answer).not.toContain(secret.slice(0, 30).toLowerCase());
  }
});

test.each([
  ["[Interface]\n[Peer]\n", "wg-quick"],
  ["# x\r\n[peer] # y\r\n", "wg-quick"],
  [JSON.stringify(easy), "wg-easy"],
  [JSON.stringify([portalPeer(0, {})]), "wg-portal"],
  [JSON.stringify({ Peers: [portalPeer(0, {})] }), "wg-portal"],
  ["[]", undefined],
  ["{}", undefined],
  ["[1, 2]", undefined],
  ["hello", undefined],
  ["", undefined],
])("the format of %# is told by what is in it", (text, format) => {
  expect(detectFormat(text)).toBe(format);
});

test("a file that cannot be read says what can", () => {
  expect(() => parseImport("hello")).toThrow(UserError);
  expect(() => parseImport("hello")).toThrow(/neither .*wg-quick.* nor wg-easy's .* nor WireGuard Portal's/);
  expect(() => parseImport("SQLite format 3\0...")).toThrow(
    /version 15 on; that is not read: import the wg0.conf/,
  );
  expect(() => parseImport("[Interface]", { format: "wg-easy" })).toThrow(/looks like wg-quick, not wg-easy/);
});
