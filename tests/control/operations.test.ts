import { writeFileSync } from "node:fs";
import { registryPaths } from "../../registry/layout";
import { takeLock } from "../../registry/lock";
import { generatePresharedKey } from "../../wireguard/keys";
import { CLUSTER, errorOf, filesWith, makeControl, newKey, temporaryFolder } from "./support";

const NOW = new Date("2030-01-01T00:00:00.000Z");
const now = () => NOW;

test("init makes the key pair once; again it takes changed settings over and keeps the key", async () => {
  const { ask, get, root } = await makeControl();
  const first = await get("init", { cluster: CLUSTER });
  expect(first.created).toBe(false);
  const changed = await ask("init", { cluster: { ...CLUSTER, dns: ["10.0.0.3"] } });
  expect(changed).toEqual({
    version: 1,
    ok: true,
    operation: "init",
    revision: 0,
    result: { publicKey: first.publicKey, created: false },
  });
  await get("add", { name: "a", publicKey: newKey() });
  expect((await get("config", { name: "a" })).config).toMatchObject({
    dns: ["10.0.0.3"],
    serverPublicKey: first.publicKey,
  });
  expect(filesWith(root, '"dns"')).toContain("cluster.json");
});

test("init of another cluster is refused with the field", async () => {
  const { ask } = await makeControl();
  const error = errorOf(await ask("init", { cluster: { ...CLUSTER, cluster: "other" } }));
  expect(error.code).toBe("conflict");
  expect(error.message).toMatch(/cluster is wgc-test/);
});

test("a client's life: added, shown, changed, revoked, restored, removed; each change is one revision further", async () => {
  const { ask, get } = await makeControl({ now });
  const publicKey = newKey();
  const added = await ask("add", {
    name: "alice",
    publicKey,
    tags: { team: "a" },
    expiresAt: "2030-02-01T00:00:00Z",
  });
  expect(added).toEqual({
    version: 1,
    ok: true,
    operation: "add",
    revision: 1,
    result: {
      client: {
        name: "alice",
        state: "active",
        publicKey,
        hasPresharedKey: false,
        addresses: ["10.100.0.2/32"],
        createdAt: NOW.toISOString(),
        expiresAt: "2030-02-01T00:00:00Z",
        tags: { team: "a" },
      },
    },
  });
  const change = {
    routes: ["10.0.4.0/24"],
    dns: ["10.0.0.9"],
    expiresAt: null,
    tags: { team: null, role: "x" },
  };
  const updated = await ask("update", { name: "alice", ...change });
  expect(updated).toMatchObject({ ok: true, revision: 2 });
  const { client } = await get("show", { name: "alice" });
  expect(client).toMatchObject({ routes: ["10.0.4.0/24"], dns: ["10.0.0.9"], tags: { role: "x" } });
  expect(client).not.toHaveProperty("expiresAt");
  await get("update", { name: "alice", routes: null, dns: null });
  expect((await get("config", { name: "alice" })).config).toMatchObject({
    allowedIps: CLUSTER.routes,
    dns: CLUSTER.dns,
  });
  expect((await get("revoke", { name: "alice" })).client).toMatchObject({
    state: "revoked",
    revokedAt: NOW.toISOString(),
  });
  expect((await get("restore", { name: "alice" })).client.state).toBe("active");
  const removed = await ask("remove", { name: "alice" });
  expect(removed).toMatchObject({ ok: true, revision: 6, result: { name: "alice" } });
  expect(errorOf(await ask("show", { name: "alice" })).code).toBe("unknown-client");
  expect(errorOf(await ask("remove", { name: "alice" })).code).toBe("unknown-client");
});

test("a client whose file is broken can be removed", async () => {
  const { get, root, ask } = await makeControl();
  await get("add", { name: "alice", publicKey: newKey() });
  writeFileSync(registryPaths(root).client("alice"), "{");
  expect(errorOf(await ask("show", { name: "alice" }))).toMatchObject({
    code: "corrupt",
    message: "clients/alice.json: is not JSON (1 characters, perhaps cut off)",
  });
  expect(await get("remove", { name: "alice" })).toEqual({ name: "alice" });
});

