import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import { join } from "node:path";
import { readAudit, verifyAudit } from "../../registry/audit";
import { type AuditEntry, hashEntry, readTail } from "../../registry/audit-log";
import { initRegistry } from "../../registry/init";
import { readChanges } from "../../registry/reader";
import { addClient, RegistryWriter } from "../../registry/writer";
import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;

async function registry(clients: number): Promise<string> {
  const root = folder();
  await initRegistry(root, CLUSTER);
  for (let i = 1; i <= clients; i++) await addClient(root, { name: `client-${i}`, publicKey: newKey() });
  return root;
}
const log = (root: string) => join(root, "audit.log");
const lines = async (root: string) => (await fs.readFile(log(root), "utf8")).split("\n").slice(0, -1);
const write = (root: string, text: readonly string[]) =>
  fs.writeFile(log(root), text.map((line) => `${line}\n`).join(""));

test("each change is one line: who, what, when, both revisions, the names of the fields, and no secret", async () => {
  const root = folder();
  const now = new Date("2026-06-01T10:00:00Z");
  const writer = new RegistryWriter(root, { now: () => now });
  const context = { who: "arn:aws:iam::123456789012:user/ops", invocation: "b2c1" };
  await writer.init(CLUSTER, context);
  const [first, second] = [generatePresharedKey(), generatePresharedKey()];
  const publicKey = newKey();
  await writer.add(
    { name: "alice", publicKey, presharedKey: first },
    { ...context, requestKey: "request-1" },
  );
  await writer.rotate("alice", { presharedKey: second, overlapSeconds: 0 }, context);
  await writer.update("alice", { tags: { team: "ops" }, expiresAt: "2027-01-01T00:00:00Z" }, context);
  await writer.update("alice", { tags: { team: "ops" } }, context); // changes nothing, so it is no change
  await writer.setCluster({ ...CLUSTER, mtu: 1400 }, context);
  await writer.remove("alice", { who: "bob", operation: "offboard" });
  const { entries } = await readAudit(root);
  const about = entries.map((entry) => [
    entry.sequence,
    entry.who.slice(-3),
    entry.operation,
    entry.client,
    entry.before,
    entry.after,
    entry.changed,
  ]);
  expect(about).toEqual([
    [1, "ops", "init", undefined, 0, 0, []],
    [
      2,
      "ops",
      "add",
      "alice",
      0,
      1,
      ["schema", "name", "publicKey", "addresses", "presharedKey", "createdAt", "tags"],
    ],
    [3, "ops", "rotate", "alice", 1, 2, ["presharedKey"]],
    [4, "ops", "update", "alice", 2, 3, ["tags", "expiresAt"]],
    [5, "ops", "set-cluster", undefined, 3, 3, ["mtu"]],
    [6, "bob", "offboard", "alice", 3, 4, expect.arrayContaining(["publicKey", "addresses"])],
  ]);
  expect(entries[1]).toMatchObject({
    invocation: "b2c1",
    time: now.toISOString(),
    claims: [publicKey, "10.100.0.2/32"],
  });
  const text = await fs.readFile(log(root), "utf8");
  for (const secret of [
    first,
    second,
    (await fs.readFile(join(root, "server/private.key"), "utf8")).trim(),
    "request-1",
  ])
    expect(text).not.toContain(secret);
  expect((await fs.stat(log(root))).mode & 0o777).toBe(0o600);
});

test("the chain is SHA-256 over the hash before and the entry's text, as anybody can compute it", async () => {
  const root = await registry(2);
  let before = "";
  for (const line of await lines(root)) {
    const [, body, hash] = /^(.*),"hash":"([0-9a-f]{64})"\}$/.exec(line) ?? [];
    expect(hash).toBe(createHash("sha256").update(`${before}\n${body}}`).digest("hex"));
    before = hash ?? "";
  }
  expect((await readChanges(root)).audit).toEqual({
    sequence: 2,
    hash: before,
    size: (await fs.stat(log(root))).size,
  });
});

