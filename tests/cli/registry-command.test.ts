import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeRecordPath, registryPaths, runtimeOf } from "../../registry/layout";
import { hearServer } from "../registry/faults/world";
import { Desk, shape } from "./desk";

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
  await hearServer(desk.root, 0);
  await desk.run("client", "add", "alice", "--out", "FILE:alice.conf");
});
afterEach(() => desk.close());

test("a registry in order", async () => {
  expect(await desk.run("registry", "check")).toEqual({
    code: 0,
    out: "1 client checked, all is well\n",
    err: expect.stringMatching(/^audit log's head: 1:[0-9a-f]{64}\n$/),
  });
  const head = expect.stringMatching(/^1:[0-9a-f]{64}$/);
  expect(await desk.json("registry", "check")).toEqual({ clients: 1, findings: [], left: 0, head });
});

test("what is left over is found with exit code 3, repaired, and then gone", async () => {
  writeFileSync(registryPaths(desk.root).address("10.100.0.77"), "nobody\n");
  await hearServer(desk.root, 0);
  const found = await desk.run("registry", "check");
  expect(found.code).toBe(3);
  expect(found.out).toMatch(/^repairable {2}\S*addresses\/10\.100\.0\.77\n {2}\S/);
  expect(found.out).toMatch(/1 client checked: 1 can be repaired with --repair\n$/);
  const document = JSON.parse((await desk.run("registry", "check", "--json")).out);
  expect(shape(document)).toEqual({
    clients: "number",
    findings: [
      { path: "string", problem: "string", remedy: "string", repairable: "boolean", repaired: "boolean" },
    ],
    left: "number",
    head: "string",
  });
  const repaired = await desk.run("registry", "check", "--repair");
  expect([repaired.code, repaired.out.split("\n").at(-2)]).toEqual([0, "1 client checked: 1 repaired"]);
  expect((await desk.run("registry", "check")).out).toBe("1 client checked, all is well\n");
});

test("the audit log: who, what, when, and that it is whole", async () => {
  await desk.run("client", "revoke", "alice", "--yes");
  const { code, out } = await desk.run("registry", "audit");
  expect(code).toBe(0);
  const rows = out.split("\n").map((line) => line.trimEnd());
  expect(rows[0]).toMatch(/^no\. +time \(UTC\) +operation +client +revision +who +changed$/);
  expect(rows[1]).toMatch(/^1 +2026-11-21 12:00:00 +add +alice +0 → 1 +\S+@\S+ +/);
  expect(rows[2]).toMatch(/^2 +2026-11-21 12:00:00 +revoke +alice +1 → 2 +\S+@\S+ +revokedAt$/);
  const chain =
    /\nthe chain is intact: each entry follows from the one before it, .*\nhead: (2:[0-9a-f]{64})\n$/;
  const [, head = ""] = chain.exec(out) ?? [];
  expect((await desk.run("registry", "check")).err).toContain(`audit log's head: ${head}\n`);
  await desk.run("client", "restore", "alice");
  expect((await desk.run("registry", "audit", "--head", head)).code).toBe(0);
  const other = await desk.run(
    "registry",
    "audit",
    "--head",
    head.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
  );
  expect([other.code, other.out.includes("entry 2 is not the one whose hash was kept")]).toEqual([3, true]);
  expect((await desk.run("registry", "audit", "--head", "2")).err).toContain(
    "--head is not the head of an audit log",
  );
  expect((await desk.run("registry", "audit", "--after", "1")).out).not.toMatch(/^1 /m);
  expect(shape(await desk.json("registry", "audit"))).toEqual({
    intact: "boolean",
    problem: null,
    head: "string",
    entries: [
      {
        sequence: "number",
        time: "string",
        who: "string",
        operation: "string",
        before: "number",
        after: "number",
        changed: ["string"],
        hash: "string",
        client: "string",
        invocation: null,
      },
    ],
  });
});

test("an audit log that somebody changed is called broken, with exit code 3", async () => {
  const log = registryPaths(desk.root).audit;
  writeFileSync(log, readFileSync(log, "utf8").replace('"alice"', '"carol"'));
  const { code, out } = await desk.run("registry", "audit");
  expect(code).toBe(3);
  expect(out).toMatch(/the chain is broken: .+\n$/);
  expect(JSON.parse((await desk.run("registry", "audit", "--json")).out).intact).toBe(false);
});

test("server-key: where it stands, in its steps", async () => {
  await hearServer(desk.root, 0, "2026-01-01T00:00:00Z"); // a server that is gone is not asked which key it has
  const steady = await desk.run("server-key", "status");
  expect(steady.out).toMatch(
    /^current {2}[A-Za-z0-9+/]{43}= {2}vpn\.example\.com:51820\nno rotation is under way\n$/,
  );
  const begun = await desk.run("server-key", "begin");
  expect([begun.code, begun.err]).toEqual([
    0,
    "both keys are served now; give every client its new configuration (./wgc client config NAME), then: ./wgc server-key finish\n",
  ]);
  expect(begun.out).toMatch(
    /^next {5}[A-Za-z0-9+/]{43}= {2}vpn\.example\.com:51821 {2}since 2026-11-21T12:00:00/m,
  );
  expect(begun.out).toContain("0 of 1 active clients have used the next key\nnot yet: alice\n");
  desk.interactive = true;
  desk.answers = ["n"];
  expect((await desk.run("server-key", "finish")).code).toBe(1);
  expect(desk.questions).toEqual([
    "finish the rotation? 1 client has not moved and loses its connection. The current key is gone for good then. [y/N] ",
  ]);
  const refused = await desk.run("server-key", "finish", "--yes");
  expect([refused.code, refused.err]).toEqual([
    1,
    "--force: 1 active client has not used the next key: alice; hand out their new configurations, revoke them, or finish with force, which cuts them off\n",
  ]);
  expect(shape(await desk.json("server-key", "status"))).toEqual({
    revision: "number",
    phase: "string",
    current: { publicKey: "string", endpoint: "string" },
    next: { publicKey: "string", endpoint: "string" },
    startedAt: "string",
    moved: "number",
    waiting: "number",
    waitingFor: ["string"],
    serversWithout: [],
    serversSilent: [],
  });
  const node = (instance: string, time: string) =>
    writeFileSync(
      nodeRecordPath(runtimeOf(desk.root), instance),
      JSON.stringify({ schema: 1, instance, revision: 0, peers: 0, healthy: true, version: "1", time }),
    );
  mkdirSync(join(runtimeOf(desk.root), "nodes"), { recursive: true });
  node("s1", "2026-11-21T11:59:59Z");
  node("s2", "2026-11-21T11:59:00Z");
  await desk.run("client", "remove", "alice", "--yes");
  const early = await desk.run("server-key", "finish", "--yes");
  expect([early.code, early.err.split("\n").slice(0, 2)]).toEqual([
    1,
    [
      "servers without the next key: s1",
      "silent, and not known to have the next key: s2 (one that comes back without it is out of service and has to be replaced)",
    ],
  ]);
  expect(early.err).toContain("1 server has not said that the next key is served there: s1");
  expect((await desk.run("server-key", "abort", "--yes")).out).toContain("no rotation is under way");
});

test("init makes a registry that clients can be added to, and never touches one that is there", async () => {
  const fresh = new Desk();
  const made = await fresh.json("registry", "init", fresh.root, "--endpoint", "vpn.example.org:51820");
  expect(made).toEqual({ folder: fresh.root, publicKey: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) });
  await fresh.run("client", "add", "alice", "--out", "FILE:alice.conf");
  expect(fresh.read("alice.conf")).toMatch(
    /Endpoint = vpn\.example\.org:51820\nAllowedIPs = 10\.100\.0\.0\/16\n/,
  );
  const again = await fresh.run("registry", "init", fresh.root, "--endpoint", "other.example.org:51820");
  expect([again.code, again.err]).toEqual([1, `${fresh.root} is a registry already; name another folder\n`]);
  fresh.close();
});

