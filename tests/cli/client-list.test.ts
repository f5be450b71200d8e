import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CSV_COLUMNS } from "../../cli/client-list";
import type { ClientView } from "../../control/answers";
import { registryPaths, runtimeOf } from "../../registry/layout";
import { rewriteSessions } from "../../registry/sessions";
import { generateKeyPair } from "../../wireguard/keys";
import { Desk } from "./desk";

let desk: Desk;
beforeAll(async () => {
  desk = await new Desk().open();
  const tags: Record<string, Record<string, string>> = {
    alice: { team: "ops" },
    bob: { team: "dev", site: "vienna, at" },
  };
  for (const [name, expiresAt] of [
    ["alice", "2026-11-28T12:00:00Z"],
    ["bob", undefined],
    ["carol", "2026-12-21T12:00:00Z"],
  ] as const) {
    const { publicKey } = generateKeyPair();
    const expiry = expiresAt === undefined ? {} : { expiresAt };
    await desk.control.call("add", { name, publicKey, ...expiry, tags: tags[name] ?? {} });
  }
  await desk.control.call("revoke", { name: "carol" });
});
afterAll(() => desk.close());

const lines = (text: string): string[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd());

test("a table, and how many there are on standard error", async () => {
  const { code, out, err } = await desk.run("client", "list");
  expect([code, err]).toEqual([0, "3 clients\n"]);
  expect(lines(out)).toEqual([
    "name   state    address     expires  tags",
    "alice  active   10.100.0.2  in 7 d   team=ops",
    "bob    active   10.100.0.3  never    team=dev site=vienna, at",
    "carol  revoked  10.100.0.4  in 30 d",
  ]);
});

test("a narrow terminal cuts the tags", async () => {
  desk.columns = 50;
  const { out } = await desk.run("client", "list");
  desk.columns = undefined;
  expect(lines(out)[2]).toBe("bob    active   10.100.0.3  never    team=dev sit…");
  expect(Math.max(...lines(out).map((line) => line.length))).toBe(50);
});

test.each([
  [["--state", "revoked"], ["carol"]],
  [
    ["--state", "active"],
    ["alice", "bob"],
  ],
  [["--tag", "team=ops"], ["alice"]],
  [["--tag", "team=dev", "--tag", "site=vienna, at"], ["bob"]],
  [["--expires-before", "8d"], ["alice"]],
  [["--expires-before", "2026-11-27"], []],
  [
    ["--search", "o"],
    ["bob", "carol"],
  ],
])("list %j", async (filter, names) => {
  const { clients } = await desk.json<{ clients: ClientView[] }>("client", "list", ...filter);
  expect(clients.map(({ name }) => name)).toEqual(names);
});

test("pages are read until there are enough", async () => {
  const asked: number[] = [];
  const real = desk.control;
  desk.control = {
    call: (operation, input, options) => {
      if (operation !== "list") return real.call(operation, input, options);
      const { limit } = input as { limit: number };
      asked.push(limit);
      // A control function that gives one client at a time.
      return real.call(operation, { ...input, limit: 1 } as typeof input, options);
    },
  };
  const some = await desk.run("client", "list", "--limit", "2");
  const all = await desk.json<{ clients: ClientView[] }>("client", "list");
  desk.control = real;
  expect(lines(some.out)).toHaveLength(3);
  expect(some.err).toBe("3 clients, 1 not shown (--all shows them)\n");
  expect(all.clients).toHaveLength(3);
  expect(asked).toEqual([2, 1, 1000, 1000, 1000]);
});

test("nobody there, and nobody who matches, are two things", async () => {
  expect((await desk.run("client", "list", "--search", "zz")).out).toBe("no client matches\n");
  const empty = await new Desk().open();
  expect((await empty.run("client", "list")).out).toBe(
    "no clients yet; add one with: ./wgc client add NAME\n",
  );
  empty.close();
});