test.each<[string, (text: string[]) => string[], string]>([
  [
    "an edited name",
    (t) => t.with(2, (t[2] ?? "").replace("client-3", "client-9")),
    "entry 3 or the one before was changed",
  ],
  [
    "an edited last entry",
    (t) => t.with(5, (t[5] ?? "").replace("local", "alien")),
    "entry 6 or the one before",
  ],
  [
    "another spelling of the same entry",
    (t) => t.with(2, (t[2] ?? "").replace('","', '", "')),
    "after entry 2: a line is no entry",
  ],
  ["a line taken out", (t) => t.toSpliced(2, 1), "after entry 2: entry 4 follows"],
  ["two lines exchanged", (t) => t.with(1, t[2] ?? "").with(2, t[1] ?? ""), "after entry 1: entry 3 follows"],
  ["a line put in", (t) => t.toSpliced(2, 0, "nothing to see"), "after entry 2: a line is no entry"],
  ["the first lines cut off", (t) => t.slice(2), "after entry 0: entry 3 follows"],
  ["the last lines cut off", (t) => t.slice(0, 4), "entries 5 to 6 are missing at the end"],
  [
    "half of the last line cut off",
    (t) => t.with(5, (t[5] ?? "").slice(0, 80)),
    "after entry 5: a line is no entry",
  ],
  ["everything gone", () => [], "entries 1 to 6 are missing at the end"],
  [
    "an edited entry with all hashes after it made anew",
    (t) => {
      let before = "";
      return t.map((line, index) => {
        const { hash: _, ...entry } = JSON.parse(line);
        if (index === 3) entry.who = "somebody else";
        before = hashEntry(before, JSON.stringify(entry));
        return JSON.stringify({ ...entry, hash: before });
      });
    },
    "entry 6 is not the one that was announced",
  ],
])("tampering shows: %s", async (_, tamper, problem) => {
  const root = await registry(6);
  expect(await verifyAudit(root)).toMatchObject({ entries: 6, intact: true, head: { sequence: 6 } });
  await write(root, tamper(await lines(root)));
  expect(await verifyAudit(root)).toMatchObject({ intact: false, problem: expect.stringContaining(problem) });
  // Neither the next writer nor the one after it covers it up.
  await addClient(root, { name: "next", publicKey: newKey() });
  await addClient(root, { name: "after-next", publicKey: newKey() });
  expect((await verifyAudit(root)).intact).toBe(false);
});

test("a log that is gone as a whole shows, and goes on with the next number", async () => {
  const root = await registry(3);
  await fs.rm(log(root));
  expect(await verifyAudit(root)).toMatchObject({ intact: false, problem: "the log is missing" });
  await addClient(root, { name: "next", publicKey: newKey() });
  expect((await readAudit(root)).entries.map(({ sequence }) => sequence)).toEqual([4]);
  expect(await verifyAudit(root)).toMatchObject({
    intact: false,
    problem: expect.stringContaining("entry 4 follows"),
  });
});

/** A history that holds in itself, of the same entries as edited. */
const chained = (entries: readonly AuditEntry[]): string[] => {
  let hash = "";
  return entries.map(({ hash: _, ...entry }, index) => {
    const body = { ...entry, sequence: index + 1 };
    hash = hashEntry(hash, JSON.stringify(body));
    return JSON.stringify({ ...body, hash });
  });
};

/** The log and the feed's head set to this. */
async function forge(root: string, text: readonly string[], withHead: boolean): Promise<void> {
  const path = join(root, "changes.json");
  const { audit: _, ...feed } = JSON.parse(await fs.readFile(path, "utf8"));
  const content = text.map((line) => `${line}\n`).join("");
  const last = JSON.parse(text.at(-1) ?? "null");
  const head = { sequence: last?.sequence, hash: last?.hash, size: content.length };
  await fs.writeFile(log(root), content);
  if (text.length === 0) await fs.rm(log(root));
  await fs.writeFile(path, JSON.stringify(withHead ? { ...feed, audit: head } : feed));
}

