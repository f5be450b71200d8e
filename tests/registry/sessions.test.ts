import { execFile } from "node:child_process";
import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { SessionReader } from "../../registry/session-reader";
import {
  appendSessions,
  instanceOfSessionLog,
  parseSessions,
  renderSession,
  rewriteSessions,
  type SessionRecord,
  sessionLogPath,
} from "../../registry/sessions";
import { folders } from "./support";

const folder = folders();
const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const NOW = Date.parse("2026-01-01T00:00:00Z");

const record: fc.Arbitrary<SessionRecord> = fc.record({
  publicKey: fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString("base64")),
  index: fc.integer({ min: 0, max: 0xffffffff }),
  at: fc.integer({ min: 0, max: 8_640_000_000_000 }),
});
const records = (count: number, from = 0): SessionRecord[] =>
  Array.from({ length: count }, (_, i) => ({ publicKey: key(i & 255), index: from + i, at: NOW + from + i }));

/** A log of a server in a fresh runtime folder, and a reader of that folder. */
async function setup(instance = "i-a") {
  const root = folder();
  const path = sessionLogPath(root, instance);
  await fs.mkdir(dirname(path), { recursive: true });
  const reader = new SessionReader(root);
  const poll = async () => (await reader.poll()).flatMap(({ records: found }) => found);
  return { root, path, reader, poll };
}

test("what is rendered is parsed again, all of it and in order", () => {
  fc.assert(
    fc.property(fc.array(record), (all) => {
      expect(parseSessions(all.map(renderSession).join(""))).toEqual(all);
    }),
  );
});

test("a line torn at any byte costs that record only, whatever follows it", () => {
  fc.assert(
    fc.property(record, record, record, (first, torn, last) => {
      const line = renderSession(torn);
      for (let cut = 0; cut < line.length; cut++) {
        const text = `${renderSession(first)}${line.slice(0, cut)}`;
        // Without its line end the whole line is complete in content; any shorter piece is no record.
        expect(parseSessions(text)).toEqual(cut === line.length - 1 ? [first, torn] : [first]);
        const found = parseSessions(`${text}\n${renderSession(last)}`);
        expect(found).toEqual(cut === line.length - 1 ? [first, torn, last] : [first, last]);
      }
    }),
    { numRuns: 20 },
  );
});

test.each([
  "kx 0000000a",
  `kx 0000000a ${key(1)} more`,
  `kx 0a ${key(1)}`,
  `kx 0000000A ${key(1)}`,
  `KX 0000000a ${key(1)}`,
  `zzzzzzzzzzz 0000000a ${key(1)}`,
  `kx 0000000a ${key(1).slice(0, 40)}AAA=x`,
])("no record: %s", (line) => expect(parseSessions(`${line}\n`)).toEqual([]));

test("logs are named after their server, and nothing else is one", () => {
  expect(sessionLogPath("/r", "i-0a")).toBe("/r/sessions/i-0a.log");
  expect(() => sessionLogPath("/r", "../x")).toThrow("cannot name a server's record");
  expect(["i-0a.log", ".i-0a.log", "i-0a.log.tmp", "x"].map(instanceOfSessionLog)).toEqual([
    "i-0a",
    undefined,
    undefined,
    undefined,
  ]);
});

test("each record is reported once, under its server, and nothing while there is no folder", async () => {
  const root = folder();
  const reader = new SessionReader(root);
  expect(await reader.poll()).toEqual([]);
  await rewriteSessions(sessionLogPath(root, "i-a"), records(2));
  await rewriteSessions(sessionLogPath(root, "i-b"), records(1, 9));
  const news = await reader.poll();
  expect(new Map(news.map((entry) => [entry.instance, entry.records]))).toEqual(
    new Map([
      ["i-a", records(2)],
      ["i-b", records(1, 9)],
    ]),
  );
  await appendSessions(sessionLogPath(root, "i-a"), records(3, 2));
  expect(await reader.poll()).toEqual([{ instance: "i-a", records: records(3, 2) }]);
  expect(await reader.poll()).toEqual([]);
});

test("an incomplete last line is left until its rest is there, wherever it is cut", async () => {
  const { path, poll } = await setup();
  const all = records(3);
  const text = all.map(renderSession).join("");
  const found: SessionRecord[] = [];
  for (let at = 0; at < text.length; at += 7) {
    await fs.appendFile(path, text.slice(at, at + 7));
    found.push(...(await poll()));
  }
  expect(found).toEqual(all);
});

