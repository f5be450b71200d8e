import { promises as fs } from "node:fs";
import { join } from "node:path";
import { readAudit } from "../../registry/audit";
import { initRegistry } from "../../registry/init";
import { readAllClients, readChanges, readClient } from "../../registry/reader";
import { beginRotation, finishRotation } from "../../registry/server-key";
import { RegistryWriter } from "../../registry/writer";
import { generateKeyPair, generatePresharedKey, ZERO_KEY } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { run } from "./faults/disk";
import { bury } from "./faults/world";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;
const START = Date.parse("2026-06-01T00:00:00Z");

async function registry(): Promise<{ root: string; writer: RegistryWriter; pass: (hours: number) => void }> {
  const root = folder();
  await initRegistry(root, CLUSTER);
  let now = START;
  const writer = new RegistryWriter(root, { now: () => new Date(now) });
  return {
    root,
    writer,
    pass: (hours) => {
      now += hours * 3_600_000;
    },
  };
}
const as = (requestKey: string) => ({ who: "ops", requestKey });

test("a repeated add answers as the first time and makes no second client, also when its expiry is over by then", async () => {
  const { root, writer, pass } = await registry();
  const presharedKey = generatePresharedKey();
  const client = { name: "alice", publicKey: newKey(), presharedKey, expiresAt: "2026-06-01T01:00:00Z" };
  const first = await writer.add(client, as("request-1"));
  pass(2);
  const again = await writer.add({ ...client }, as("request-1"));
  expect(again).toEqual({ ...first, value: { ...first.value, presharedKey: ZERO_KEY }, repeated: true });
  expect([await readAllClients(root), (await readChanges(root)).revision]).toEqual([[first.value], 1]);
  const kept = await fs.readdir(join(root, "requests"));
  expect(kept).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/)]);
  const text = await fs.readFile(join(root, "requests", kept[0] ?? ""), "utf8");
  for (const secret of [presharedKey, "request-1"]) expect(text).not.toContain(secret);
});

test("a late repetition does nothing, although the state has moved on: revoke, restore, revoke again", async () => {
  const { root, writer } = await registry();
  await writer.add({ name: "alice", publicKey: newKey() }, as("request-1"));
  const revoked = await writer.revoke("alice", as("request-2"));
  await writer.restore("alice", as("request-3"));
  expect(await writer.revoke("alice", as("request-2"))).toEqual({ ...revoked, repeated: true });
  expect((await readClient(root, "alice"))?.revokedAt).toBeUndefined();
  await writer.remove("alice", as("request-4"));
  await writer.add({ name: "alice", publicKey: newKey() }, as("request-5"));
  expect(await writer.remove("alice", as("request-4"))).toMatchObject({
    value: { name: "alice" },
    repeated: true,
  });
  expect(await readClient(root, "alice")).toBeDefined();
});

test("also a request that changed nothing is remembered: it changes nothing later either", async () => {
  const { root, writer } = await registry();
  await writer.add({ name: "alice", publicKey: newKey() }, as("request-1"));
  await writer.restore("alice", as("request-2")); // she was not revoked
  await writer.revoke("alice", as("request-3"));
  expect(await writer.restore("alice", as("request-2"))).toMatchObject({ repeated: true });
  expect((await readClient(root, "alice"))?.revokedAt).toBeDefined();
});

test.each<[string, (writer: RegistryWriter, publicKey: string) => Promise<unknown>]>([
  ["another operation", (writer) => writer.revoke("alice", as("request-1"))],
  ["another client", (writer, publicKey) => writer.add({ name: "bob", publicKey }, as("request-1"))],
  ["another key", (writer) => writer.add({ name: "alice", publicKey: newKey() }, as("request-1"))],
  [
    "another preshared key",
    (writer, publicKey) =>
      writer.add({ name: "alice", publicKey, presharedKey: generatePresharedKey() }, as("request-1")),
  ],
])("the same request key with %s is a conflict that changes nothing", async (_, other) => {
  const { root, writer } = await registry();
  const publicKey = newKey();
  await writer.add({ name: "alice", publicKey, presharedKey: generatePresharedKey() }, as("request-1"));
  await expect(other(writer, publicKey)).rejects.toMatchObject({
    kind: "conflict",
    field: "requestKey",
    problem: "this request key was used for another request (add at 2026-06-01T00:00:00.000Z)",
  });
  expect((await readChanges(root)).revision).toBe(1);
});

