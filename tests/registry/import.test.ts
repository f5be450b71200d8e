import { promises as fs } from "node:fs";
import { join } from "node:path";
import { readAudit } from "../../registry/audit";
import { initRegistry } from "../../registry/init";
import { readAllClients, readChanges, readClient, readServerKeys } from "../../registry/reader";
import { type ImportEntry, RegistryWriter } from "../../registry/writer";
import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { listing } from "./faults/trial";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;
const WHO = { who: "ops" };

async function registry() {
  const root = folder();
  await initRegistry(root, CLUSTER);
  return { root, writer: new RegistryWriter(root) };
}

test("each entry is told apart: kept, changed, present or refused, and why; a dry run says the same and writes nothing", async () => {
  const { root, writer } = await registry();
  const [alice, bob] = [newKey(), newKey()];
  await writer.add({ name: "alice", publicKey: alice, address: "10.100.0.9/32" }, WHO);
  const server = (await readServerKeys(root)).publicKey;
  const entries: ImportEntry[] = [
    { name: "alice", publicKey: alice, addresses: ["10.8.0.2/32"], tags: { team: "ops" } },
    { name: "bob", publicKey: bob, addresses: ["10.100.3.4/32"], presharedKey: generatePresharedKey() },
    { name: "carol", publicKey: newKey(), addresses: ["10.8.0.3/32", "fd00::3/128"] },
    { name: "dave", publicKey: newKey(), addresses: ["10.100.0.9/32"] },
    { name: "erin", publicKey: bob, addresses: ["10.100.3.5/32"] },
    { name: "bob", publicKey: newKey(), addresses: ["10.100.3.6/32"] },
    { name: "frank", publicKey: newKey(), addresses: ["10.100.3.4/32", "10.100.3.7/32"], revoked: true },
    { name: "grace", publicKey: alice, addresses: ["10.100.3.8/32"] },
    { name: "heidi", publicKey: server, addresses: ["10.100.3.9/32"] },
    { name: "Ivan", publicKey: newKey(), addresses: ["10.100.3.10/32"] },
    { name: "judy", publicKey: newKey(), addresses: ["10.100.3.11/32"], routes: ["10.100.0.0/24"] },
    {
      name: "mallory",
      publicKey: newKey(),
      addresses: ["10.100.3.12/32"],
      expiresAt: "2020-01-01T00:00:00Z",
    },
    { name: "niaj", publicKey: newKey(), addresses: ["10.100.0.1/32"] },
  ];
  const before = await listing(root);
  const dry = await writer.importClients(entries, { dryRun: true }, WHO);
  expect(await listing(root)).toBe(before);
  const done = await writer.importClients(entries, { dryRun: false }, WHO);
  expect(done.value).toEqual(dry.value);
  expect(
    done.value.map(({ name, outcome, reasons, addresses }) => [name, outcome, addresses, reasons]),
  ).toEqual([
    [
      "alice",
      "present",
      ["10.100.0.9/32"],
      ["addresses is another one and stays", "tags is another one and stays"],
    ],
    ["bob", "kept", ["10.100.3.4/32"], []],
    [
      "carol",
      "changed",
      ["10.100.0.2/32"],
      [
        "10.8.0.3 is outside of the clients' range in 10.100.0.0/16",
        "fd00::3/128 is not an IPv4 address of 10.100.0.0/16",
        "gets 10.100.0.2/32 instead",
      ],
    ],
    [
      "dave",
      "changed",
      ["10.100.0.3/32"],
      ["10.100.0.9/32 already belongs to client alice", "gets 10.100.0.3/32 instead"],
    ],
    ["erin", "refused", [], ["publicKey already belongs to client bob"]],
    ["bob", "refused", [], ["an entry before this one has the same name"]],
    ["frank", "changed", ["10.100.3.7/32"], ["10.100.3.4/32 already belongs to client bob"]],
    ["grace", "refused", [], ["publicKey already belongs to client alice"]],
    ["heidi", "refused", [], ["publicKey is the server's own"]],
    ["Ivan", "refused", [], [expect.stringContaining("is not a client name")]],
    ["judy", "refused", [], ["routes.0 10.100.0.0/24 overlaps the cluster's tunnel range 10.100.0.0/16"]],
    ["mallory", "refused", [], ["expiresAt is in the past"]],
    ["niaj", "changed", ["10.100.0.4/32"], ["10.100.0.1 is the servers' own", "gets 10.100.0.4/32 instead"]],
  ]);
  expect((await readAllClients(root)).map(({ name }) => name)).toEqual([
    "alice",
    "bob",
    "carol",
    "dave",
    "frank",
    "niaj",
  ]);
  expect((await readClient(root, "frank"))?.revokedAt).toBeDefined();
  expect(done.revision).toBe(6);
  expect((await readChanges(root)).changes.map(({ name }) => name)).toEqual([
    "alice",
    "bob",
    "carol",
    "dave",
    "frank",
    "niaj",
  ]);
  const { entries: log } = await readAudit(root, { after: 1 });
  expect(log.map(({ operation, client }) => [operation, client])).toEqual(
    ["bob", "carol", "dave", "frank", "niaj"].map((name) => ["import", name]),
  );
  const again = await writer.importClients(entries, { dryRun: false }, WHO);
  expect([again.value.filter(({ outcome }) => outcome === "present").length, again.revision]).toEqual([6, 6]);
});

