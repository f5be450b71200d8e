import { promises as fs } from "node:fs";
import { join } from "node:path";
import { takeLock } from "../../registry/lock";
import { folders } from "./support";

const folder = folders();
const FOREIGN = {
  token: "t",
  host: "another machine",
  pid: 1,
  start: "1",
  operation: "add",
  client: "alice",
};

test("a second writer waits for the first one", async () => {
  const path = join(folder(), "lock");
  const first = await takeLock(path, { operation: "add", client: "a" });
  await expect(takeLock(path, { operation: "add" }, { waitMs: 100 })).rejects.toThrow(
    `lock: is held by process ${process.pid} on`,
  );
  const waiting = takeLock(path, { operation: "add" });
  await first.lock.release();
  const second = await waiting;
  expect(second.interrupted).toEqual([]);
  await second.lock.release();
  await expect(fs.stat(path)).rejects.toThrow("ENOENT");
});

test("a lock of another machine is respected while it is touched and taken over when it no longer is", async () => {
  const path = join(folder(), "lock");
  await fs.writeFile(path, JSON.stringify(FOREIGN));
  let second = 0;
  const touching = setInterval(() => void fs.utimes(path, ++second, second), 30);
  await expect(takeLock(path, { operation: "add" }, { staleMs: 200, waitMs: 700 })).rejects.toThrow(
    "is held by process 1 on another machine",
  );
  clearInterval(touching);
  const { lock, interrupted } = await takeLock(
    path,
    { operation: "revoke", client: "bob" },
    { staleMs: 200, waitMs: 5000 },
  );
  expect(interrupted).toEqual([{ operation: "add", client: "alice" }]);
  await lock.release();
});

test("the lock of a dead process on this machine is taken over at once, by exactly one of many", async () => {
  const path = join(folder(), "lock");
  const mine = await takeLock(path, { operation: "add", client: "alice" });
  const file = JSON.parse(await fs.readFile(path, "utf8"));
  await fs.writeFile(path, JSON.stringify({ ...file, start: "1" })); // our number, but an earlier process
  let holders = 0;
  let most = 0;
  const seen: string[] = [];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const { lock, interrupted } = await takeLock(path, { operation: "add", client: "next" });
      most = Math.max(most, ++holders);
      seen.push(...interrupted.map((intent) => intent.client ?? ""));
      await new Promise((resolve) => setTimeout(resolve, 3));
      await lock.assertHeld();
      holders--;
      await lock.release();
    }),
  );
  expect(most).toBe(1);
  expect(seen).toEqual(["alice"]);
  await expect(mine.lock.assertHeld()).rejects.toThrow("was lost while writing");
  await mine.lock.release(); // not ours any more: must not remove anybody's lock
});

test("a holder that lost its lock does not release the new holder's", async () => {
  const path = join(folder(), "lock");
  const mine = await takeLock(path, { operation: "add" });
  await fs.writeFile(path, JSON.stringify(FOREIGN));
  await mine.lock.release();
  expect(JSON.parse(await fs.readFile(path, "utf8"))).toEqual(FOREIGN);
});

test("a release that the storage refuses does not fail, and shuts nobody out of this process", async () => {
  const path = join(folder(), "lock");
  const { lock } = await takeLock(path, { operation: "add", client: "alice" });
  const rm = jest.spyOn(fs, "rm").mockRejectedValueOnce(Object.assign(new Error("EIO"), { code: "EIO" }));
  await lock.release();
  rm.mockRestore();
  expect(JSON.parse(await fs.readFile(path, "utf8"))).toMatchObject({ client: "alice" });
  const next = await takeLock(path, { operation: "add" }, { waitMs: 0 });
  expect(next.interrupted).toEqual([{ operation: "add", client: "alice" }]);
  await next.lock.release();
});

test("taking the lock that failed half-way leaves none that this process takes for another's", async () => {
  const path = join(folder(), "lock");
  const link = fs.link.bind(fs);
  const spy = jest.spyOn(fs, "link").mockImplementationOnce(async (from, to) => {
    await link(from, to);
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  });
  await expect(takeLock(path, { operation: "add" })).rejects.toThrow("EIO");
  spy.mockRestore();
  await (await takeLock(path, { operation: "add" }, { waitMs: 0 })).lock.release();
});

test("another process's lock that nobody touches any more is stale also where that process lives", async () => {
  const path = join(folder(), "lock");
  const { lock } = await takeLock(path, { operation: "add" });
  const file = JSON.parse(await fs.readFile(path, "utf8"));
  await lock.release();
  const stat = await fs.readFile(`/proc/${process.ppid}/stat`, "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  await fs.writeFile(path, JSON.stringify({ ...file, token: "parent", pid: process.ppid, start }));
  const touching = setInterval(() => void fs.utimes(path, new Date(), new Date()), 30);
  await expect(takeLock(path, { operation: "add" }, { staleMs: 200, waitMs: 500 })).rejects.toThrow(
    `is held by process ${process.ppid}`,
  );
  clearInterval(touching);
  await (await takeLock(path, { operation: "add" }, { staleMs: 200, waitMs: 10_000 })).lock.release();
});

test("what several dead holders were doing is kept, in the lock too, until it is released", async () => {
  const path = join(folder(), "lock");
  const interrupted = [{ operation: "add", client: "alice" }, { operation: "import" }];
  const { lock } = await takeLock(path, { operation: "add" });
  const file = JSON.parse(await fs.readFile(path, "utf8"));
  const dead = { ...file, start: "1", operation: "revoke", client: "bob", interrupted };
  await fs.writeFile(path, JSON.stringify(dead));
  const next = await takeLock(path, { operation: "check" });
  const all = [...interrupted, { operation: "revoke", client: "bob" }];
  expect(next.interrupted).toEqual(all);
  expect(JSON.parse(await fs.readFile(path, "utf8"))).toMatchObject({ operation: "check", interrupted: all });
  await next.lock.release();
  await lock.release();
});

test("a holder whose touches fail stops writing after half of the stale time, although the lock still is its own", async () => {
  const path = join(folder(), "lock");
  const { lock } = await takeLock(path, { operation: "add" }, { staleMs: 60_000 });
  const now = performance.now();
  const clock = jest.spyOn(performance, "now");
  try {
    clock.mockReturnValue(now + 29_000);
    await lock.assertHeld();
    clock.mockReturnValue(now + 31_000);
    await expect(lock.assertHeld()).rejects.toThrow("was lost while writing");
  } finally {
    clock.mockRestore();
  }
  await lock.release();
});