test("the name of a cluster that an older version took is shown with everything in it to be seen", async () => {
  const path = registryPaths(desk.root).cluster;
  const cluster = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...cluster, cluster: "a\u001b[31mb" }));
  expect((await desk.run("status")).out).toMatch(/^a\\x1b\[31mb · /);
});

test.each([
  ["--tunnel", "10.0.0.0/30", "input.cluster.tunnelIpv4 is not a range for the tunnel"],
  ["--tunnel", "fd00::/64", "input.cluster.tunnelIpv4 is not a range for the tunnel"],
  ["--tunnel", "10.100.5.7/16", "input.cluster.tunnelIpv4 is not a range for the tunnel"],
  ["--tunnel", "0.0.0.0/0", "input.cluster.tunnelIpv4 is not a range for the tunnel"],
  ["--endpoint", "vpn.example.org:65535", "input.cluster.endpoint has the last port there is"],
])("init with %s %s names the field and leaves nothing behind", async (option, value, problem) => {
  const made = [
    "registry",
    "init",
    "FILE:new",
    "--endpoint",
    "vpn.example.org:51820",
    "--routes",
    "10.0.0.0/8",
  ];
  const { code, err } = await desk.run(...made, option, value);
  expect([code, err]).toEqual([2, expect.stringContaining(problem)]);
  expect(desk.has("new")).toBe(false);
});
