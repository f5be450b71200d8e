import { promises as fs } from "node:fs";
import { join } from "node:path";
import { checkRegistry } from "../../registry/check";
import { confirm, readConfirmed } from "../../registry/confirmed";
import { initRegistry } from "../../registry/init";
import { confirmedPath, keyFileName, runtimeOf } from "../../registry/layout";
import { readChanges, readClient } from "../../registry/reader";
import { RegistryWriter } from "../../registry/writer";
import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { hearServer } from "./faults/world";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;
const WHO = { who: "ops" };
const START = Date.parse("2026-06-01T00:00:00Z");
const DAY = 86_400;

async function registry() {
  const root = folder();
  await initRegistry(root, CLUSTER);
  await hearServer(root, 0);
  let now = START;
  const options = { now: () => new Date(now) };
  const writer = new RegistryWriter(root, options);
  const publicKey = newKey();
  const presharedKey = generatePresharedKey();
  await writer.add({ name: "alice", publicKey, presharedKey }, WHO);
  const pass = (seconds: number): void => {
    now += seconds * 1000;
  };
  const claims = async () => (await fs.readdir(join(root, "keys"))).sort();
  return { root, writer, publicKey, presharedKey, pass, claims, options };
}
const names = (...keys: string[]) => keys.map(keyFileName).sort();

test("a new key has the old one beside it until its time, with the preshared key that belonged to it; both are claimed", async () => {
  const { writer, publicKey, presharedKey, claims } = await registry();
  const [second, other] = [newKey(), generatePresharedKey()];
  const keys = { publicKey: second, presharedKey: other, overlapSeconds: 7 * DAY };
  const { value, revision } = await writer.rotate("alice", keys, WHO);
  expect(value).toMatchObject({ publicKey: second, presharedKey: other, addresses: ["10.100.0.2/32"] });
  expect(value.previous).toEqual({ publicKey, presharedKey, until: "2026-06-08T00:00:00.000Z" });
  expect([await claims(), revision]).toEqual([names(publicKey, second), 2]);
  for (const taken of [publicKey, second])
    await expect(writer.add({ name: "mallory", publicKey: taken }, WHO)).rejects.toThrow(
      "publicKey already belongs to client alice",
    );
});

test("a preshared key alone counts at once: a peer has one of them", async () => {
  const { writer, publicKey } = await registry();
  const presharedKey = generatePresharedKey();
  const { value } = await writer.rotate("alice", { presharedKey, overlapSeconds: DAY }, WHO);
  expect([value.publicKey, value.presharedKey, value.previous]).toEqual([publicKey, presharedKey, undefined]);
  const without = await writer.rotate("alice", { presharedKey: null, overlapSeconds: DAY }, WHO);
  expect("presharedKey" in without.value).toBe(false);
});

test("without an overlap the old key is gone at once and may be somebody else's", async () => {
  const { writer, publicKey, claims } = await registry();
  const second = newKey();
  expect(
    (await writer.rotate("alice", { publicKey: second, overlapSeconds: 0 }, WHO)).value.previous,
  ).toBeUndefined();
  expect(await claims()).toEqual(names(second));
  await writer.add({ name: "bob", publicKey }, WHO);
});

test("rotated again before the new key was used: the key that works stays, the unused one goes", async () => {
  const { writer, publicKey, claims } = await registry();
  const [second, third] = [newKey(), newKey()];
  await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  const { value } = await writer.rotate("alice", { publicKey: third, overlapSeconds: DAY }, WHO);
  expect([value.publicKey, value.previous?.publicKey]).toEqual([third, publicKey]);
  expect(await claims()).toEqual(names(publicKey, third));
  const back = await writer.rotate("alice", { publicKey, overlapSeconds: DAY }, WHO);
  expect([back.value.publicKey, back.value.previous]).toEqual([publicKey, undefined]);
  expect(await claims()).toEqual(names(publicKey));
});

test("rotated again after the new key was used: that one is the former key now", async () => {
  const { root, writer, claims } = await registry();
  const [second, third] = [newKey(), newKey()];
  await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  await confirm(runtimeOf(root), second);
  const { value } = await writer.rotate("alice", { publicKey: third, overlapSeconds: DAY }, WHO);
  expect(value.previous?.publicKey).toBe(second);
  expect(await claims()).toEqual(names(second, third));
});

test.each([
  ["its time is over", true],
  ["the new one has been used", false],
])("the next change drops the former key when %s, and not before", async (_, byTime) => {
  const { root, writer, publicKey, pass, claims } = await registry();
  const second = newKey();
  await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  pass(DAY - 1);
  expect((await writer.update("alice", { tags: { a: "1" } }, WHO)).value.previous?.publicKey).toBe(publicKey);
  if (byTime) pass(1);
  else await confirm(runtimeOf(root), second);
  expect((await writer.revoke("alice", WHO)).value.previous).toBeUndefined();
  expect(await claims()).toEqual(names(second));
});

test("a repair drops it too, and takes the mark away", async () => {
  const { root, writer, pass, claims, options } = await registry();
  const second = newKey();
  await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  const look = (repair: boolean) => checkRegistry(root, runtimeOf(root), { ...options, repair });
  expect((await look(true)).findings).toEqual([]);
  await confirm(runtimeOf(root), second);
  await confirm(runtimeOf(root), newKey()); // of a client that is gone
  pass(1);
  expect((await look(false)).findings).toEqual([]); // nothing is wrong with it
  const { findings } = await look(true);
  expect(findings.map(({ problem, repaired }) => [problem, repaired])).toEqual([
    ["marks a key that is not new", true],
    ["had a former key that is no longer needed", true],
  ]);
  expect((await readClient(root, "alice"))?.previous).toBeUndefined();
  expect([await claims(), (await readChanges(root)).revision]).toEqual([names(second), 3]);
});

test("a mark from an earlier life of a key does not end a new overlap before it began", async () => {
  const { root, writer, publicKey } = await registry();
  const second = newKey();
  await confirm(runtimeOf(root), second);
  await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  expect(await readConfirmed(runtimeOf(root))).toEqual(new Set());
  await confirm(runtimeOf(root), second);
  await confirm(runtimeOf(root), second);
  expect(await readConfirmed(runtimeOf(root))).toEqual(new Set([second]));
  expect(await fs.readFile(confirmedPath(runtimeOf(root), second), "utf8")).toBe("");
  expect((await writer.update("alice", { tags: {} }, WHO)).value.publicKey).not.toBe(publicKey);
});

test("the same new key again is no change; none at all, or somebody else's, is refused", async () => {
  const { writer, publicKey } = await registry();
  const second = newKey();
  const first = await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  const again = await writer.rotate("alice", { publicKey: second, overlapSeconds: DAY }, WHO);
  expect(again).toEqual({ ...first, revision: 2 });
  await expect(writer.rotate("alice", { overlapSeconds: DAY }, WHO)).rejects.toThrow(
    "there is nothing to rotate",
  );
  await writer.add({ name: "bob", publicKey: newKey() }, WHO);
  for (const taken of [publicKey, second])
    await expect(writer.rotate("bob", { publicKey: taken, overlapSeconds: DAY }, WHO)).rejects.toMatchObject({
      kind: "conflict",
      field: "publicKey",
      problem: "publicKey already belongs to client alice",
    });
  await expect(writer.rotate("carol", { publicKey: newKey(), overlapSeconds: 0 }, WHO)).rejects.toMatchObject(
    {
      kind: "unknown-client",
    },
  );
});