test("show", async () => {
  const { out } = await desk.run("client", "show", "alice");
  expect(
    lines(out).map((line) => line.replace(/ {2,}/, ": ").replace(/: [A-Za-z0-9+/]{43}=/, ": KEY")),
  ).toEqual([
    "name: alice",
    "state: active",
    "public key: KEY",
    "preshared key  no".replace("  ", ": "),
    "addresses: 10.100.0.2/32",
    "routes: the cluster's",
    "DNS: the cluster's",
    "created: 2026-11-21T12:00:00.000Z",
    "expires: 2026-11-28T12:00:00Z (in 7 d)",
    "session: none known",
    "tags: team=ops",
  ]);
});

test("show names the server that carries the client, and says when not all records could be read", async () => {
  const { session } = await desk.json<{ session: unknown }>("client", "show", "bob");
  expect(session).toBeNull();
  const sessions = join(runtimeOf(desk.root), "sessions");
  const { publicKey } = (await desk.json<{ client: { publicKey: string } }>("client", "show", "bob")).client;
  const at = desk.now.getTime() - 12_000;
  await rewriteSessions(join(sessions, "i-0a.log"), [{ publicKey, index: 1, at: at - 9000 }]);
  await rewriteSessions(join(sessions, "i-0b.log"), [{ publicKey, index: 2, at }]);
  expect((await desk.run("client", "show", "bob")).out).toMatch(
    /^session +on i-0b, last handshake 12 s ago$/m,
  );
  expect(await desk.json("client", "show", "bob")).toMatchObject({
    session: { instance: "i-0b", at: new Date(at).toISOString() },
    sessionProblem: null,
  });
  const broken = join(sessions, "i-0c.log");
  writeFileSync(broken, "");
  truncateSync(broken, 300 * 2 ** 20);
  expect((await desk.run("client", "show", "bob")).out).toMatch(
    /^session +on i-0b, .* \(not all records could be read: i-0c\.log: .*remove the file\)$/m,
  );
});

test("CSV quotes what has to be quoted (RFC 4180)", async () => {
  const { out, err } = await desk.run("client", "export", "--csv");
  expect(err).toBe("3 clients, without secrets\n");
  const rows = out.split("\r\n");
  expect(rows[0]).toBe(CSV_COLUMNS.join(","));
  expect(rows).toHaveLength(5);
  expect(rows[2]).toMatch(
    /^bob,active,[A-Za-z0-9+/]{43}=,false,10\.100\.0\.3\/32,,,2026-11-21T12:00:00\.000Z,,,"\{""team"":""dev"",""site"":""vienna, at""\}"$/,
  );
});

test("whatever a tag, a route or a server's word has in it is shown and not obeyed", async () => {
  await desk.run("client", "add", "mallory", "--out", "FILE:mallory.conf");
  const client = {
    ...desk.stored("mallory"),
    tags: { a: "\u001b[31mred\u001b[2K\nfake", b: "\u202eoof\u0085" },
  };
  writeFileSync(registryPaths(desk.root).client("mallory"), JSON.stringify(client));
  const shown = "a=\\x1b[31mred\\x1b[2K\\x0afake b=\\u202eoof\\x85";
  expect((await desk.run("client", "list", "--search", "mallory")).out).toContain(shown);
  expect((await desk.run("client", "show", "mallory")).out).toContain(shown);
});

test("routes that the tunnel does not carry are taken with a word about it", async () => {
  const { err } = await desk.run(
    "client",
    "add",
    "six",
    "--routes",
    "::/0,192.168.0.0/16,fd00::/8",
    "--out",
    "FILE:six.conf",
  );
  expect(err).toContain(
    "note: the tunnel carries IPv4 only: what the client sends to ::/0, fd00::/8 goes into it and no further\n",
  );
  expect((await desk.run("client", "update", "six", "--routes", "fd00::/8")).err).toContain("IPv4 only");
  expect((await desk.run("client", "update", "six", "--full-tunnel")).err).toBe("");
});
