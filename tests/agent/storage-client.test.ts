import { type ChildProcess, execFileSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/clock";
import {
  forkWorker,
  StorageAnswerError,
  StorageClient,
  StorageUnavailableError,
} from "../../agent/storage-client";
import type { StorageRequest } from "../../agent/storage-protocol";
import { errorCode } from "../../registry/errors";
import { toJson } from "../../registry/files";
import { initRegistry } from "../../registry/init";
import { CLUSTER } from "../registry/cluster";
import { FakeClock, settle } from "./fake-clock";
import { client as clientFile, silent } from "./fixtures";
import { bundle, temporaryFolder } from "./namespace";

const folder = temporaryFolder();

/** A child process that never answers by itself. */
class FakeChild extends EventEmitter {
  exitCode: number | null = null;
  signalCode: string | null = null;
  readonly sent: StorageRequest[] = [];
  readonly signals: string[] = [];

  constructor(starts = true) {
    super();
    if (starts) queueMicrotask(() => this.emit("message", { kind: "ready" }));
  }

  send(request: StorageRequest, done: (error: Error | null) => void) {
    this.sent.push(request);
    done(null);
    return true;
  }

  kill(signal: string) {
    this.signals.push(signal);
    return true;
  }
}

function setup({ starts = true } = {}) {
  const clock = new FakeClock();
  const made: FakeChild[] = [];
  const client = new StorageClient({
    clock,
    log: silent,
    limitMs: 3000,
    startWorker: () => {
      const child = new FakeChild(starts);
      made.push(child);
      return child as unknown as ChildProcess;
    },
  });
  const ask = () => client.request("follow", { root: "/r", revision: 1 });
  return { clock, made, client, ask };
}

test("a slow start of the worker is not the storage's silence, but it too has an end", async () => {
  const { clock, made, ask } = setup({ starts: false });
  const first = Promise.allSettled([ask()]);
  await clock.advance(19_000);
  expect(made[0]?.signals).toEqual([]);
  made[0]?.emit("message", { kind: "ready" });
  await clock.advance(2999);
  expect(made[0]?.signals).toEqual([]);
  await clock.advance(1);
  expect(made[0]?.signals).toEqual(["SIGKILL"]);
  await first;
  await clock.advance(10_000);
  const second = Promise.allSettled([ask()]);
  await clock.advance(22_999);
  expect(made[1]?.signals).toEqual([]);
  await clock.advance(1);
  expect(made[1]?.signals).toEqual(["SIGKILL"]);
  await second;
});

test("an answer settles the request it belongs to", async () => {
  const { made, client, ask } = setup();
  const [first, second] = [ask(), ask()];
  const child = made[0];
  child?.emit("message", { id: child.sent[1]?.id, kind: "answer", value: "two" });
  child?.emit("message", {
    id: child.sent[0]?.id,
    kind: "error",
    message: "changes.json: broken",
    errorKind: "corrupt",
  });
  await expect(second).resolves.toBe("two");
  await expect(first).rejects.toEqual(new StorageAnswerError("changes.json: broken", "corrupt"));
  expect([made.length, client.state, client.restarts]).toEqual([1, "ok", 0]);
});

test("a worker that is silent for 3 s is killed; all its requests fail; the next one starts after a pause that doubles", async () => {
  const { clock, made, client, ask } = setup();
  const both = Promise.allSettled([ask(), ask()]);
  await clock.advance(2999);
  expect([made[0]?.signals, client.state]).toEqual([[], "starting"]);
  await clock.advance(1);
  const results = await both;
  expect(
    results.map((result) => result.status === "rejected" && result.reason instanceof StorageUnavailableError),
  ).toEqual([true, true]);
  expect([made[0]?.signals, client.state, client.restarts]).toEqual([["SIGKILL"], "stuck", 1]);
  await expect(ask()).rejects.toThrow("does not answer; the next attempt is pending");
  await clock.advance(250);
  const third = ask();
  expect(made).toHaveLength(2);
  await Promise.all([
    expect(third).rejects.toThrow("gave no answer to follow within 3000 ms"),
    clock.advance(3000),
  ]);
  await clock.advance(499);
  await expect(ask()).rejects.toThrow("pending");
  await clock.advance(1);
  const fourth = ask();
  made[2]?.emit("message", { id: made[2].sent[0]?.id, kind: "answer", value: "well" });
  await expect(fourth).resolves.toBe("well");
  expect(client.state).toBe("ok");
});

test("parts prolong the limit, and late messages of a killed worker are ignored", async () => {
  const { clock, made, client } = setup();
  const names: string[] = [];
  const read = client.request(
    "readAll",
    { root: "/r" },
    { onPart: (part) => names.push(...part.map((file) => file.name)) },
  );
  const failed = expect(read).rejects.toThrow("gave no answer to readAll");
  for (const name of ["a", "b"]) {
    await clock.advance(2000);
    made[0]?.emit("message", { id: made[0].sent[0]?.id, kind: "part", clients: [{ name }] });
  }
  await clock.advance(2999);
  expect(client.state).toBe("ok");
  await clock.advance(1);
  await failed;
  made[0]?.emit("message", { id: made[0].sent[0]?.id, kind: "part", clients: [{ name: "late" }] });
  expect([names, client.state]).toEqual([["a", "b"], "stuck"]);
});

test("workers that cannot be killed do not pile up", async () => {
  const { clock, made, ask } = setup();
  for (let i = 0; i < 8; i++) {
    const asked = ask().catch(() => {});
    await clock.advance(20_000);
    await asked;
  }
  expect(made).toHaveLength(4);
  made[0]?.emit("exit", null, "SIGKILL");
  void ask().catch(() => {});
  await settle();
  expect(made).toHaveLength(5);
});

let bundled: string | undefined;
const program = (): string => {
  bundled ??= bundle("agent/main.ts", join(folder, "agent.js"));
  return bundled;
};

/** The writing end of a pipe, once somebody waits at the other one (ENXIO until then, fifo(7)). */
async function writingEnd(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (errorCode(error) !== "ENXIO") throw error;
      await sleep(20);
    }
  }
}