test.each<[string, boolean, (entries: readonly AuditEntry[]) => readonly AuditEntry[], string, boolean]>([
  [
    "the end cut off, the head set back",
    true,
    (e) => e.slice(0, 5),
    "the last entry leads to revision 5",
    true,
  ],
  [
    "the end cut off, the head removed",
    false,
    (e) => e.slice(0, 4),
    "the last entry leads to revision 4",
    true,
  ],
  ["the log and the head removed", false, () => [], "the log is missing", true],
  [
    "everything written anew",
    true,
    (e) => e.map((entry) => ({ ...entry, who: "somebody else" })),
    "entry 6 is not the one whose hash was kept",
    false,
  ],
  [
    "an entry in the middle left out",
    true,
    (e) => e.toSpliced(2, 1),
    "entries 6 to 6, which was kept, are missing at the end",
    false,
  ],
])(
  "tampering with both files shows against a head that was kept, where it can also without: %s",
  async (_, withHead, edit, problem, shows) => {
    const root = await registry(6);
    const { head } = await verifyAudit(root);
    const { entries } = await readAudit(root);
    await forge(root, chained(edit(entries)), withHead);
    expect((await verifyAudit(root)).intact).toBe(!shows);
    expect(await verifyAudit(root, head)).toMatchObject({ intact: false });
    const told = await verifyAudit(root, shows ? undefined : head);
    expect(told.problem).toContain(problem);
  },
);

test("a head that was kept holds while the log goes on", async () => {
  const root = await registry(3);
  const { head } = await verifyAudit(root);
  await addClient(root, { name: "next", publicKey: newKey() });
  expect(await verifyAudit(root, head)).toMatchObject({ intact: true, head: { sequence: 4 } });
});

test("a torn last line is no tampering, is not read, and the next writer takes it away", async () => {
  const root = await registry(3);
  await fs.appendFile(log(root), '{"sequence":4,"time":"20');
  expect(await verifyAudit(root)).toMatchObject({ entries: 3, intact: true, head: { sequence: 3 } });
  expect((await readAudit(root)).entries).toHaveLength(3);
  await addClient(root, { name: "next", publicKey: newKey() });
  expect((await lines(root)).map((line) => JSON.parse(line).sequence)).toEqual([1, 2, 3, 4]);
  expect(await verifyAudit(root)).toMatchObject({ entries: 4, intact: true, head: { sequence: 4 } });
});

test("an entry that chains but was never announced is an interrupted change, not a part of history", async () => {
  const root = await registry(1);
  const feed = await readChanges(root);
  const { end } = await readTail(log(root), feed.audit);
  const body = {
    sequence: 2,
    time: "2026-01-01T00:00:00Z",
    who: "mallory",
    operation: "revoke",
    client: "client-1",
    before: 1,
    after: 2,
    changed: ["revokedAt"],
  };
  await fs.appendFile(
    log(root),
    `${JSON.stringify({ ...body, hash: hashEntry(end.hash, JSON.stringify(body)) })}\n`,
  );
  await addClient(root, { name: "next", publicKey: newKey() });
  const { entries } = await readAudit(root, { after: 1 });
  expect(entries.map(({ operation, mends }) => [operation, mends])).toEqual([
    ["revoke", undefined],
    ["undone", 2],
    ["add", undefined],
  ]);
});

test("pages: each entry once, in order, wherever the page begins, also in a log of many pieces", async () => {
  const root = await registry(1);
  let before = JSON.parse((await lines(root))[0] ?? "").hash as string;
  const more: string[] = [];
  for (let sequence = 2; sequence <= 3000; sequence++) {
    const who = "x".repeat((sequence * 37) % 300);
    const body = { sequence, time: "t", who, operation: "o", before: 1, after: 1, changed: [] };
    before = hashEntry(before, JSON.stringify(body));
    more.push(JSON.stringify({ ...body, hash: before }));
  }
  await fs.appendFile(log(root), more.map((line) => `${line}\n`).join(""));
  const seen: number[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof readAudit>> = await readAudit(root, { after, limit: 700 });
    seen.push(...page.entries.map(({ sequence }) => sequence));
    after = page.next;
  }
  expect(seen).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1));
  for (const after of [1, 777, 1500, 2222, 2998, 2999]) {
    const { entries } = await readAudit(root, { after, limit: 2 });
    expect(entries.map(({ sequence }) => sequence)).toEqual([after + 1, after + 2].filter((n) => n <= 3000));
  }
  expect(await readAudit(root, { after: 3000 })).toEqual({ entries: [] });
});
