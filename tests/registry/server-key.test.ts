import { promises as fs } from "node:fs";
import { join } from "node:path";
import { checkRegistry } from "../../registry/check";
import { listMoved, markMoved } from "../../registry/confirmed";
import { initRegistry } from "../../registry/init";
import { movedFolder, nodeRecordPath, registryPaths, runtimeOf } from "../../registry/layout";
import { readCluster, readServerKeys } from "../../registry/reader";
import { writeRotation } from "../../registry/rotation-files";
import type { RotationFile } from "../../registry/schema";
import {
  abortRotation,
  beginRotation,
  finishRotation,
  readFormerKeys,
  readRotation,
  rotationState,
} from "../../registry/server-key";
import type { Session } from "../../registry/session";
import { RegistryWriter } from "../../registry/writer";
import { generateKeyPair, publicKeyOf } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();
const newKey = () => generateKeyPair().publicKey;
const WHO = { who: "ops" };

async function registry() {
  const root = folder();
  const { publicKey } = await initRegistry(root, CLUSTER);
  return { root, publicKey, writer: new RegistryWriter(root), server: join(root, "server") };
}

test("begin makes the next key at the other port and leaves everything that is served as it is; repeated it is the same", async () => {
  const { root, publicKey, server } = await registry();
  const { value } = await beginRotation(root, WHO);
  expect(value).toMatchObject({
    phase: "rotating",
    current: { publicKey, endpoint: "vpn.example.org:51820" },
    next: { endpoint: "vpn.example.org:51821" },
  });
  const next = (await fs.readFile(join(server, "next.key"), "utf8")).trim();
  expect(publicKeyOf(next)).toBe(value.next?.publicKey);
  expect((await fs.stat(join(server, "next.key"))).mode & 0o777).toBe(0o600);
  expect(await readRotation(root)).toEqual({
    schema: 1,
    phase: "rotating",
    next: { publicKey: value.next?.publicKey, port: 51821 },
    startedAt: value.startedAt,
  });
  expect(await readCluster(root)).toEqual(CLUSTER);
  expect((await beginRotation(root, WHO)).value).toEqual(value);
  expect(await fs.readFile(join(root, "audit.log"), "utf8")).not.toContain(next);
});

test("finish makes the next key the only one and moves the endpoint; the generation after that is back at the first port", async () => {
  const { root, server, publicKey } = await registry();
  const { value } = await beginRotation(root, WHO);
  const second = value.next?.publicKey ?? "";
  await markMoved(runtimeOf(root), second, newKey());
  const finished = await finishRotation(root, WHO);
  expect(finished.value).toEqual({
    phase: "steady",
    current: { publicKey: second, endpoint: "vpn.example.org:51821" },
    moved: 0,
    waiting: 0,
    waitingFor: [],
    serversWithout: [],
    serversSilent: [],
  });
  expect(await fs.readdir(server)).toEqual(["former.json", "private.key", "public.key"]);
  expect(await readFormerKeys(root)).toEqual([publicKey]);
  expect(await fs.readFile(join(server, "public.key"), "utf8")).toBe(`${second}\n`);
  expect((await readServerKeys(root)).publicKey).toBe(second);
  await expect(fs.access(movedFolder(runtimeOf(root), second))).rejects.toThrow("ENOENT");
  expect((await beginRotation(root, WHO)).value.next?.endpoint).toBe("vpn.example.org:51820");
  expect((await finishRotation(root, WHO)).value.current.endpoint).toBe("vpn.example.org:51820");
  expect(await readFormerKeys(root)).toEqual([publicKey, second]);
  expect((await checkRegistry(root, runtimeOf(root), { repair: false })).findings).toEqual([]);
});

test("a finish that was interrupted lists the former key before it goes, and once", async () => {
  const { root, publicKey, writer, server } = await registry();
  await beginRotation(root, WHO);
  const rotation = await readRotation(root);
  await fs.writeFile(join(server, "rotation.json"), JSON.stringify({ ...rotation, phase: "finishing" }));
  const rename = fs.rename.bind(fs);
  const killed = jest.spyOn(fs, "rename").mockImplementation((from, to) => {
    if (String(from).endsWith("next.key")) throw new Error("killed");
    return rename(from, to);
  });
  await expect(writer.add({ name: "a", publicKey: newKey() }, WHO)).rejects.toThrow("killed");
  expect(await readFormerKeys(root)).toEqual([publicKey]);
  killed.mockRestore();
  await writer.add({ name: "a", publicKey: newKey() }, WHO);
  expect((await readServerKeys(root)).publicKey).toBe(rotation?.next.publicKey);
  expect(await readFormerKeys(root)).toEqual([publicKey]);
});

