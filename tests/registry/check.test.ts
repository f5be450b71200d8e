import { promises as fs } from "node:fs";
import { join } from "node:path";
import { verifyAudit } from "../../registry/audit";
import { checkRegistry } from "../../registry/check";
import { initRegistry } from "../../registry/init";
import { keyFileName, runtimeOf } from "../../registry/layout";
import { takeLock } from "../../registry/lock";
import { changesSince, readAllClients, readChanges } from "../../registry/reader";
import { addClient, RegistryWriter, revokeClient } from "../../registry/writer";
import { generateKeyPair } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { listing } from "./faults/trial";
import { hearServer } from "./faults/world";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;

/** Alice and bob, the log and the feed of both. */
async function registry(): Promise<string> {
  const root = folder();
  await initRegistry(root, CLUSTER);
  await addClient(root, { name: "alice", publicKey: newKey() });
  await addClient(root, { name: "bob", publicKey: newKey() });
  await hearServer(root, 0);
  return root;
}
const options = { temporaryMs: 0, staleMs: 200 };
const look = (root: string) => checkRegistry(root, runtimeOf(root), { ...options, repair: false });
const repair = (root: string) => checkRegistry(root, runtimeOf(root), { ...options, repair: true });
const keyOf = async (root: string, name: string) =>
  (await readAllClients(root)).find((client) => client.name === name)?.publicKey ?? "";

test("a registry that was put back to an older state goes on above what servers have applied, and all of them read everything", async () => {
  const root = await registry();
  const nodes = join(runtimeOf(root), "nodes");
  await fs.mkdir(nodes, { recursive: true });
  const node = (instance: string, revision: number) =>
    fs.writeFile(
      join(nodes, `${instance}.json`),
      JSON.stringify({
        schema: 1,
        instance,
        revision,
        peers: 2,
        healthy: true,
        version: "1",
        time: new Date(),
      }),
    );
  await node("i-1", 2);
  expect((await look(root)).findings).toEqual([]);
  await node("i-2", 7);
  await node("i-3", 5);
  const { findings } = await look(root);
  expect(findings).toMatchObject([
    {
      path: join(root, "changes.json"),
      problem: expect.stringMatching(/^is at revision 2, but server i-2 has applied 7: /),
      repairable: true,
    },
  ]);
  expect(await repair(root)).toMatchObject({ findings: [{ repaired: true }] });
  const feed = await readChanges(root);
  expect(changesSince(feed, 7)).toEqual({ kind: "everything", revision: 8 });
  expect(changesSince(feed, 2)).toEqual({ kind: "everything", revision: 8 });
  expect((await look(root)).findings).toEqual([]);
  await revokeClient(root, "alice");
  expect(changesSince(await readChanges(root), 8)).toEqual({
    kind: "clients",
    revision: 9,
    names: ["alice"],
  });
});

test("where no server says now what it has applied, a repair goes on far above all that a backup can miss", async () => {
  const root = await registry();
  const nodes = join(runtimeOf(root), "nodes");
  await fs.rm(runtimeOf(root), { recursive: true });
  expect((await look(root)).findings).toEqual([]); // a registry without servers is nothing wrong
  expect((await repair(root)).findings).toMatchObject([
    { problem: expect.stringMatching(/^is at revision 2, and no server says now .* at revision 1000003$/) },
  ]);
  expect(changesSince(await readChanges(root), 9)).toEqual({ kind: "everything", revision: 1_000_003 });
  expect(await verifyAudit(root)).toMatchObject({ intact: true });
  // The records of a backup: their servers may be further by now.
  await hearServer(root, 1_000_009);
  const record = join(nodes, "i-1.json");
  await fs.writeFile(record, (await fs.readFile(record, "utf8")).replace("2999", "2001"));
  expect((await repair(root)).findings).toMatchObject([
    { problem: expect.stringContaining("server i-1 has applied 1000009") },
  ]);
  expect((await readChanges(root)).revision).toBe(2_000_010);
  await hearServer(root, 2_000_010);
  expect((await repair(root)).findings).toEqual([]);
});

test("a registry that is as it should be has no findings, and a check without repair writes nothing", async () => {
  const root = await registry();
  const before = await listing(root);
  expect(await look(root)).toEqual({ findings: [], clients: 2 });
  expect(await listing(root)).toBe(before);
  expect(await repair(root)).toEqual({ findings: [], clients: 2 });
  expect(await listing(root)).toBe(before);
});

