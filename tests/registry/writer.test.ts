import { promises as fs } from "node:fs";
import { join } from "node:path";
import { RegistryError } from "../../registry/errors";
import { initRegistry } from "../../registry/init";
import {
  changesSince,
  readAllClients,
  readChanges,
  readClient,
  readServerKeys,
  scanClients,
} from "../../registry/reader";
import { addClient, RegistryWriter, removeClient, restoreClient, revokeClient } from "../../registry/writer";
import { generateKeyPair, generatePresharedKey, ZERO_KEY } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { LocalWriter } from "./local-writer";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();

async function registry(cluster = CLUSTER): Promise<string> {
  const root = folder();
  await initRegistry(root, cluster);
  return root;
}
const newKey = () => generateKeyPair().publicKey;
const mode = async (path: string) => (await fs.stat(path)).mode & 0o777;

test("a client gets the first free address, a claim file and an entry in the feed", async () => {
  const root = await registry();
  const presharedKey = generatePresharedKey();
  const publicKey = newKey();
  const alice = await addClient(root, {
    name: "alice",
    publicKey,
    presharedKey,
    routes: ["10.0.0.0/16"],
    tags: { team: "ops" },
  });
  expect(alice).toEqual({
    schema: 1,
    name: "alice",
    publicKey,
    addresses: ["10.100.0.2/32"],
    routes: ["10.0.0.0/16"],
    presharedKey,
    createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    tags: { team: "ops" },
    sequence: 1,
  });
  expect((await addClient(root, { name: "bob", publicKey: newKey() })).addresses).toEqual(["10.100.0.3/32"]);
  expect(await readClient(root, "alice")).toEqual(alice);
  expect(await fs.readFile(join(root, "addresses/10.100.0.2"), "utf8")).toBe("alice\n");
  expect(await mode(join(root, "clients/alice.json"))).toBe(0o600);
  expect(await readChanges(root)).toEqual({
    schema: 1,
    revision: 2,
    changes: [
      { revision: 1, name: "alice" },
      { revision: 2, name: "bob" },
    ],
    audit: { sequence: 2, hash: expect.any(String), size: (await fs.stat(join(root, "audit.log"))).size },
    time: expect.stringMatching(/^\d{4}-/),
    nextAddress: "10.100.0.3",
  });
  const claim = join(root, "keys", Buffer.from(publicKey, "base64").toString("hex"));
  expect(await fs.readFile(claim, "utf8")).toBe("alice\n");
  expect((await fs.readdir(root)).includes("lock")).toBe(false);
});

test("adding the same client again is the same client; another key or a taken key is refused", async () => {
  const root = await registry();
  const publicKey = newKey();
  const alice = await addClient(root, { name: "alice", publicKey });
  expect(await addClient(root, { name: "alice", publicKey })).toEqual(alice);
  await expect(addClient(root, { name: "alice", publicKey: newKey() })).rejects.toThrow(
    "alice.json: already exists with another public key",
  );
  await expect(addClient(root, { name: "mallory", publicKey })).rejects.toThrow(
    "mallory.json: publicKey already belongs to client alice",
  );
  const server = (await readServerKeys(root)).publicKey;
  await expect(addClient(root, { name: "mallory", publicKey: server })).rejects.toThrow(
    "publicKey is the server's own",
  );
  expect(await fs.readdir(join(root, "addresses"))).toEqual(["10.100.0.2"]);
});