test("a list of former keys that cannot be read stops a finish before anything is done, and check names it", async () => {
  const { root, server } = await registry();
  await beginRotation(root, WHO);
  await fs.writeFile(join(server, "former.json"), "garbage");
  await expect(finishRotation(root, WHO)).rejects.toThrow("former.json");
  expect((await readRotation(root))?.phase).toBe("rotating");
  const { findings } = await checkRegistry(root, runtimeOf(root), { repair: false });
  expect(findings.map(({ path }) => path)).toEqual([join(server, "former.json")]);
});

/** What a foreign tool, or a restore of files that were being written, leaves in the place of the next key. */
const DAMAGES = [
  { how: "missing", text: undefined, problem: "is missing while the server key rotates" },
  {
    how: "another one",
    text: `${generateKeyPair().privateKey}\n`,
    problem: "is not the key that rotation.json names",
  },
  { how: "garbage", text: "garbage\n", problem: "is not a private key (32 bytes in base64)" },
];

describe.each(DAMAGES)("a next key that is $how", ({ text, problem }) => {
  async function damaged() {
    const made = await registry();
    await made.writer.add({ name: "a", publicKey: newKey() }, WHO);
    const next = (await beginRotation(made.root, WHO)).value.next?.publicKey;
    const path = join(made.server, "next.key");
    const good = await fs.readFile(path, "utf8");
    if (text === undefined) await fs.rm(path);
    else await fs.writeFile(path, text);
    return { ...made, next, path, good };
  }
  const problems = async (root: string) =>
    (await checkRegistry(root, runtimeOf(root), { repair: false })).findings;

  test("is told by check with the way out, and stops a finish before anything is recorded", async () => {
    const { root, server, publicKey, path } = await damaged();
    const log = () => fs.readFile(join(root, "audit.log"), "utf8");
    const before = await log();
    expect(await problems(root)).toMatchObject([{ path, problem, remedy: expect.stringContaining("abort") }]);
    await expect(finishRotation(root, WHO, { force: true })).rejects.toMatchObject({ path, problem });
    expect(await log()).toBe(before);
    expect((await readRotation(root))?.phase).toBe("rotating");
    expect((await abortRotation(root, WHO)).value).toMatchObject({ phase: "steady", current: { publicKey } });
    expect(await fs.readdir(server)).toEqual(["private.key", "public.key"]);
    expect(await problems(root)).toEqual([]);
  });

  test("holds no client up, also when the rotation says that it is being finished; restored, it can be finished", async () => {
    const { root, server, publicKey, writer, path, good, next = "" } = await damaged();
    await writer.add({ name: "b", publicKey: newKey() }, WHO);
    const rotation = await readRotation(root);
    await fs.writeFile(join(server, "rotation.json"), JSON.stringify({ ...rotation, phase: "finishing" }));
    expect((await problems(root)).map((one) => one.problem)).toContain(problem);
    expect((await writer.revoke("a", WHO)).value.revokedAt).toBeDefined();
    expect((await readServerKeys(root)).publicKey).toBe(publicKey);
    expect((await readRotation(root))?.phase).toBe("rotating");
    await expect(writer.add({ name: "c", publicKey: next }, WHO)).rejects.toThrow("the server's next one");
    await fs.writeFile(path, good, { mode: 0o600 });
    expect((await finishRotation(root, WHO, { force: true })).value.current.publicKey).toBe(next);
    expect(await problems(root)).toEqual([]);
  });
});

test("finish waits for the servers that are there, and tells of those that are silent, unless it is forced", async () => {
  const { root, publicKey } = await registry();
  const next = (await beginRotation(root, WHO)).value.next?.publicKey ?? "";
  const now = new Date("2030-01-01T00:01:00Z");
  const options = { now: () => now };
  await fs.mkdir(join(runtimeOf(root), "nodes"), { recursive: true });
  const says = (instance: string, secondsAgo: number, more: object) =>
    fs.writeFile(
      nodeRecordPath(runtimeOf(root), instance),
      JSON.stringify({
        ...{ schema: 1, instance, revision: 0, peers: 0, healthy: true, version: "1" },
        time: new Date(now.getTime() - secondsAgo * 1000).toISOString(),
        ...more,
      }),
    );
  await says("i-both", 1, { serverKey: publicKey, nextServerKey: next });
  await says("i-late", 35, { serverKey: publicKey });
  await says("i-older", 1, {}); // an agent of before
  await says("i-down", 36, { serverKey: publicKey });
  await says("i-knew", 36, { serverKey: publicKey, nextServerKey: next });
  await says("i-gone", 90_000, { serverKey: publicKey });
  expect(await rotationState(root, now)).toMatchObject({
    serversWithout: ["i-late", "i-older"],
    serversSilent: ["i-down"],
  });
  await expect(finishRotation(root, WHO, options)).rejects.toMatchObject({
    kind: "conflict",
    field: "force",
    problem: "2 servers have not said that the next key is served there: i-late, i-older",
  });
  expect((await readRotation(root))?.phase).toBe("rotating");
  await says("i-late", 1, { serverKey: publicKey, nextServerKey: next });
  await says("i-older", 1, { serverKey: next });
  expect((await finishRotation(root, WHO, options)).value).toMatchObject({
    phase: "steady",
    serversWithout: [],
    serversSilent: ["i-down"],
  });
});