test("list filters by state, tag, expiry and name, and pages", async () => {
  let time = NOW;
  const { get } = await makeControl({ now: () => time });
  for (const [name, tags] of [
    ["a1", { t: "x" }],
    ["a2", { t: "y" }],
    ["b1", { t: "x" }],
  ] as const)
    await get("add", { name, publicKey: newKey(), tags });
  await get("add", { name: "old", publicKey: newKey(), expiresAt: "2030-01-02T00:00:00Z" });
  await get("revoke", { name: "b1" });
  time = new Date("2030-01-03T00:00:00Z");
  const names = async (input: Parameters<typeof get<"list">>[1]) =>
    (await get("list", input)).clients.map(({ name }) => name);
  expect(await names({})).toEqual(["a1", "a2", "b1", "old"]);
  expect(await names({ state: "active" })).toEqual(["a1", "a2"]);
  expect(await names({ state: "revoked" })).toEqual(["b1"]);
  expect(await names({ state: "expired" })).toEqual(["old"]);
  expect(await names({ tags: { t: "x" } })).toEqual(["a1", "b1"]);
  expect(await names({ search: "1" })).toEqual(["a1", "b1"]);
  expect(await names({ expiresBefore: "2031-01-01T00:00:00Z" })).toEqual(["old"]);
  const page = await get("list", { limit: 2 });
  expect([page.clients.length, page.next, page.total]).toEqual([2, "a2", 4]);
  expect(await names({ limit: 2, after: "a2" })).toEqual(["b1", "old"]);
});

test("rotate keeps the former key beside the new one until its time is over; a preshared key alone is replaced", async () => {
  let time = NOW;
  const { get, ask } = await makeControl({ now: () => time });
  const [former, publicKey, psk] = [newKey(), newKey(), generatePresharedKey()];
  await get("add", { name: "a", publicKey: former });
  const { client } = await get("rotate", { name: "a", publicKey, presharedKey: psk, overlapSeconds: 3600 });
  expect(client).toMatchObject({
    publicKey,
    hasPresharedKey: true,
    previous: { publicKey: former, until: "2030-01-01T01:00:00.000Z" },
  });
  expect((await get("config", { name: "a" })).config).toMatchObject({ publicKey, presharedKey: psk });
  time = new Date("2030-01-01T01:00:00Z");
  expect((await get("show", { name: "a" })).client).not.toHaveProperty("previous");
  expect((await get("rotate", { name: "a", presharedKey: null })).client.hasPresharedKey).toBe(false);
  const error = errorOf(await ask("rotate", { name: "a" }));
  expect(error).toMatchObject({ code: "invalid-request", issues: [{ path: "input.publicKey" }] });
});

test("config has everything but the private key", async () => {
  const { get } = await makeControl();
  const [publicKey, presharedKey] = [newKey(), generatePresharedKey()];
  const { publicKey: serverPublicKey } = await get("init", { cluster: CLUSTER });
  await get("add", { name: "a", publicKey, presharedKey, address: "10.100.0.9/32", routes: ["0.0.0.0/0"] });
  expect((await get("config", { name: "a" })).config).toEqual({
    name: "a",
    addresses: ["10.100.0.9/32"],
    dns: ["10.0.0.2"],
    allowedIps: ["0.0.0.0/0"],
    mtu: 1420,
    publicKey,
    presharedKey,
    serverPublicKey,
    endpoint: "vpn.example.org:51820",
    persistentKeepalive: 25,
  });
});