test("a log that was written anew is read from its beginning, shorter or longer than before", async () => {
  const { path, poll } = await setup();
  await appendSessions(path, records(5));
  await poll();
  await rewriteSessions(path, records(1, 100));
  expect(await poll()).toEqual(records(1, 100));
  await rewriteSessions(path, records(20, 200));
  expect(await poll()).toEqual(records(20, 200));
});

test("a log that was cut in place is read again", async () => {
  const { path, poll } = await setup();
  await appendSessions(path, records(5));
  await poll();
  await fs.truncate(path, 0);
  await appendSessions(path, records(1, 50));
  expect(await poll()).toEqual(records(1, 50));
});

test("a log larger than one piece of reading is read whole", async () => {
  const { path, poll } = await setup();
  const many = records(40_000);
  await rewriteSessions(path, many);
  expect((await fs.stat(path)).size).toBeGreaterThan(2 << 20);
  const found = await poll();
  expect(found).toHaveLength(many.length);
  expect([found[0], found.at(-1)]).toEqual([many[0], many.at(-1)]);
});

test("a log that nobody has written to for an hour while others have is removed, whatever this server's clock says", async () => {
  const { root, path, reader } = await setup();
  const old = sessionLogPath(root, "i-old");
  await rewriteSessions(path, records(1));
  await rewriteSessions(old, records(1));
  const last = sessionLogPath(root, "i-last");
  await rewriteSessions(last, records(1));
  const ago = (seconds: number) => Date.now() / 1000 - 1e6 - seconds;
  await fs.utimes(last, ago(0), ago(0));
  await fs.utimes(path, ago(0), ago(3590));
  await fs.utimes(old, ago(0), ago(3601));
  await reader.poll(); // which log is the last one is known after a look
  await reader.poll();
  expect((await fs.readdir(join(root, "sessions"))).sort()).toEqual(["i-a.log", "i-last.log"]);
});

test("a folder that cannot be read is an error, not an empty directory", async () => {
  const root = folder();
  await fs.writeFile(join(root, "sessions"), "a file");
  await expect(new SessionReader(root).poll()).rejects.toThrow("ENOTDIR");
});

test("a log that was written anew under the number of the removed file is read from its beginning", async () => {
  const { path, poll } = await setup();
  await rewriteSessions(path, records(2));
  await poll();
  const other = `${path}.other`;
  await rewriteSessions(other, records(9, 300));
  await fs.writeFile(path, await fs.readFile(other)); // the same inode, another content, longer
  await fs.rm(other);
  expect(await poll()).toEqual(records(9, 300));
});

test("what is no file, or cannot be read, does not hide the logs of others, and is told", async () => {
  const { path, poll, reader } = await setup();
  await appendSessions(path, records(3));
  await promisify(execFile)("mkfifo", [join(dirname(path), "i-fifo.log")]);
  expect(await poll()).toEqual(records(3));
  expect(reader.problem).toBeUndefined();
  await appendSessions(path, records(1, 70));
  const broken = join(dirname(path), "i-broken.log");
  await fs.writeFile(broken, "x");
  const real = fs.open.bind(fs);
  const open = jest.spyOn(fs, "open").mockImplementation(async (file, ...more) => {
    if (file === broken) throw new Error("EIO");
    return real(file, ...more);
  });
  expect(await poll()).toEqual(records(1, 70));
  expect([reader.problem, reader.unread]).toEqual(["i-broken.log: EIO", ["i-broken"]]);
  open.mockRestore();
  expect(await poll()).toEqual([]);
  expect([reader.problem, reader.unread]).toEqual([undefined, []]);
});

test("a file that is longer than any log is not read into memory, and is told", async () => {
  const { path, poll, reader } = await setup();
  await appendSessions(path, records(3));
  const huge = join(dirname(path), "i-huge.log");
  await fs.writeFile(huge, "");
  await fs.truncate(huge, 257 << 20); // sparse
  expect(await poll()).toEqual(records(3));
  expect(reader.problem).toMatch(/^i-huge\.log: 269484032 bytes, more than any server writes/);
  await fs.rm(huge);
  await poll();
  expect(reader.problem).toBeUndefined();
});