test("abort leaves the registry as it was before begin", async () => {
  const { root, publicKey, server } = await registry();
  const { value } = await beginRotation(root, WHO);
  await markMoved(runtimeOf(root), value.next?.publicKey ?? "", newKey());
  expect((await abortRotation(root, WHO)).value).toMatchObject({ phase: "steady", current: { publicKey } });
  expect(await fs.readdir(server)).toEqual(["private.key", "public.key"]);
  expect(await readCluster(root)).toEqual(CLUSTER);
  for (const step of [abortRotation, finishRotation])
    await expect(step(root, WHO)).rejects.toThrow(
      /no rotation of the server key is going on; the last step of one was server-key abort at \S+Z by ops; .* nothing left to do/,
    );
});

test("a step without a rotation tells the last one that took effect, not one that was undone", async () => {
  const { root, publicKey } = await registry();
  await expect(finishRotation(root, WHO)).rejects.toThrow("is going on; begin one");
  const { value } = await beginRotation(root, WHO);
  await finishRotation(root, { who: "first" });
  expect(value.current.publicKey).toBe(publicKey);
  const link = fs.link.bind(fs);
  const killed = jest.spyOn(fs, "link").mockImplementation((from, to) => {
    if (String(to).endsWith("next.key")) throw new Error("killed");
    return link(from, to);
  });
  await expect(beginRotation(root, { who: "undone" })).rejects.toThrow("killed");
  killed.mockRestore();
  await expect(finishRotation(root, WHO)).rejects.toThrow(/server-key finish at \S+Z by first; if that/);
});

test("who has moved: active clients by their current or former key; finish waits for all of them unless it is forced", async () => {
  const { root, writer } = await registry();
  const [alice, bob, second] = [newKey(), newKey(), newKey()];
  await writer.add({ name: "alice", publicKey: alice }, WHO);
  await writer.add({ name: "bob", publicKey: bob }, WHO);
  await writer.add({ name: "carol", publicKey: newKey() }, WHO);
  await writer.add({ name: "dave", publicKey: newKey(), expiresAt: "2099-01-01T00:00:00Z" }, WHO);
  await writer.revoke("carol", WHO);
  const { value } = await beginRotation(root, WHO);
  const next = value.next?.publicKey ?? "";
  expect(value).toMatchObject({ moved: 0, waiting: 3, waitingFor: ["alice", "bob", "dave"] });
  await markMoved(runtimeOf(root), next, alice);
  await markMoved(runtimeOf(root), next, bob);
  await markMoved(runtimeOf(root), newKey(), bob); // of another rotation
  await writer.rotate("bob", { publicKey: second, overlapSeconds: 3600 }, WHO);
  expect(await listMoved(runtimeOf(root), next)).toEqual(new Set([alice, bob]));
  expect(await rotationState(root, new Date())).toMatchObject({ moved: 2, waiting: 1, waitingFor: ["dave"] });
  expect(await rotationState(root, new Date("2100-01-01T00:00:00Z"))).toMatchObject({ moved: 2, waiting: 0 });
  await expect(finishRotation(root, WHO)).rejects.toMatchObject({
    kind: "conflict",
    field: "force",
    problem: "1 active client has not used the next key: dave",
  });
  expect((await readRotation(root))?.phase).toBe("rotating");
  expect((await finishRotation(root, WHO, { force: true })).value.current.publicKey).toBe(next);
});

test("neither the server's key nor its next one can be a client's", async () => {
  const { root, writer, publicKey } = await registry();
  const next = (await beginRotation(root, WHO)).value.next?.publicKey ?? "";
  await writer.add({ name: "alice", publicKey: newKey() }, WHO);
  for (const [taken, problem] of [
    [publicKey, "publicKey is the server's own"],
    [next, "publicKey is the server's next one"],
  ] as const) {
    const refused = { field: "publicKey", problem };
    await expect(writer.add({ name: "bob", publicKey: taken }, WHO)).rejects.toMatchObject(refused);
    await expect(writer.rotate("alice", { publicKey: taken, overlapSeconds: 0 }, WHO)).rejects.toMatchObject(
      refused,
    );
  }
});

