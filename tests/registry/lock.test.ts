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
