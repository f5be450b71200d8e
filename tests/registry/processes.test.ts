import { promises as fs } from "node:fs";
import { join } from "node:path";
import { checkRegistry } from "../../registry/check";
import { initRegistry } from "../../registry/init";
import { runtimeOf } from "../../registry/layout";
import { readAllClients, readChanges, readServerKeys } from "../../registry/reader";
import { addClient } from "../../registry/writer";
import { generateKeyPair } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { bundleProgram, folders, startChild } from "./support";

const folder = folders();
let program = "";
beforeAll(() => {
  program = bundleProgram("writer", folder());
});

test("six processes that make one registry at once end with one key", async () => {
  for (let round = 0; round < 3; round++) {
    const root = folder();
    const children = Array.from({ length: 6 }, () => startChild(program, ["init", root]));
    const ends = await Promise.all(children.map((child) => child.ended));
    expect(ends.map((end) => [end.code, end.errors])).toEqual(ends.map(() => [0, ""]));
    const answers = children.map(
      (child) => JSON.parse(child.lines[0] ?? "{}") as { publicKey: string; created: boolean },
    );
    const { publicKey } = await readServerKeys(root);
    expect(new Set(answers.map((answer) => answer.publicKey))).toEqual(new Set([publicKey]));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(await fs.readFile(join(root, "server/public.key"), "utf8")).toBe(`${publicKey}\n`);
    expect(await fs.readdir(join(root, "server"))).toEqual(["private.key", "public.key"]);
  }
}, 60_000);

test("four processes that add clients at once never hand out an address twice and lose no change", async () => {
  const root = folder();
  await initRegistry(root, CLUSTER);
  const children = ["a", "b", "c", "d"].map((prefix) => startChild(program, ["add", root, prefix, "15"]));
  const ends = await Promise.all(children.map((child) => child.ended));
  expect(ends.map((end) => [end.code, end.errors])).toEqual(ends.map(() => [0, ""]));
  const clients = await readAllClients(root); // throws when an address or a key is there twice
  expect(clients).toHaveLength(60);
  const addresses = clients.map((client) => client.addresses[0]).sort();
  expect(new Set(addresses)).toEqual(new Set(Array.from({ length: 60 }, (_, i) => `10.100.0.${i + 2}/32`)));
  const feed = await readChanges(root);
  expect(feed.revision).toBe(60);
  expect(new Set(feed.changes.map((change) => change.name)).size).toBe(60);
}, 60_000);

/** What must hold whatever killed a writer: a reader reads all of it, and every acknowledged change is there. */
async function checkAfterCrash(root: string, lines: readonly string[]): Promise<void> {
  const clients = new Map((await readAllClients(root)).map((client) => [client.name, client]));
  await readChanges(root);
  const last = new Map<string, string[]>();
  for (const [verb = "", name = "", address = ""] of lines.map((line) => line.split(" ")))
    last.set(name, [verb, address]);
  const names = [...last.keys()];
  for (const [name, [verb, address]] of last) {
    const client = clients.get(name);
    // The very last client may be one step further than what was acknowledged.
    const mayBeAhead = name === names.at(-1);
    if (verb === "removed") expect(client).toBeUndefined();
    else if (!mayBeAhead)
      expect([client?.name, client?.revokedAt !== undefined]).toEqual([name, verb === "revoked"]);
    if (verb === "added" && client !== undefined) expect(client.addresses).toEqual([address]);
  }
}