test("settings that come again with each deployment leave the port to the server key's generation", async () => {
  const { root, writer } = await registry();
  await beginRotation(root, WHO);
  await expect(writer.setCluster({ ...CLUSTER, endpoint: "vpn.example.org:4500" }, WHO)).rejects.toThrow(
    "endpoint cannot get other ports while the server key is rotated",
  );
  await writer.setCluster({ ...CLUSTER, endpoint: "new.example.org:51820" }, WHO);
  await finishRotation(root, WHO);
  const port = async () => (await readCluster(root)).endpoint;
  expect(await port()).toBe("new.example.org:51821");
  const before = await fs.readFile(join(root, "audit.log"), "utf8");
  expect(await writer.init({ ...CLUSTER, endpoint: "new.example.org:51820" }, WHO)).toMatchObject({
    value: { created: false },
  });
  expect(await port()).toBe("new.example.org:51821");
  expect(await fs.readFile(join(root, "audit.log"), "utf8")).toBe(before); // nothing changed, nothing to record
  await writer.setCluster({ ...CLUSTER, endpoint: "new.example.org:4500" }, WHO);
  expect(await port()).toBe("new.example.org:4501");
  expect((await beginRotation(root, WHO)).value.next?.endpoint).toBe("new.example.org:4500");
});

test("the last port there is has none after it: neither settings nor a rotation begin with it, and nothing is written", async () => {
  const last = { ...CLUSTER, endpoint: "vpn.example.org:65535" };
  await expect(initRegistry(folder(), last)).rejects.toThrow("endpoint has the last port there is");
  const { root, writer } = await registry();
  await beginRotation(root, WHO);
  await finishRotation(root, WHO);
  await expect(writer.setCluster(last, WHO)).rejects.toThrow("endpoint has the last port there is");
  expect((await readCluster(root)).ports).toEqual([51820, 51821]);

  const older = await registry(); // made by a version that took the port
  const log = join(older.root, "audit.log");
  await fs.writeFile(join(older.root, "cluster.json"), JSON.stringify(last));
  await expect(beginRotation(older.root, WHO)).rejects.toThrow("the next key needs the port after it");
  await expect(fs.access(log)).rejects.toThrow("ENOENT");
  expect(await fs.readdir(older.server)).toEqual(["private.key", "public.key"]);
  await older.writer.setCluster({ ...last, endpoint: "vpn.example.org:65534" }, WHO);
  expect((await beginRotation(older.root, WHO)).value.next?.endpoint).toBe("vpn.example.org:65535");
});

test("what could not be read back is not written, whatever it is", async () => {
  const { root, server } = await registry();
  const rotation = { phase: "rotating", next: { publicKey: newKey(), port: 65_536 } } as RotationFile;
  const session = { lock: { assertHeld: async () => {} }, paths: registryPaths(root) } as Session;
  await expect(writeRotation(session, rotation)).rejects.toThrow("next.port");
  expect(await fs.readdir(server)).toEqual(["private.key", "public.key"]);
});

test("where the load balancer does not listen on the second port no rotation begins, and one that needs it keeps it", async () => {
  const { root, writer } = await registry();
  await writer.setCluster({ ...CLUSTER, bothPorts: false }, WHO);
  await expect(beginRotation(root, WHO)).rejects.toThrow(
    /cluster\.json: the server key cannot be rotated: the load balancer does not listen on UDP port 51821, where the next key would be served; set wgc:serverKeyRotation to true and deploy, then begin$/,
  );
  expect(await readRotation(root)).toBeUndefined();
  await writer.setCluster({ ...CLUSTER, bothPorts: true }, WHO);
  await beginRotation(root, WHO);
  const off = () => writer.setCluster({ ...CLUSTER, bothPorts: false }, WHO);
  await expect(off()).rejects.toThrow("bothPorts cannot be turned off: clients use UDP port 51821");
  await finishRotation(root, WHO);
  await expect(off()).rejects.toThrow("rotate the server key once more, which brings them back to 51820");
  await beginRotation(root, WHO);
  await finishRotation(root, WHO);
  await off();
  expect(await readCluster(root)).toMatchObject({ endpoint: "vpn.example.org:51820", bothPorts: false });
});

test("a next key that no rotation names, and marks of one that is over, are mended", async () => {
  const { root, server } = await registry();
  await fs.writeFile(join(server, "next.key"), `${generateKeyPair().privateKey}\n`);
  const old = newKey();
  await markMoved(runtimeOf(root), old, newKey());
  const look = (repair: boolean) => checkRegistry(root, runtimeOf(root), { repair });
  const problems = (await look(false)).findings.map(({ problem }) => problem).sort();
  expect(problems).toEqual([
    "belongs to a rotation of the server key that is over",
    "was left by a rotation that was not begun",
  ]);
  expect((await look(true)).findings.every(({ repaired }) => repaired)).toBe(true);
  expect((await look(false)).findings).toEqual([]);
  expect(await fs.readdir(server)).toEqual(["private.key", "public.key"]);
});