test("the real worker asks a slow storage for 32 files at once", async () => {
  const root = join(folder, "slow");
  await initRegistry(root, CLUSTER);
  const names = Array.from({ length: 33 }, (_, index) => `client-${String(index).padStart(2, "0")}`);
  const path = (name = "") => join(root, "clients", `${name}.json`);
  execFileSync("mkfifo", names.map(path));
  const answer = async (name = "", slownessMs = 0) => {
    const fd = await writingEnd(path(name));
    await sleep(slownessMs);
    writeSync(fd, toJson(clientFile(name, 1 + names.indexOf(name))));
    closeSync(fd);
  };
  const storage = new StorageClient({
    ...{ clock: systemClock, log: silent, limitMs: 20_000 },
    startWorker: () => forkWorker(program()),
  });
  const read = storage.request("readClients", { root, names });
  await answer(names[0], 50);
  // The last one first: nobody waits for it unless there is a thread for each of them.
  for (const name of names.slice(1).reverse()) await answer(name);
  expect((await read).clients.map(({ name }) => name)).toEqual(names);
  storage.stop();
}, 40_000);

test("the real worker: identity, follow, a worker that dies is replaced", async () => {
  const children: ChildProcess[] = [];
  const client = new StorageClient({
    clock: systemClock,
    log: silent,
    startWorker: () => {
      const child = forkWorker(program());
      children.push(child);
      return child;
    },
  });
  const root = join(folder, "registry");
  await expect(client.request("identity", { root })).rejects.toThrow(
    `${root}/server/private.key: does not exist`,
  );
  const { publicKey } = await initRegistry(root, CLUSTER);
  expect((await client.request("identity", { root })).keys.publicKey).toBe(publicKey);
  expect(await client.request("follow", { root, revision: 0 })).toEqual({ kind: "none", revision: 0 });
  const gone = new Promise((resolve) => children[0]?.once("exit", resolve));
  children[0]?.kill("SIGKILL");
  await gone;
  expect(client.state).toBe("stuck");
  for (;;) {
    const answer = await client.request("follow", { root, revision: 0 }).catch(() => undefined);
    if (answer !== undefined) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect([client.state, children.length]).toEqual(["ok", 2]);
  const ended = new Promise((resolve) => children[1]?.once("exit", resolve));
  client.stop();
  await ended;
}, 20_000);