test("import says what happens to each, changes nothing in a dry run, and then does it", async () => {
  const { get, ask } = await makeControl();
  const taken = newKey();
  await get("add", { name: "there", publicKey: taken, address: "10.100.0.5/32" });
  const clients = [
    { name: "kept", publicKey: newKey(), addresses: ["10.100.0.7/32"], revoked: true },
    { name: "moved", publicKey: newKey(), addresses: ["10.100.0.5/32"] },
    { name: "twin", publicKey: taken, addresses: ["10.100.0.8/32"] },
  ];
  const outcomes = [
    { name: "kept", outcome: "kept", addresses: ["10.100.0.7/32"] },
    { name: "moved", outcome: "changed" },
    { name: "twin", outcome: "refused" },
  ];
  const dry = await ask("import", { clients, dryRun: true });
  expect(dry).toMatchObject({ ok: true, revision: 1, result: { dryRun: true, outcomes } });
  expect((await get("list", {})).total).toBe(1);
  expect(await get("import", { clients, dryRun: false })).toMatchObject({ dryRun: false, outcomes });
  const { clients: after } = await get("list", {});
  expect(after.map(({ name, state }) => [name, state])).toEqual([
    ["kept", "revoked"],
    ["moved", "active"],
    ["there", "active"],
  ]);
});

test("export is everything but secrets, in pages", async () => {
  const { get } = await makeControl();
  for (const name of ["a", "b", "c"])
    await get("add", { name, publicKey: newKey(), presharedKey: generatePresharedKey() });
  const first = await get("export", { limit: 2 });
  expect(first.cluster).toEqual({
    cluster: "wgc-test",
    endpoint: "vpn.example.org:51820",
    publicKey: (await get("init", { cluster: CLUSTER })).publicKey,
    tunnelIpv4: "10.100.0.0/24",
  });
  expect([first.clients.map(({ name }) => name), first.next]).toEqual([["a", "b"], "b"]);
  const second = await get("export", { limit: 2, after: "b" });
  expect([second.clients.map(({ name }) => name), second.next]).toEqual([["c"], undefined]);
});

test("a page that would not fit into an answer is cut and goes on where it ends", async () => {
  const { get } = await makeControl();
  const tags = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`t${index}`, "ä".repeat(256)]));
  const clients = Array.from({ length: 250 }, (_, index) => ({
    name: `c${String(index).padStart(3, "0")}`,
    publicKey: newKey(),
    addresses: ["10.100.0.250/32"],
    tags,
  }));
  await get("import", { clients, dryRun: false });
  const seen: string[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof get<"export">>> = await get("export", {
      limit: 5000,
      ...(after === "" ? {} : { after }),
    });
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(4_100_000);
    seen.push(...page.clients.map(({ name }) => name));
    after = page.next;
  }
  expect(seen).toEqual(clients.map(({ name }) => name));
}, 60_000);

test("a range that is full is said so; what is removed makes room", async () => {
  const { ask, get } = await makeControl({
    root: temporaryFolder(),
    cluster: { ...CLUSTER, tunnelIpv4: "10.100.0.0/29" },
  });
  // Eight addresses: network, servers, probes and broadcast are not for clients.
  for (const name of ["a", "b", "c", "d"]) await get("add", { name, publicKey: newKey() });
  const error = errorOf(await ask("add", { name: "e", publicKey: newKey() }));
  expect(error).toMatchObject({ code: "full", message: "no free address is left in 10.100.0.0/29" });
  await get("remove", { name: "b" });
  expect((await get("add", { name: "e", publicKey: newKey() })).client.addresses).toEqual(["10.100.0.3/32"]);
});

test("while another writer holds the lock a change is refused, and reading is not held up", async () => {
  const { ask, get, root } = await makeControl({ lockOptions: { waitMs: 20 } });
  const { lock } = await takeLock(registryPaths(root).lock, { operation: "test" });
  const input = { name: "a", publicKey: newKey() };
  expect(errorOf(await ask("add", input)).code).toBe("locked");
  expect((await get("list", {})).total).toBe(0);
  await lock.release();
  expect((await get("add", input)).client.name).toBe("a");
});
