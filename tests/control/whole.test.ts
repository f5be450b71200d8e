import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyFileName, movedFolder, nodeRecordPath, registryPaths, runtimeOf } from "../../registry/layout";
import { hearServer } from "../registry/faults/world";
import { CLUSTER, errorOf, makeControl, newKey } from "./support";

const now = () => new Date("2030-01-01T00:00:00.000Z");

test("check finds what is wrong and mends it on request", async () => {
  const { get, root } = await makeControl();
  await hearServer(root, 0);
  await get("add", { name: "a", publicKey: newKey() });
  expect(await get("check", {})).toEqual({ findings: [], clients: 1, head: expect.stringMatching(/^2:/) });
  writeFileSync(registryPaths(root).address("10.100.0.77"), "nobody\n");
  const { findings } = await get("check", {});
  expect(findings).toMatchObject([{ repairable: true, repaired: false }]);
  expect((await get("check", { repair: true })).findings).toMatchObject([{ repaired: true }]);
  expect((await get("check", {})).findings).toEqual([]);
});

test("status is what each server last applied", async () => {
  const { get, root } = await makeControl({ now });
  await get("add", { name: "a", publicKey: newKey() });
  const runtime = runtimeOf(root);
  mkdirSync(join(runtime, "nodes"), { recursive: true });
  const node = (instance: string, revision: number, time: string, more = {}) =>
    writeFileSync(
      nodeRecordPath(runtime, instance),
      JSON.stringify({
        schema: 1,
        instance,
        revision,
        peers: 1,
        healthy: true,
        version: "0.1.0",
        time,
        ...more,
      }),
    );
  node("i-2", 1, "2029-12-31T23:59:55.000Z");
  const serverKey = newKey();
  node("i-1", 0, "2030-01-01T00:00:03.000Z", { serverKey, problems: ["the registry has another key"] });
  expect(await get("status", {})).toEqual({
    cluster: "wgc-test",
    endpoint: "vpn.example.org:51820",
    nodes: [
      {
        instance: "i-1",
        revision: 0,
        peers: 1,
        healthy: true,
        version: "0.1.0",
        time: "2030-01-01T00:00:03.000Z",
        ageSeconds: 0,
        current: false,
        problems: ["the registry has another key"],
        serverKey: serverKey,
      },
      expect.objectContaining({ instance: "i-2", ageSeconds: 5, current: true }),
    ],
  });
});

test("the audit log names who, what and by which invocation, and says when it was tampered with", async () => {
  const { ask, get, root } = await makeControl({ source: "lambda" });
  const publicKey = newKey();
  await ask(
    "add",
    { name: "a", publicKey },
    { caller: "arn:aws:iam::1:user/alice", meta: { invocation: "id-1", who: "forged" } },
  );
  await ask("revoke", { name: "a" }, { meta: { invocation: "id-2" } });
  const page = await get("audit", { after: 1 });
  expect(page.intact).toBe(true);
  expect(page.entries).toEqual([
    {
      sequence: 2,
      time: expect.any(String),
      who: "arn:aws:iam::1:user/alice (stated)",
      operation: "add",
      client: "a",
      before: 0,
      after: 1,
      changed: expect.arrayContaining(["publicKey", "addresses"]),
      invocation: "id-1",
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    expect.objectContaining({
      sequence: 3,
      who: "not stated",
      operation: "revoke",
      changed: ["revokedAt"],
      invocation: "id-2",
    }),
  ]);
  expect((await get("audit", { limit: 1 })).next).toBe(1);
  const log = readFileSync(registryPaths(root).audit, "utf8");
  writeFileSync(registryPaths(root).audit, log.replace("user/alice", "user/mallory"));
  expect(await get("audit", {})).toMatchObject({ intact: false, problem: expect.any(String) });
});

test("in a local folder the process itself knows who asks", async () => {
  const { ask, get } = await makeControl({ source: "local" });
  await ask("add", { name: "a", publicKey: newKey() }, { caller: "stated", meta: { who: "root@here" } });
  expect((await get("audit", { after: 1 })).entries[0]?.who).toBe("root@here");
});

test("the server key rotates: begin publishes, clients move, finish waits for them, config follows", async () => {
  const { get, ask } = await makeControl();
  const publicKey = newKey();
  await get("add", { name: "a", publicKey });
  const steady = await get("serverKey", { action: "status" });
  expect(steady).toMatchObject({ phase: "steady", current: { endpoint: "vpn.example.org:51820" } });
  const begun = await get("serverKey", { action: "begin" });
  expect(begun).toMatchObject({
    phase: "rotating",
    current: steady.current,
    next: { endpoint: "vpn.example.org:51821" },
    moved: 0,
    waiting: 1,
    waitingFor: ["a"],
  });
  expect((await get("config", { name: "a" })).config).toMatchObject({
    serverPublicKey: begun.next?.publicKey,
    endpoint: "vpn.example.org:51821",
  });
  expect(errorOf(await ask("serverKey", { action: "finish" })).code).toBe("conflict");
  const finished = await get("serverKey", { action: "finish", force: true }, "finish-once");
  expect(finished).toMatchObject({ phase: "steady", current: begun.next });
  // The answer was lost: the same request is no second finish.
  expect(await get("serverKey", { action: "finish", force: true }, "finish-once")).toEqual(finished);
  expect(errorOf(await ask("serverKey", { action: "finish", force: true })).code).toBe("conflict");
  expect((await get("config", { name: "a" })).config.endpoint).toBe("vpn.example.org:51821");
  const again = await get("serverKey", { action: "begin" });
  expect(await get("serverKey", { action: "abort" })).toMatchObject({ phase: "steady", current: begun.next });
  expect((await get("init", { cluster: CLUSTER })).publicKey).toBe(begun.next?.publicKey);
  expect((await get("status", {})).endpoint).toBe("vpn.example.org:51821");
  expect(again.next?.publicKey).not.toBe(begun.next?.publicKey);
});

test("the server key's rotation is finished without force when the servers have seen every client on it", async () => {
  const { get, root } = await makeControl();
  const publicKey = newKey();
  await get("add", { name: "a", publicKey });
  const { next } = await get("serverKey", { action: "begin" });
  const folder = movedFolder(runtimeOf(root), next?.publicKey ?? "");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, keyFileName(publicKey)), "");
  expect(await get("serverKey", { action: "status" })).toMatchObject({
    moved: 1,
    waiting: 0,
    waitingFor: [],
    serversWithout: [],
    serversSilent: [],
  });
  expect(await get("serverKey", { action: "finish" })).toMatchObject({ phase: "steady", current: next });
});