test("a request that was refused is judged anew when it is repeated", async () => {
  const { writer } = await registry();
  const [alice, bob] = [newKey(), newKey()];
  await writer.add({ name: "alice", publicKey: alice }, as("request-1"));
  await expect(writer.add({ name: "bob", publicKey: alice }, as("request-2"))).rejects.toThrow("belongs to");
  await expect(writer.revoke("bob", as("request-3"))).rejects.toThrow("there is no client bob");
  await writer.add({ name: "bob", publicKey: bob }, as("request-4"));
  expect((await writer.revoke("bob", as("request-3"))).repeated).toBeUndefined();
});

test("answers are kept for a day, go a few at a time, and a clock that was set back loses none", async () => {
  const { root, writer, pass } = await registry();
  await writer.add({ name: "alice", publicKey: newKey() }, as("request-0"));
  for (let i = 1; i <= 6; i++) await writer.update("alice", { tags: { n: `${i}` } }, as(`old-request-${i}`));
  pass(-48);
  expect((await writer.update("alice", { tags: { n: "6" } }, as("old-request-6"))).repeated).toBe(true);
  pass(48 + 23);
  expect((await writer.update("alice", { tags: { n: "6" } }, as("old-request-6"))).repeated).toBe(true);
  pass(2);
  const renewed = await writer.update("alice", { tags: { n: "5" } }, as("old-request-5"));
  expect(renewed.repeated).toBeUndefined();
  expect(renewed.revision).toBe(8); // every eighth change looks at some old ones
  expect(await fs.readdir(join(root, "requests"))).toHaveLength(1);
});

test("an answer that was written while the clock was a year behind is not old when the clock is right again", async () => {
  const { root, writer, pass } = await registry();
  await writer.add({ name: "alice", publicKey: newKey() }, as("request-0"));
  pass(-400 * 24);
  await writer.revoke("alice", as("request-1"));
  pass(400 * 24);
  await writer.restore("alice", as("request-2"));
  expect((await writer.revoke("alice", as("request-1"))).repeated).toBe(true);
  expect((await readClient(root, "alice"))?.revokedAt).toBeUndefined();
});

test("the server key's steps can be repeated too: a lost reply to finish is no error and no second rotation", async () => {
  const { root } = await registry();
  await beginRotation(root, as("begin-request"));
  const first = await finishRotation(root, as("finish-request"));
  const again = await finishRotation(root, as("finish-request"));
  expect(again).toEqual({ ...first, repeated: true });
  expect((await readAudit(root)).entries.map(({ operation }) => operation)).toEqual([
    "server-key begin",
    "server-key finish",
  ]);
  await expect(finishRotation(root, as("another-request"))).rejects.toThrow("no rotation of the server key");
});

test("a writer that died before it could answer: its change counts as made or as not made, for a late repetition too", async () => {
  const outcomes = new Set<string>();
  for (let at = 1; ; at++) {
    const { root, writer } = await registry();
    await run(() => writer.add({ name: "alice", publicKey: newKey() }, as("request-1")));
    const { outcome } = await run(() => writer.revoke("alice", as("request-2")), "kill", at);
    await bury(root);
    await run(() => writer.restore("alice", as("request-3"))); // somebody else goes on, and mends before
    const { entries } = await readAudit(root);
    const operations = entries.map(({ operation }) => operation);
    const made = operations.includes("revoke") && !operations.includes("undone");
    await run(() => writer.revoke("alice", as("request-2")));
    const revoked = (await readClient(root, "alice"))?.revokedAt !== undefined;
    expect({ at, revoked }).toEqual({ at, revoked: !made });
    outcomes.add(`${made} ${outcome !== undefined}`);
    if (outcome !== undefined) break;
  }
  expect(outcomes).toEqual(new Set(["false false", "true false", "true true"]));
});