const TEMPORARY = ".alice.json.4711.0123456789ab";
type Damage = (root: string) => Promise<unknown>;
const repairable: [string, Damage, string][] = [
  [
    "a claim of an address that nobody has",
    (r) => fs.writeFile(join(r, "addresses/10.100.0.99"), "zoe\n"),
    "addresses/10.100.0.99: claims what no client has",
  ],
  [
    "a claim of a key that nobody has",
    (r) => fs.writeFile(join(r, "keys", keyFileName(newKey())), "zoe\n"),
    ": claims what no client has",
  ],
  [
    "a missing claim of an address",
    (r) => fs.rm(join(r, "addresses/10.100.0.2")),
    "addresses/10.100.0.2: is missing: alice has it and nothing keeps others from it",
  ],
  [
    "missing claims of keys: a registry from before there were any",
    (r) => fs.rm(join(r, "keys"), { recursive: true }),
    "keys: is missing",
  ],
  [
    "a claim in another name",
    (r) => fs.writeFile(join(r, "addresses/10.100.0.2"), "bob\n"),
    "addresses/10.100.0.2: is not in the name of alice, who has it",
  ],
  [
    "a half-written claim",
    async (r) => fs.writeFile(join(r, "keys", keyFileName(await keyOf(r, "bob"))), ""),
    ": is not in the name of bob, who has it",
  ],
  [
    "a temporary file beside clients",
    (r) => fs.writeFile(join(r, "clients", TEMPORARY), "{"),
    `clients/${TEMPORARY}: is a temporary file that a dead writer left`,
  ],
  [
    "a temporary file of the registry",
    (r) => fs.writeFile(join(r, TEMPORARY), "{"),
    `${TEMPORARY}: is a temporary file that a dead writer left`,
  ],
  ["a missing public key", (r) => fs.rm(join(r, "server/public.key")), "server/public.key: is missing"],
  [
    "a torn line in the log",
    (r) => fs.appendFile(join(r, "audit.log"), '{"seq'),
    "audit.log: ends in a torn line that a dead writer left",
  ],
  [
    "an answer that cannot be read",
    (r) => fs.writeFile(join(r, "requests", `${"0".repeat(64)}.json`), "{"),
    ": is the answer to an old request",
  ],
  [
    "a broken feed",
    (r) => fs.writeFile(join(r, "changes.json"), '{"schema":1,"rev'),
    "changes.json: is not JSON",
  ],
  ["a missing feed", (r) => fs.rm(join(r, "changes.json")), "changes.json: does not exist"],
  ["a lock of a dead process", (r) => deadLock(r, "lock"), "lock: was left by a dead writer"],
  ["a guard of a dead process", (r) => deadLock(r, "lock.clear"), "lock.clear: was left by a dead writer"],
];

async function deadLock(root: string, file: string): Promise<void> {
  const { lock } = await takeLock(join(root, "lock"), { operation: "add", client: "zoe" });
  const text = JSON.parse(await fs.readFile(join(root, "lock"), "utf8"));
  await lock.release();
  await fs.writeFile(join(root, file), JSON.stringify({ ...text, start: "an earlier process" }));
}

test.each(repairable)(
  "%s is found, mended and then gone; clients are as before",
  async (_, damage, expected) => {
    const root = await registry();
    const clients = await readAllClients(root);
    await damage(root);
    const told = (findings: readonly { path: string; problem: string }[]) =>
      findings.map(({ path, problem }) => `${path.slice(root.length + 1)}: ${problem}`);
    const before = await listing(root);
    const first = await look(root);
    expect(told(first.findings)).toContainEqual(expect.stringContaining(expected));
    expect(await listing(root)).toBe(before);
    const mended = await repair(root);
    expect(told(mended.findings)).toContainEqual(expect.stringContaining(expected));
    expect(mended.findings.filter(({ repaired }) => !repaired)).toEqual([]);
    expect(await look(root)).toEqual({ findings: [], clients: 2 });
    expect(await readAllClients(root)).toEqual(clients);
    // It goes on: a new client gets what nobody has.
    const carol = await addClient(root, { name: "carol", publicKey: newKey() });
    expect(carol.addresses).not.toEqual(clients[0]?.addresses);
    expect((await readChanges(root)).revision).toBeGreaterThanOrEqual(3);
  },
);

const forPeople: [string, Damage, string, string][] = [
  [
    "a half-written client",
    (r) => fs.writeFile(join(r, "clients/alice.json"), '{"schema":1,'),
    "clients/alice.json: is not JSON",
    "restore it from the backup, or remove client alice",
  ],
  [
    "a file in clients that is none",
    (r) => fs.writeFile(join(r, "clients/notes.txt"), ""),
    "clients/notes.txt: does not belong here",
    "move it away",
  ],
  [
    "a file in addresses that is none",
    (r) => fs.writeFile(join(r, "addresses/readme"), ""),
    "addresses/readme: does not belong here",
    "move it away",
  ],
  [
    "a file beside the registry's own",
    (r) => fs.writeFile(join(r, "backup.tar"), ""),
    "backup.tar: does not belong here",
    "move it away",
  ],
  [
    "a private key that is none",
    (r) => fs.writeFile(join(r, "server/private.key"), "x"),
    "server/private.key: is not a private key",
    "restore",
  ],
  [
    "a public key of another pair",
    (r) => fs.writeFile(join(r, "server/public.key"), `${newKey()}\n`),
    "server/public.key: does not belong to",
    "restore the pair",
  ],
  [
    "an edited log",
    async (r) =>
      fs.writeFile(
        join(r, "audit.log"),
        (await fs.readFile(join(r, "audit.log"), "utf8")).replace("alice", "elice"),
      ),
    "audit.log: entry 1 or the one before was changed",
    "find out who changed the log",
  ],
  [
    "a rotation without its key",
    (r) =>
      fs.writeFile(
        join(r, "server/rotation.json"),
        JSON.stringify({
          schema: 1,
          phase: "rotating",
          next: { publicKey: newKey(), port: 51821 },
          startedAt: "2026-01-01T00:00:00Z",
        }),
      ),
    "server/next.key: is missing while the server key rotates",
    "restore it",
  ],
];