test("a feed that is broken or missing is a finding, not an error, and a repair leaves a trace in the log", async () => {
  const { get, root } = await makeControl();
  await hearServer(root, 0);
  await get("add", { name: "alice", publicKey: newKey() });
  const feed = join(root, "changes.json");
  for (const damage of [() => writeFileSync(feed, '{"schema":1,"rev'), () => rmSync(feed)]) {
    damage();
    const { findings, head } = await get("check", {});
    expect([findings.map(({ path }) => path), head]).toEqual([[feed], undefined]);
    expect((await get("check", { repair: true })).findings).toMatchObject([
      { path: feed, repaired: true, problem: expect.stringContaining("compare with a head that was kept") },
    ]);
    expect((await get("audit", { after: 2 })).entries.at(-1)).toMatchObject({
      operation: "repair",
      changed: ["changes.json"],
    });
    expect(await get("check", {})).toMatchObject({ findings: [], head: expect.stringMatching(/^\d+:/) });
  }
});

/** Root may read everything, so what the kernel answers to anybody else is put in its place. */
function deny(path: string): () => void {
  const core = jest.requireActual<typeof import("node:fs")>("node:fs");
  const denied = Object.assign(new Error("no"), { code: "EACCES", path });
  const readNow = core.readFileSync;
  const readLater = core.promises.readFile.bind(core.promises);
  const spies = [
    jest.spyOn(core, "readFileSync").mockImplementation(((file: string, options: "utf8") => {
      if (file === path) throw denied;
      return readNow(file, options);
    }) as typeof readNow),
    jest
      .spyOn(core.promises, "readFile")
      .mockImplementation(((file: string, options: "utf8") =>
        file === path ? Promise.reject(denied) : readLater(file, options)) as typeof readLater),
  ];
  return () => {
    for (const spy of spies) spy.mockRestore();
  };
}

test("a client whose file cannot be read is named by list and export, is a finding, and stops neither", async () => {
  const { ask, get, root } = await makeControl();
  for (const name of ["alice", "bob", "carol", "dave"]) await get("add", { name, publicKey: newKey() });
  const { client } = registryPaths(root);
  writeFileSync(client("alice"), "{");
  rmSync(client("bob"));
  mkdirSync(client("bob"));
  const allow = deny(client("carol"));
  try {
    const broken = ["alice", "bob", "carol"];
    const names = (clients: readonly { name: string }[]) => clients.map(({ name }) => name);
    const byName = await get("list", {});
    expect([names(byName.clients), byName.broken]).toEqual([["dave"], broken]);
    const all = await get("list", { state: "active" });
    expect([names(all.clients), all.total, all.broken]).toEqual([["dave"], 1, broken]);
    const exported = await get("export", {});
    expect([names(exported.clients), exported.broken]).toEqual([["dave"], broken]);
    const { findings } = await get("check", {});
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          path: client("alice"),
          problem: expect.stringContaining("is not JSON"),
        }),
        expect.objectContaining({ path: client("bob"), problem: "is a folder, not a file" }),
        expect.objectContaining({ path: client("carol"), problem: "this user may not read it (EACCES)" }),
      ]),
    );
    expect(errorOf(await ask("show", { name: "carol" }))).toMatchObject({
      code: "storage",
      message: "clients/carol.json: this user may not read it (EACCES)",
    });
    expect(errorOf(await ask("show", { name: "bob" }))).toMatchObject({
      code: "corrupt",
      remedy: "move it away",
    });
    expect(errorOf(await ask("remove", { name: "bob" }))).toMatchObject({ code: "corrupt" });
  } finally {
    allow();
  }
});