test("adding a client that is there with other wishes is a conflict that names them; the same wishes are no conflict", async () => {
  const root = await registry();
  const client = {
    name: "alice",
    publicKey: newKey(),
    presharedKey: generatePresharedKey(),
    address: "10.100.0.9/32",
    routes: ["10.2.0.0/16"],
    dns: ["10.0.0.2"],
    expiresAt: "2099-01-01T00:00:00Z",
    tags: { team: "ops" },
  };
  const { name, publicKey } = client;
  const alice = await addClient(root, client);
  for (const same of [client, { name, publicKey }, { ...client, expiresAt: "2099-01-01T00:00:00.000Z" }])
    expect(await addClient(root, same)).toEqual(alice);
  const others = {
    presharedKey: generatePresharedKey(),
    address: "10.100.0.10/32",
    routes: ["10.1.0.0/16"],
    dns: ["10.0.0.3"],
    expiresAt: "2098-01-01T00:00:00Z",
    tags: { team: "dev" },
  };
  for (const [field, wish] of Object.entries(others))
    await expect(addClient(root, { name, publicKey, [field]: wish })).rejects.toMatchObject({
      kind: "conflict",
      field: "name",
      problem: `already exists with this public key, but not as it is asked for: ${field}`,
    });
  await expect(addClient(root, { ...client, ...others })).rejects.toThrow(Object.keys(others).join(", "));
  const revoked = await revokeClient(root, name);
  expect(await addClient(root, client)).toEqual(revoked);
  const endless = { name: "carol", publicKey: newKey() };
  await addClient(root, endless);
  await expect(addClient(root, { ...endless, expiresAt: client.expiresAt })).rejects.toThrow("expiresAt");
});

test("a writer that stays sees keys that other writers added, changed and removed", async () => {
  const root = await registry();
  const writer = new LocalWriter(root);
  const [a, b, c] = [newKey(), newKey(), newKey()];
  await writer.add({ name: "a", publicKey: a });
  await addClient(root, { name: "b", publicKey: b });
  await expect(writer.add({ name: "x", publicKey: b })).rejects.toThrow(
    "publicKey already belongs to client b",
  );
  await removeClient(root, "b");
  await addClient(root, { name: "c", publicKey: c });
  expect((await writer.add({ name: "x", publicKey: b })).publicKey).toBe(b);
  await expect(writer.add({ name: "y", publicKey: c })).rejects.toThrow(
    "publicKey already belongs to client c",
  );
});

test("revoke, restore and remove can be repeated; a removed client's address is free again", async () => {
  const root = await registry();
  const publicKey = newKey();
  const alice = await addClient(root, { name: "alice", publicKey });
  const revoked = await revokeClient(root, "alice");
  expect(revoked).toEqual({ ...alice, revokedAt: expect.any(String), sequence: 2 });
  expect(await revokeClient(root, "alice")).toEqual(revoked);
  const restored = { ...alice, sequence: 3 };
  expect(await restoreClient(root, "alice")).toEqual(restored);
  expect(await restoreClient(root, "alice")).toEqual(restored);
  expect(await readClient(root, "alice")).toEqual(restored);
  await removeClient(root, "alice");
  await removeClient(root, "alice");
  expect(await readClient(root, "alice")).toBeUndefined();
  expect([await fs.readdir(join(root, "addresses")), await fs.readdir(join(root, "keys"))]).toEqual([[], []]);
  expect((await readChanges(root)).revision).toBe(4); // what changes nothing is not announced
  const [address] = alice.addresses;
  const bob = await new RegistryWriter(root).add({ name: "bob", publicKey, address }, { who: "test" });
  expect(bob.value.addresses).toEqual(alice.addresses);
  await expect(revokeClient(root, "alice")).rejects.toThrow("there is no client alice");
});

test("what a newer version put into a client file survives a change", async () => {
  const root = await registry();
  await addClient(root, { name: "alice", publicKey: newKey() });
  const path = join(root, "clients/alice.json");
  await fs.writeFile(path, JSON.stringify({ ...JSON.parse(await fs.readFile(path, "utf8")), color: "red" }));
  await revokeClient(root, "alice");
  expect(JSON.parse(await fs.readFile(path, "utf8")).color).toBe("red");
});

test.each([
  ["../alice", /is not a client name/],
  ["Alice", /is not a client name/],
  ["", /is not a client name/],
  [".alice", /is not a client name/],
  ["älice", /is not a client name/],
  ["a".repeat(64), /is not a client name/],
  ["a/b", /is not a client name/],
])("the name %j is refused by every operation, and nothing is written", async (name, message) => {
  const root = await registry();
  const before = await fs.readdir(root, { recursive: true });
  await expect(addClient(root, { name, publicKey: newKey() })).rejects.toThrow(message);
  await expect(revokeClient(root, name)).rejects.toThrow(message);
  await expect(removeClient(root, name)).rejects.toThrow(message);
  expect(await fs.readdir(root, { recursive: true })).toEqual(before);
});

