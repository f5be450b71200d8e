import { promises as fs } from "node:fs";
import { join } from "node:path";
import { ClientIndex, type ClientQuery } from "../../registry/client-index";
import { initRegistry } from "../../registry/init";
import { editDistance, nearestName } from "../../registry/names";
import { forgetNodes, readNodes } from "../../registry/nodes";
import { RegistryWriter } from "../../registry/writer";
import { generateKeyPair } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;
const WHO = { who: "ops" };
const NOW = new Date("2026-06-01T00:00:00Z");

async function registry() {
  const root = folder();
  await initRegistry(root, CLUSTER);
  const writer = new RegistryWriter(root, { now: () => new Date("2026-01-01T00:00:00Z") });
  const add = (name: string, more: object = {}) => writer.add({ name, publicKey: newKey(), ...more }, WHO);
  await add("alice", { tags: { team: "ops", site: "a" } });
  await add("bob", { tags: { team: "ops" }, expiresAt: "2026-03-01T00:00:00Z" });
  await add("carol", { tags: { team: "dev" }, expiresAt: "2026-09-01T00:00:00Z" });
  await add("dave", { expiresAt: "2026-02-01T00:00:00Z" });
  await writer.revoke("dave", WHO);
  await add("alina");
  return { root, writer, add, index: new ClientIndex(root) };
}
const names = async (index: ClientIndex, query: Partial<ClientQuery>) => {
  const { clients, next, total } = await index.page({ limit: 10, ...query }, NOW);
  return [clients.map(({ name }) => name).join(" "), next, total];
};

const queries: [Partial<ClientQuery>, string, string | undefined, number][] = [
  [{}, "alice alina bob carol dave", undefined, 5],
  [{ limit: 2 }, "alice alina", "alina", 5],
  [{ limit: 2, after: "alina" }, "bob carol", "carol", 5],
  [{ limit: 2, after: "carol" }, "dave", undefined, 5],
  [{ limit: 5 }, "alice alina bob carol dave", undefined, 5],
  [{ after: "b" }, "bob carol dave", undefined, 5],
  [{ after: "zoe" }, "", undefined, 5],
  [{ search: "ali" }, "alice alina", undefined, 2],
  [{ search: "ali", limit: 1 }, "alice", "alice", 2],
  [{ state: "active" }, "alice alina carol", undefined, 3],
  [{ state: "expired" }, "bob", undefined, 1],
  [{ state: "revoked" }, "dave", undefined, 1],
  [{ state: "active", limit: 1, after: "alice" }, "alina", "alina", 3],
  [{ tags: { team: "ops" } }, "alice bob", undefined, 2],
  [{ tags: { team: "ops", site: "a" } }, "alice", undefined, 1],
  [{ expiresBefore: "2026-06-01T00:00:00Z" }, "bob dave", undefined, 2],
  [{ expiresBefore: "2026-06-01T00:00:00Z", state: "expired", search: "o" }, "bob", undefined, 1],
];

test.each(queries)("the page for %j is the same cold and warm", async (query, found, next, total) => {
  const { index } = await registry();
  expect(await names(index, query)).toEqual([found, next, total]);
  await index.all();
  expect(await names(index, query)).toEqual([found, next, total]);
});

test("a warm index sees what others changed, added and removed, and reads only that", async () => {
  const { root, writer, add, index } = await registry();
  await index.all();
  // Not announced, so it is not read again: the proof that the others were not.
  await fs.writeFile(join(root, "clients/alice.json"), "{");
  await writer.remove("alina", WHO);
  await writer.update("carol", { tags: { team: "ops" } }, WHO);
  await add("bill");
  expect(await names(index, {})).toEqual(["alice bill bob carol dave", undefined, 5]);
  expect(await names(index, { tags: { team: "ops" } })).toEqual(["alice bob carol", undefined, 3]);
  const feed = JSON.parse(await fs.readFile(join(root, "changes.json"), "utf8"));
  await fs.writeFile(join(root, "changes.json"), JSON.stringify({ ...feed, revision: 5000, changes: [] }));
  expect(await names(index, {})).toEqual(["bill bob carol dave", undefined, 4]); // everything anew
});

test("a page goes on behind a client that cannot be read", async () => {
  const { root, index } = await registry();
  await fs.writeFile(join(root, "clients/alina.json"), "{");
  expect(await names(index, { limit: 2 })).toEqual(["alice", "alina", 4]);
  expect(await names(index, { limit: 2, after: "alina" })).toEqual(["bob carol", "carol", 5]);
});

test.each([
  ["alcie", "alice"],
  ["Alice", "alice"],
  ["alicee", "alice"],
  ["bbo", "bob"],
  ["car0l", "carol"],
  ["mallory", undefined],
  ["x", undefined],
])("who was meant by %s: %s", async (typed, meant) => {
  const { index } = await registry();
  expect(await index.didYouMean(typed)).toBe(meant);
  await index.all();
  expect(await index.didYouMean(typed)).toBe(meant);
});

test.each([
  ["", "", 0],
  ["abc", "abc", 0],
  ["abc", "acb", 1],
  ["abc", "ab", 1],
  ["abc", "xabc", 1],
  ["kitten", "sitting", 3],
  ["abcdef", "badcfe", 3],
])("from %j to %j it is %d, both ways, and never more than the limit", (a, b, distance) => {
  expect([editDistance(a, b, 10), editDistance(b, a, 10)]).toEqual([distance, distance]);
  expect(editDistance(a, b, 2)).toBe(Math.min(distance, 2));
  expect(nearestName(a, [])).toBeUndefined();
});

test("servers' records, in order; broken ones and temporary files tell nothing", async () => {
  const root = folder();
  expect(await readNodes(root)).toEqual([]);
  const node = {
    schema: 1,
    revision: 3,
    peers: 2,
    healthy: true,
    version: "1",
    time: "2026-01-01T00:00:00Z",
  };
  await fs.mkdir(join(root, "nodes"));
  for (const instance of ["i-2", "i-1"])
    await fs.writeFile(join(root, "nodes", `${instance}.json`), JSON.stringify({ ...node, instance }));
  await fs.writeFile(join(root, "nodes/i-3.json"), "{");
  await fs.writeFile(join(root, "nodes/.i-4.json.1.abc"), JSON.stringify({ ...node, instance: "i-4" }));
  expect((await readNodes(root)).map(({ instance }) => instance)).toEqual(["i-1", "i-2"]);
});

test("records of servers that went a day ago are removed, by the younger of the clocks", async () => {
  const root = folder();
  await fs.mkdir(join(root, "nodes"));
  const NOW = Date.parse("2026-06-02T00:00:00Z");
  const times = {
    "i-1": "2026-06-02T00:00:00Z",
    "i-2": "2026-06-01T00:00:00Z",
    "i-3": "2026-05-31T23:59:59Z",
  };
  const rest = { schema: 1, revision: 3, peers: 2, healthy: true, version: "1" };
  for (const [instance, time] of Object.entries(times))
    await fs.writeFile(join(root, "nodes", `${instance}.json`), JSON.stringify({ ...rest, instance, time }));
  const left = async (now: number) => {
    await forgetNodes(root, await readNodes(root), now);
    return (await readNodes(root)).map(({ instance }) => instance);
  };
  expect(await left(NOW - 10_000)).toEqual(["i-1", "i-2", "i-3"]);
  expect(await left(NOW + 1e12)).toEqual(["i-1", "i-2"]);
  await forgetNodes(root, [], NOW);
});
