import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { registryPaths } from "../../registry/layout";
import { Desk } from "./desk";

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
});
afterEach(() => desk.close());

const add = (name: string, ...more: string[]) =>
  desk.run("client", "add", name, "--out", `FILE:${name}.conf`, ...more);

/** Writes the record of a server, as servers do. */
function server(
  instance: string,
  revision: number,
  options: { secondsAgo?: number; healthy?: boolean; problems?: string[] } = {},
): void {
  const folder = join(registryPaths(desk.root).root, "runtime", "nodes");
  mkdirSync(folder, { recursive: true });
  const time = new Date(desk.now.getTime() - (options.secondsAgo ?? 1) * 1000).toISOString();
  const record = {
    schema: 1,
    instance,
    revision,
    peers: revision,
    healthy: options.healthy ?? true,
    version: "1.0",
    time,
    problems: options.problems ?? [],
  };
  writeFileSync(join(folder, `${instance}.json`), JSON.stringify(record));
}

test("another preshared key alone is asked for, for the device is cut off; no answer changes nothing", async () => {
  await add("alice");
  desk.interactive = true;
  desk.answers = ["n"];
  const { code, err } = await desk.run("client", "rotate", "alice", "--preshared-key-only");
  expect([code, err]).toEqual([1, "nothing was changed\n"]);
  expect(desk.questions[0]).toMatch(/^give alice another preshared key .* cut off within two minutes/);
  expect(desk.stored("alice")["presharedKey"]).toBeUndefined();
});

test("revoke asks, tells what it is about, and goes on only with yes", async () => {
  await add("alice");
  desk.interactive = true;
  desk.answers = ["n", "", "yes"];
  for (const [code, revoked] of [
    [1, false],
    [1, false],
    [0, true],
  ] as const) {
    const ran = await desk.run("client", "revoke", "alice");
    expect([ran.code, desk.stored("alice")["revokedAt"] !== undefined]).toEqual([code, revoked]);
    expect(ran.err).toBe(revoked ? "" : "nothing was changed\n");
  }
  expect(desk.questions[0]).toBe(
    "revoke alice (10.100.0.2/32)? Its sessions end on every server within seconds; ./wgc client restore alice takes it back. [y/N] ",
  );
  expect((await desk.run("client", "restore", "alice")).out).toBe("alice restored (revision 3)\n");
  expect(desk.stored("alice")["revokedAt"]).toBeUndefined();
});

test.each([
  ["client", "revoke", "alice"],
  ["client", "remove", "alice"],
  ["client", "rotate", "alice", "--preshared-key-only"],
  ["server-key", "finish"],
  ["server-key", "abort"],
])("%s %s is refused where nobody can be asked", async (...words) => {
  await add("alice");
  const { code, out, err } = await desk.run(...words);
  expect([code, out, err]).toEqual([
    2,
    "",
    "nobody can be asked here (this is no terminal); add --yes if you are sure\n",
  ]);
  expect((await desk.json<{ client: { state: string } }>("client", "show", "alice")).client.state).toBe(
    "active",
  );
});

test("remove forgets the client, and says that it cannot be taken back", async () => {
  await add("alice");
  desk.interactive = true;
  desk.answers = ["y"];
  expect((await desk.run("client", "remove", "alice")).out).toBe("alice removed (revision 2)\n");
  expect(desk.questions).toEqual([expect.stringContaining("this cannot be taken back")]);
  expect((await desk.json("client", "list"))["total"]).toBe(0);
});

test("update changes what is named and leaves the rest", async () => {
  await add(
    "alice",
    "--tag",
    "team=ops",
    "--tag",
    "trial=yes",
    "--expires",
    "30d",
    "--routes",
    "10.1.0.0/16",
  );
  const { code, out } = await desk.run(
    "client",
    "update",
    "alice",
    "--tag",
    "team=dev",
    "--untag",
    "trial",
    "--expires",
    "never",
  );
  expect([code, out]).toEqual([0, "alice updated (revision 2)\n"]);
  expect(desk.stored("alice")).toMatchObject({ tags: { team: "dev" }, routes: ["10.1.0.0/16"] });
  expect(desk.stored("alice")["expiresAt"]).toBeUndefined();
  const routes = await desk.run("client", "update", "alice", "--split-tunnel", "--dns", "cluster");
  expect(routes.out).toBe(
    "alice updated (revision 3); its device needs a new configuration: ./wgc client config\n",
  );
  expect(desk.stored("alice")["routes"]).toBeUndefined();
});