test.each([
  [{ publicKey: "short" }, "publicKey is not a usable public key"],
  [{ publicKey: ZERO_KEY }, "publicKey is not a usable public key"],
  [{ presharedKey: "short" }, "presharedKey is not a preshared key"],
  [{ routes: ["10.0.0.0/99"] }, "routes.0 is not an address range in CIDR form"],
  [{ expiresAt: "tomorrow" }, "expiresAt is not an ISO 8601 time in UTC"],
  [{ expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt is in the past"],
])("%j is refused with the field's name, and nothing is written", async (input, message) => {
  const root = await registry();
  await expect(addClient(root, { name: "alice", publicKey: newKey(), ...input })).rejects.toThrow(message);
  expect(await fs.readdir(join(root, "addresses"))).toEqual([]);
  expect(await fs.readdir(join(root, "clients"))).toEqual([]);
});

test("a full range is an error that says so", async () => {
  const root = await registry({ ...CLUSTER, tunnelIpv4: "10.100.0.0/29" });
  for (const name of ["alice", "carol", "dave", "erin"]) await addClient(root, { name, publicKey: newKey() });
  await expect(addClient(root, { name: "bob", publicKey: newKey() })).rejects.toThrow(
    "no free address is left in 10.100.0.0/29",
  );
});

test("a folder that is no registry is never written to", async () => {
  const root = folder();
  await expect(addClient(root, { name: "alice", publicKey: newKey() })).rejects.toThrow(
    "cluster.json: does not exist",
  );
  expect(await fs.readdir(root)).toEqual([]);
});

test("the feed keeps the last 1,000 changes, and a reader that is further behind is told to read everything", async () => {
  const root = await registry();
  await addClient(root, { name: "alice", publicKey: newKey() });
  const changes = Array.from({ length: 1000 }, (_, i) => ({ revision: 4001 + i, name: `c${i % 7}` }));
  await fs.writeFile(join(root, "changes.json"), JSON.stringify({ schema: 1, revision: 5000, changes }));
  await revokeClient(root, "alice");
  const feed = await readChanges(root);
  expect([feed.revision, feed.changes.length, feed.changes[0]?.revision]).toEqual([5001, 1000, 4002]);
  expect(changesSince(feed, 5001)).toEqual({ kind: "none", revision: 5001 });
  expect(changesSince(feed, 4999)).toEqual({
    kind: "clients",
    revision: 5001,
    names: ["c5", "c6", "alice"].filter((n) => n === "alice" || n === `c${999 % 7}`),
  });
  expect(changesSince(feed, 4001).kind).toBe("clients");
  expect(changesSince(feed, 4000)).toEqual({ kind: "everything", revision: 5001 });
  expect(changesSince(feed, 6000)).toEqual({ kind: "everything", revision: 5001 });
});

describe("corrupt files end in one clear error, and nothing is lost", () => {
  const cases: [string, string, string][] = [
    ["cut off", '{"schema": 1, "name": "al', "alice.json: is not JSON (25 characters, perhaps cut off)"],
    ["empty", "", "alice.json: is not JSON (0 characters"],
    ["another schema", '{"schema": 2}', "alice.json: schema Invalid input: expected 1"],
    [
      "a bad key",
      JSON.stringify({
        schema: 1,
        name: "alice",
        publicKey: "abc",
        addresses: ["10.100.0.2/32"],
        createdAt: "2026-01-01T00:00:00Z",
        tags: {},
      }),
      "alice.json: publicKey is not a usable public key",
    ],
    [
      "another client",
      JSON.stringify({
        schema: 1,
        name: "bob",
        publicKey: newKey(),
        addresses: ["10.100.0.2/32"],
        createdAt: "2026-01-01T00:00:00Z",
        tags: {},
      }),
      'alice.json: is about "bob", not "alice"',
    ],
  ];
  test.each(cases)("a client file that is %s", async (_, text, message) => {
    const root = await registry();
    await addClient(root, { name: "alice", publicKey: newKey() });
    const bob = await addClient(root, { name: "bob", publicKey: newKey() });
    await fs.writeFile(join(root, "clients/alice.json"), text);
    await expect(readAllClients(root)).rejects.toThrow(message);
    await expect(readAllClients(root)).rejects.toBeInstanceOf(RegistryError);
    await expect(revokeClient(root, "alice")).rejects.toThrow(message);
    const scan = await scanClients(root);
    expect(scan.clients).toEqual([bob]);
    expect(scan.unreadable).toEqual(["alice"]);
    expect(await fs.readFile(join(root, "clients/alice.json"), "utf8")).toBe(text);
  });

  test("a broken client keeps its key and its address, and nobody else out", async () => {
    const root = await registry();
    const publicKey = newKey();
    await addClient(root, { name: "alice", publicKey });
    const path = join(root, "clients/alice.json");
    const good = await fs.readFile(path, "utf8");
    await fs.writeFile(path, good.slice(0, 40));
    await expect(addClient(root, { name: "mallory", publicKey })).rejects.toThrow(
      "publicKey already belongs to client alice",
    );
    expect((await addClient(root, { name: "carol", publicKey: newKey() })).addresses).toEqual([
      "10.100.0.3/32",
    ]);
    await removeClient(root, "alice"); // what it had is found by its claims
    expect(await fs.readdir(join(root, "addresses"))).toEqual(["10.100.0.3"]);
    expect((await addClient(root, { name: "mallory", publicKey })).addresses).toEqual(["10.100.0.4/32"]);
    expect((await readChanges(root)).changes.map((change) => change.name)).toEqual([
      "alice",
      "carol",
      "alice",
      "mallory",
    ]);
  });

  test("two clients in conflict do not keep a third one out", async () => {
    const root = await registry();
    const alice = await addClient(root, { name: "alice", publicKey: newKey() });
    await fs.writeFile(join(root, "clients/zoe.json"), JSON.stringify({ ...alice, name: "zoe" }));
    expect((await addClient(root, { name: "bob", publicKey: newKey() })).addresses).toEqual([
      "10.100.0.3/32",
    ]);
  });

  test("one address or one key in two files", async () => {
    const root = await registry();
    const alice = await addClient(root, { name: "alice", publicKey: newKey() });
    await fs.writeFile(
      join(root, "clients/zoe.json"),
      JSON.stringify({ ...alice, name: "zoe", publicKey: newKey() }),
    );
    await expect(readAllClients(root)).rejects.toThrow(
      "zoe.json: address 10.100.0.2/32 already belongs to client alice",
    );
    await fs.writeFile(
      join(root, "clients/zoe.json"),
      JSON.stringify({ ...alice, name: "zoe", addresses: ["10.100.9.9/32"] }),
    );
    await expect(readAllClients(root)).rejects.toThrow(
      `zoe.json: public key ${alice.publicKey} already belongs to client alice`,
    );
  });

  test.each([
    ["changes.json", "{", "changes.json: is not JSON"],
    [
      "changes.json",
      '{"schema":1,"revision":3,"changes":[{"revision":1,"name":"a"},{"revision":3,"name":"b"}]}',
      "changes.json: changes are not consecutive up to revision 3",
    ],
    ["server/private.key", "not a key\n", "private.key: is not a private key"],
    ["cluster.json", "[]", "cluster.json: Invalid input"],
  ])("%s", async (file, text, message) => {
    const root = await registry();
    await fs.writeFile(join(root, file), text);
    await expect(addClient(root, { name: "alice", publicKey: newKey() })).rejects.toThrow(message);
    expect(await fs.readFile(join(root, file), "utf8")).toBe(text);
    await expect(initRegistry(root, CLUSTER).then(() => readChanges(root))).rejects.toThrow(message);
  });
});