test("nobody is given an address that a later entry wants to keep", async () => {
  const { writer } = await registry();
  const entries = [
    { name: "a", publicKey: newKey(), addresses: ["192.0.2.1/32"] },
    { name: "b", publicKey: newKey(), addresses: ["10.100.0.2/32"] },
    { name: "c", publicKey: newKey(), addresses: ["192.0.2.1/32"] },
    { name: "d", publicKey: newKey(), addresses: ["10.100.0.4/32"] },
  ];
  const { value } = await writer.importClients(entries, { dryRun: false }, WHO);
  expect(value.map(({ addresses }) => addresses[0])).toEqual([
    "10.100.0.3/32",
    "10.100.0.2/32",
    "10.100.0.5/32",
    "10.100.0.4/32",
  ]);
});

test("250 clients are three batches under one lock; a repeated request answers the same", async () => {
  const { root, writer } = await registry();
  const entries = Array.from({ length: 250 }, (_, i) => ({
    name: `c${String(i).padStart(3, "0")}`,
    publicKey: newKey(),
    addresses: [`10.100.5.${i}/32`],
  }));
  const context = { ...WHO, requestKey: "import-request" };
  const first = await writer.importClients(entries, { dryRun: false }, context);
  expect(first.value.every(({ outcome }) => outcome === "kept")).toBe(true);
  expect(first.revision).toBe(250);
  expect(await writer.importClients(entries, { dryRun: false }, context)).toEqual({
    ...first,
    repeated: true,
  });
  expect(await fs.readdir(join(root, "keys"))).toHaveLength(250);
  expect((await writer.add({ name: "next", publicKey: newKey() }, WHO)).value.addresses).toEqual([
    "10.100.0.2/32",
  ]);
}, 60_000);

test("a range that is full refuses the rest and keeps what went in", async () => {
  const root = folder();
  await initRegistry(root, { ...CLUSTER, tunnelIpv4: "10.100.0.0/29" });
  const entries = Array.from({ length: 6 }, (_, i) => ({
    name: `c${i}`,
    publicKey: newKey(),
    addresses: ["1.1.1.1/32"],
  }));
  const { value } = await new RegistryWriter(root).importClients(entries, { dryRun: false }, WHO);
  expect(value.map(({ outcome }) => outcome)).toEqual([
    "changed",
    "changed",
    "changed",
    "changed",
    "refused",
    "refused",
  ]);
  expect(value[5]?.reasons).toEqual(["no free address is left in 10.100.0.0/29"]);
});

test("a client that is there is told to be revoked in the one place and not in the other; it stays as it is", async () => {
  const { root, writer } = await registry();
  const [alice, bob] = [newKey(), newKey()];
  await writer.add({ name: "alice", publicKey: alice }, WHO);
  await writer.add({ name: "bob", publicKey: bob }, WHO);
  await writer.revoke("bob", WHO);
  const entries = (revoked: boolean): ImportEntry[] => [
    { name: "alice", publicKey: alice, addresses: ["10.100.0.2/32"], revoked },
    { name: "bob", publicKey: bob, addresses: ["10.100.0.3/32"], revoked },
  ];
  const reasons = async (revoked: boolean) =>
    (await writer.importClients(entries(revoked), { dryRun: false }, WHO)).value.map((one) => one.reasons);
  expect(await reasons(true)).toEqual([["is revoked in the file, but not here, and stays so"], []]);
  expect(await reasons(false)).toEqual([[], ["is revoked here, but not in the file, and stays so"]]);
  expect((await readClient(root, "alice"))?.revokedAt).toBeUndefined();
});