test("a writer killed before any of its file system calls loses nothing, and the next writer goes on and mends", async () => {
  const whole = folder();
  await initRegistry(whole, CLUSTER);
  const dry = startChild(program, ["churn", whole, "c", "3"]);
  expect((await dry.ended).code).toBe(0);
  const calls = Number(/calls (\d+)/.exec(dry.lines.at(-1) ?? "")?.[1]);
  expect(calls).toBeGreaterThan(60);
  const points = Array.from({ length: calls }, (_, i) => i + 1);
  const crash = async (at: number) => {
    const root = folder();
    await initRegistry(root, CLUSTER);
    const child = startChild(program, ["churn", root, "c", "3"], { WGC_CRASH_AT: String(at) });
    expect((await child.ended).signal).toBe("SIGKILL");
    await checkAfterCrash(root, child.lines);
    // What the feed announces can be read; only c2 is removed again.
    const written = new Set((await readAllClients(root)).map((client) => client.name));
    const early = (await readChanges(root)).changes.filter(({ name }) => !written.has(name) && name !== "c2");
    expect({ at, early }).toEqual({ at, early: [] });
    const unacknowledged = (await readAllClients(root)).map((client) => client.name);
    const after = await addClient(root, { name: "after", publicKey: generateKeyPair().publicKey });
    const clients = await readAllClients(root);
    expect(clients.find((client) => client.name === "after")).toEqual(after);
    // Each claim belongs to a client that has it, so no address is lost, and everything that is there is in the feed.
    // (Temporary files of the dead one are the check's to remove.)
    const claims = (await fs.readdir(join(root, "addresses"))).filter((file) => !file.startsWith("."));
    const owned = clients.flatMap((client) => client.addresses.map((address) => address.split("/")[0]));
    const announced = new Set((await readChanges(root)).changes.map((change) => change.name));
    expect({ at, claims: claims.sort() }).toEqual({ at, claims: owned.sort() });
    expect({ at, missing: unacknowledged.filter((name) => !announced.has(name)) }).toEqual({
      at,
      missing: [],
    });
  };
  for (let at = 0; at < points.length; at += 4) await Promise.all(points.slice(at, at + 4).map(crash));
}, 120_000);

test("kill -9 at random moments, again and again on one registry", async () => {
  const root = folder();
  await initRegistry(root, CLUSTER);
  const lines: string[] = [];
  for (let round = 0; round < 12; round++) {
    const child = startChild(program, ["churn", root, `r${round}x`, "500"]);
    // Some time after a few changes: a moment in any part of the next one.
    const changes = 1 + Math.floor(Math.random() * 4);
    await new Promise<void>((resolve) => {
      child.process.stdout?.on("data", () => {
        if (child.lines.length >= changes) setTimeout(resolve, Math.random() * 25);
      });
    });
    child.process.kill("SIGKILL");
    await child.ended;
    await checkAfterCrash(root, child.lines);
    lines.push(...child.lines.filter((line) => line.startsWith("added")));
  }
  expect(lines.length).toBeGreaterThanOrEqual(12);
  await addClient(root, { name: "after", publicKey: generateKeyPair().publicKey });
  await checkRegistry(root, runtimeOf(root), { repair: true });
  expect((await checkRegistry(root, runtimeOf(root), { repair: false })).findings).toEqual([]);
}, 120_000);

test("an init killed before any of its calls leaves something that the next init finishes", async () => {
  for (let at = 1; ; at++) {
    const root = folder();
    const child = startChild(program, ["init", root], { WGC_CRASH_AT: String(at) });
    const { signal } = await child.ended;
    const before = await readServerKeys(root).catch(() => undefined);
    const { publicKey } = await initRegistry(root, CLUSTER);
    if (before !== undefined) expect(publicKey).toBe(before.publicKey);
    expect(
      (await addClient(root, { name: "alice", publicKey: generateKeyPair().publicKey })).addresses,
    ).toEqual(["10.100.0.2/32"]);
    if (signal === null) {
      expect(at).toBeGreaterThan(15);
      return;
    }
  }
}, 120_000);

test("a reader beside a busy writer never sees a part of anything, and finds what the feed has announced", async () => {
  const root = folder();
  await initRegistry(root, CLUSTER);
  const child = startChild(program, ["churn", root, "c", "60"]);
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  let reads = 0;
  let seen = 0;
  while (!over) {
    const feed = await readChanges(root);
    const clients = new Set((await readAllClients(root)).map((client) => client.name));
    const missing = feed.changes.filter(({ name }) => !clients.has(name) && Number(name.slice(1)) % 3 !== 2);
    expect(missing).toEqual([]);
    expect(feed.revision).toBeGreaterThanOrEqual(seen);
    seen = feed.revision;
    reads++;
  }
  expect((await child.ended).code).toBe(0);
  expect(reads).toBeGreaterThan(10);
}, 60_000);