test.each(forPeople)(
  "%s is found; no repair touches it, and the remedy says what to do",
  async (_, damage, expected, remedy) => {
    const root = await registry();
    await damage(root);
    const before = await listing(root);
    for (const check of [look, repair]) {
      const { findings } = await check(root).catch(
        (error: Error) => ({ findings: [error.message] }) as never,
      );
      expect(findings).toEqual([
        {
          path: expect.any(String),
          problem: expect.any(String),
          remedy: expect.stringContaining(remedy),
          repairable: false,
          repaired: false,
        },
      ]);
      expect(`${findings[0]?.path.slice(root.length + 1)}: ${findings[0]?.problem}`).toContain(expected);
    }
    expect(await listing(root)).toBe(before);
  },
);

test("what a broken client had claimed is kept for it by a repair", async () => {
  const root = await registry();
  const publicKey = await keyOf(root, "alice");
  await fs.writeFile(join(root, "clients/alice.json"), "{");
  await repair(root);
  await expect(addClient(root, { name: "mallory", publicKey })).rejects.toThrow(
    "already belongs to client alice",
  );
  expect(await fs.readFile(join(root, "addresses/10.100.0.2"), "utf8")).toBe("alice\n");
});

test("two clients with one key or address, and one outside of the range, are for people to settle", async () => {
  const root = await registry();
  const alice = JSON.parse(await fs.readFile(join(root, "clients/alice.json"), "utf8"));
  await fs.writeFile(
    join(root, "clients/zoe.json"),
    JSON.stringify({ ...alice, name: "zoe", sequence: undefined }),
  );
  await fs.writeFile(
    join(root, "clients/yves.json"),
    JSON.stringify({
      ...alice,
      name: "yves",
      publicKey: newKey(),
      addresses: ["192.0.2.7/32"],
      sequence: undefined,
    }),
  );
  const { findings } = await repair(root);
  const open = findings
    .filter(({ repairable }) => !repairable)
    .map(({ path, problem }) => [path.split("/").at(-1), problem]);
  expect(open).toEqual([
    ["zoe.json", `public key ${alice.publicKey} already belongs to client alice`],
    ["zoe.json", "address 10.100.0.2/32 already belongs to client alice"],
    ["yves.json", "192.0.2.7 is outside of the clients' range in 10.100.0.0/16"],
  ]);
});

test("a client whose file is newer than the feed is announced by a repair", async () => {
  const root = await registry();
  const feed = await fs.readFile(join(root, "changes.json"), "utf8");
  const log = await fs.readFile(join(root, "audit.log"), "utf8");
  await revokeClient(root, "alice");
  await fs.writeFile(join(root, "changes.json"), feed); // as a backup that was made in between
  await fs.writeFile(join(root, "audit.log"), log);
  const problems = (await look(root)).findings.map(({ problem }) => problem);
  expect(problems).toEqual(["has not been announced to the servers"]);
  await repair(root);
  expect((await readChanges(root)).changes.map(({ name }) => name)).toEqual(["alice", "bob", "alice"]);
});

test("what a living writer is about is no finding", async () => {
  const root = await registry();
  // A busy machine may hold the writer up for seconds; nobody else writes here.
  const staleMs = 60_000;
  const writer = new RegistryWriter(root, { staleMs });
  let over = false;
  const busy = (async () => {
    for (let i = 0; i < 30 && !over; i++) {
      await writer.add({ name: `c${i}`, publicKey: newKey() }, { who: "test" });
      await writer.remove(`c${i}`, { who: "test" });
    }
    over = true;
  })();
  let looks = 0;
  try {
    while (!over) {
      expect((await checkRegistry(root, runtimeOf(root), { repair: false, staleMs })).findings).toEqual([]);
      looks++;
    }
  } finally {
    over = true;
    await busy;
  }
  expect(looks).toBeGreaterThan(0);
});

test("a repair is in the audit log, with what it mended", async () => {
  const root = await registry();
  await fs.writeFile(join(root, "addresses/10.100.0.99"), "zoe\n");
  await checkRegistry(root, runtimeOf(root), { ...options, repair: true, context: { who: "arn:ops" } });
  const last = JSON.parse(
    (await fs.readFile(join(root, "audit.log"), "utf8")).trim().split("\n").at(-1) ?? "",
  );
  expect(last).toMatchObject({ who: "arn:ops", operation: "repair", changed: ["addresses/10.100.0.99"] });
});