test("a tag that is called like a method of objects is taken away like any other", async () => {
  await add("alice");
  const { code } = await desk.run("client", "update", "alice", "--tag", "a=b", "--untag", "toString");
  expect([code, desk.stored("alice")["tags"]]).toEqual([0, { a: "b" }]);
});

test("--wait returns when every server has the revision", async () => {
  await add("alice");
  server("s1", 1);
  server("s2", 1);
  let sleeps = 0;
  desk.onSleep = () => {
    sleeps++;
    server(`s${sleeps}`, 2);
  };
  const { code, out } = await desk.run("client", "revoke", "alice", "--yes", "--wait");
  expect([code, sleeps]).toEqual([0, 2]);
  expect(out).toBe("alice revoked (revision 2)\non 2 servers after 500 ms\n");
});

test("--wait gives up after its limit, names who is behind, and ends with 3", async () => {
  server("s1", 1);
  server("s2", 0);
  const { code, out, err } = await add("alice", "--wait", "2");
  expect(code).toBe(3);
  expect(out).toContain("alice: 10.100.0.2/32");
  expect(err).toBe(
    "gave up waiting after 2.0 s: s2 has not applied it (1 server of 2 did); look with: ./wgc status\n",
  );
  const json = await desk.run("client", "add", "bob", "--out", "FILE:b.conf", "--json", "--wait", "1");
  expect([json.code, JSON.parse(json.out).wait]).toEqual([
    3,
    { complete: false, seconds: 1, servers: [], behind: ["s1", "s2"], silent: [] },
  ]);
});

test("a silent server is named and not waited for", async () => {
  server("s1", 1);
  server("s2", 0, { secondsAgo: 36 });
  server("s3", 0, { secondsAgo: 35 });
  desk.onSleep = () => server("s3", 1);
  const { code, out } = await add("alice", "--wait");
  expect(code).toBe(0);
  expect(out).toContain(
    "on 2 servers after 250 ms\nnot waited for: s2 (no sign of life for more than 35 s)\n",
  );
});

test("where no server is, waiting ends at once and is not called a success", async () => {
  server("s1", 0, { secondsAgo: 100 });
  const { code, err } = await add("alice", "--wait");
  expect(code).toBe(3);
  expect(err).toBe(
    "no server is there to apply it; the next one that starts will\nnot waited for: s1 (no sign of life for more than 35 s)\n",
  );
});

test("a change whose waiting fails is not called undone", async () => {
  server("s1", 0);
  const real = desk.control;
  desk.control = {
    call: (operation, input, options) =>
      operation === "status"
        ? Promise.reject(new Error("the network is gone"))
        : real.call(operation, input, options),
  };
  const { code, err } = await add("alice", "--wait");
  expect([code, err]).toEqual([
    3,
    "the change is made (revision 1), but whether the servers have it is not known: the network is gone; look with: ./wgc status\n",
  ]);
});

test("status: one line a server, and one sentence about all", async () => {
  await add("alice");
  await add("bob");
  expect((await desk.run("status")).out).toBe(
    "wgc-test · vpn.example.com:51820 · revision 2\n\nno server has reported yet\n",
  );
  server("s1", 2);
  expect((await desk.run("status")).out).toContain("the one server has everything\n");
  server("s2", 2);
  expect((await desk.run("status")).out).toContain("all 2 servers have everything\n");
  server("s3", 1, { secondsAgo: 4 });
  server("s4", 2, { healthy: false, problems: ["the server key was replaced", "and more"] });
  server("s5", 0, { secondsAgo: 600 });
  const lines = (await desk.run("status")).out.split("\n").map((line) => line.trimEnd());
  expect(lines.slice(2)).toEqual([
    "server  revision  behind  peers  health     version  age",
    "s1      2         -       2      healthy    1.0      1 s",
    "s2      2         -       2      healthy    1.0      1 s",
    "s3      1         1       1      healthy    1.0      4 s",
    "s4      2         -       2      unhealthy  1.0      1 s",
    "s5      0         2       0      silent     1.0      10 min",
    "",
    "s4: the server key was replaced",
    "s4: and more",
    "",
    "1 behind: s3; 1 unhealthy: s4; 1 silent: s5",
    "",
  ]);
  const document = await desk.json<{ servers: unknown[] }>("status");
  expect(Object.keys(document)).toEqual(["cluster", "endpoint", "revision", "current", "servers"]);
  expect(document.servers[4]).toEqual({
    instance: "s5",
    revision: 0,
    peers: 0,
    healthy: true,
    version: "1.0",
    time: "2026-11-21T11:50:00.000Z",
    ageSeconds: 600,
    current: false,
    problems: [],
    serverKey: null,
    nextServerKey: null,
    behind: 2,
    silent: true,
  });
});
