// Session takeover between real servers, packet by packet: run inside its own namespaces. The steps build on each other only in
// that the servers stay; each has its own clients.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { RegistryWriter } from "../../../registry/writer";
import { send, step, tool, until } from "./support";
import {
  BALANCER,
  PORT,
  REGISTRY,
  RUNTIME,
  recorded,
  route,
  startRouter,
  TestClient,
  TestServer,
  traffic,
} from "./takeover-net";

const [bundle = "", flood = ""] = process.argv.slice(2);
const [a, b, c] = [
  new TestServer("a", 1, bundle),
  new TestServer("b", 2, bundle),
  new TestServer("c", 3, bundle),
];
let number = 10;

/** A stock client with a session at that server, which the others can know of. */
async function connected(
  name: string,
  server: TestServer,
  family: 4 | 6 = 4,
  more = {},
): Promise<TestClient> {
  const client = new TestClient(name, number++);
  await client.join(family, more);
  await until(`${name} known to the servers`, async () => {
    const peers = await Promise.all([a, b, c].map((each) => each.peer(client)));
    return !peers.includes(undefined);
  });
  await route(client, server);
  const before = await server.lastIndex().catch(() => undefined);
  await client.answer("its first connection");
  await recorded(server, before);
  return client;
}

const forgotten = (server: TestServer, client: TestClient) =>
  until(`${server.name} forgets ${client.name}`, async () => {
    const peer = await server.peer(client);
    return peer?.endpoint === undefined && peer?.latestHandshake === 0;
  });

/** Moves a client to another server and lets it go on sending; it may not have to begin a handshake itself. */
async function moves(client: TestClient, from: TestServer, to: TestServer): Promise<void> {
  const packets = await traffic(async () => {
    await route(client, to);
    await client.answer(`moved from ${from.name} to ${to.name}`);
  });
  assert.equal(packets["to_initiation"], undefined, "the client began no handshake");
  assert.ok((packets[`from_${to.name}_initiation`] ?? 0) > 0, "the server did");
  assert.equal(packets[`from_${from.name}_initiation`], undefined);
  assert.equal(await to.holds(client), true);
}

async function takeovers(): Promise<void> {
  const alice = await connected("alice", a);
  const before = await b.metric("wgc_takeovers_total");
  await moves(alice, a, b);
  assert.equal(await b.metric("wgc_takeovers_total"), before + 1);
  step("takeover IPv4");

  await forgotten(a, alice);
  const pushed = await traffic(() => a.run("sh", "-c", `! ping -c5 -i0.2 -W1 -q ${alice.tunnelAddress}`));
  assert.deepEqual(
    Object.keys(pushed).filter((kind) => kind.startsWith("from_a")),
    [],
  );
  assert.equal(await alice.ping(), true);
  step("the server that lost a client is silent");

  await moves(alice, b, a);
  step("back within a minute");
  await moves(alice, a, b);
  await moves(alice, b, c);
  await moves(alice, c, a);
  await forgotten(b, alice);
  await forgotten(c, alice);
  step("takeover after a takeover");

  const bob = await connected("bob", a, 6);
  await moves(bob, a, b);
  await moves(bob, b, a);
  await forgotten(b, bob);
  step("takeover IPv6");
}

/** A client that may not connect any more sends on, to a server that never had it: no packet goes to it. */
async function outcasts(): Promise<void> {
  const carol = await connected("carol", a);
  await new RegistryWriter(REGISTRY).revoke("carol");
  const soon = new Date(Date.now() + 4000).toISOString();
  const dave = await connected("dave", a, 4, { expiresAt: soon });
  for (const client of [carol, dave]) {
    await until(`${client.name} gone`, async () => {
      const peers = await Promise.all([a, b, c].map((server) => server.peer(client)));
      return peers.every((peer) => peer === undefined);
    });
    await tool("nft", "add", "element", "inet", "lb", "watched", `{ ${client.address[4]} }`);
    await route(client, b);
    const ignored = await b.metric("wgc_stray_ignored_total");
    const packets = await traffic(async () => {
      await until("strays seen and passed over", async () => {
        assert.equal(await client.ping(), false);
        return (await b.metric("wgc_stray_ignored_total")) > ignored;
      });
    });
    assert.equal(packets["to_watched"], undefined);
    assert.ok((packets["to_transport"] ?? 0) > 0);
    assert.equal(await b.peer(client), undefined);
  }
  step("revoked and expired clients");
}

const stray = (client: TestClient, index: number) => {
  const bytes = Buffer.alloc(48);
  bytes[0] = 4;
  bytes.writeUInt32LE(index, 4);
  return send({
    netns: client.name,
    from: [client.address[4], 4500],
    to: [BALANCER[4], PORT],
    packets: [bytes],
  });
};

async function unanswered(): Promise<void> {
  const frank = await connected("frank", a);
  const index = await a.lastIndex();
  await frank.run("ip", "link", "del", "wg0");
  await until("its port free", async () => (await frank.run("ss", "-uln")).includes(":4500") === false);
  await route(frank, b);
  const gaveUp = await b.metric("wgc_takeover_unanswered_total");
  const packets = await traffic(async () => {
    await stray(frank, index);
    await until("b gave up", async () => (await b.metric("wgc_takeover_unanswered_total")) > gaveUp);
    await forgotten(b, frank);
  });
  const { from_b_initiation: calls = 0, ...others } = packets;
  assert.ok(calls >= 1 && calls <= 4, `${calls} calls`);
  assert.deepEqual(others, { to_transport: 1 }, "and nothing else left any server");
  // The kernel would repeat its call every 5 s, for 90 s (whitepaper, section 6.1).
  assert.deepEqual(await traffic(() => pause(6000)), {});
  step("only handshakes to a known client, and no more after it did not answer");
}

async function forged(): Promise<void> {
  const erin = await connected("erin", a);
  const stranger = new TestClient("stranger", number++);
  await stranger.connect();
  await tool("ip", "route", "add", "198.18.0.0/15", "via", stranger.address[4]);
  await stranger.run("ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo");
  await tool("nft", "add", "element", "inet", "lb", "watched", "{ 198.18.0.0/15 }");
  const strays = (server: TestServer, count: number) =>
    stranger.run(process.execPath, flood, server.address[4], String(PORT), String(count));
  const unknown = await b.metric("wgc_stray_unknown_total");
  const packets = await traffic(() => strays(b, 100_000));
  assert.equal(packets["to_watched"], undefined, "not one packet goes back");
  assert.ok((packets["to_transport"] ?? 0) > 99_000, `${packets["to_transport"]} strays were sent`);
  await until("they were looked at", async () => (await b.metric("wgc_stray_unknown_total")) > unknown);
  step("100,000 forged strays", { looked: (await b.metric("wgc_stray_unknown_total")) - unknown });

  let over = false;
  const flooding = strays(b, 300_000).then(() => {
    over = true;
  });
  await until("the flood", async () => (await traffic(() => pause(50)))["to_transport"] !== undefined);
  let during = false;
  const moved = await traffic(async () => {
    await route(erin, b);
    await erin.answer("in the flood", 40_000);
    during = !over;
  });
  await flooding;
  assert.equal(moved["to_watched"], undefined);
  step("a takeover during the flood", {
    during,
    by: moved["to_initiation"] === undefined ? "takeover" : "stock",
  });
}

async function agents(): Promise<void> {
  const gina = await connected("gina", a);
  await a.killAgent();
  const old = await a.lastIndex();
  await gina.reconnect();
  await gina.answer("while the agent is away");
  const before = await a.peer(gina);
  const packets = await traffic(async () => {
    await a.startAgent();
    await recorded(a, old);
    await gina.answer("with the new agent");
  });
  assert.deepEqual(
    Object.keys(packets).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  const { latestHandshake, endpoint } = (await a.peer(gina)) ?? {};
  assert.deepEqual(
    { latestHandshake, endpoint },
    { latestHandshake: before?.latestHandshake, endpoint: before?.endpoint },
  );
  await moves(gina, a, b);
  step("agent restarted: sessions untouched, the handshakes of the gap are recorded");

  await b.killAgent();
  await moves(gina, b, c);
  assert.equal(await b.holds(gina), true);
  await b.startAgent();
  await forgotten(b, gina);
  const after = await traffic(() => gina.answer("after the agent that lost it is back"));
  assert.deepEqual(
    Object.keys(after).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  step("agent restarted: a session that went away meanwhile is let go");

  const index = await c.lastIndex();
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32LE(index);
  const own = `0x${swapped.readUInt32BE().toString(16)}`;
  await c.run("nft", "flush", "ruleset");
  await c.run("nft", "add", "table", "inet", "wgc");
  const quiet = await traffic(() =>
    until(
      "the index known again",
      async () => {
        assert.equal(await gina.ping(), true, "the session is not disturbed");
        return (await c.run("nft", "list", "set", "inet", "wgc_sessions", "own").catch(() => "")).includes(
          own,
        );
      },
      20_000,
    ),
  );
  assert.deepEqual(
    Object.keys(quiet).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  step("the agent's table flushed");

  const henry = await connected("henry", a);
  await a.reboot();
  assert.equal(await a.holds(henry), false);
  const back = await traffic(() => henry.answer("after its server was started again"));
  assert.equal(back["to_initiation"], undefined);
  assert.ok((back["from_a_initiation"] ?? 0) > 0);
  step("a server that was started again takes its clients back");
}

/** What one server cannot know, it does not act on; everything else goes on, and is made up for afterwards. */
async function storage(): Promise<void> {
  const ivy = await connected("ivy", b);
  const ways: [string, () => Promise<() => Promise<unknown>>][] = [
    ["unreadable", unreadable],
    ["hangs", hang],
  ];
  for (const [name, begin] of ways) {
    const troubles = () => (b.agent?.output() ?? "").split("session directory cannot be used").length;
    const before = troubles();
    const end = await begin();
    await until("the trouble is seen", async () => troubles() > before);
    const guest = new TestClient(`guest${number}`, number++);
    await guest.join(4);
    await until("known to a", async () => a.peer(guest), 30_000);
    await route(guest, a);
    await guest.answer("at a");
    await route(guest, b);
    const packets = await traffic(async () => {
      for (let i = 0; i < 4; i++) await guest.ping();
    });
    assert.equal(packets["from_b_initiation"], undefined, "b knows nothing of that session");
    assert.equal(await ivy.ping(), true);
    assert.match(await b.health(), /"healthy":true/);
    await until("known to b", async () => b.peer(guest), 30_000);
    await guest.reconnect();
    await guest.answer("at b, by its own handshake");
    await end();
    await until(
      "b recorded it",
      async () => (await fs.readFile(`${RUNTIME}/sessions/i-b.log`, "utf8")).includes(guest.publicKey),
      30_000,
    );
    await until("a knows", async () => !(await a.holds(guest)), 30_000);
    await moves(guest, b, a);
    step(`storage ${name}`);
  }
}

async function unreadable(): Promise<() => Promise<unknown>> {
  await fs.rename(`${RUNTIME}/sessions`, `${RUNTIME}/away`);
  await fs.writeFile(`${RUNTIME}/sessions`, "");
  return async () => {
    await fs.rm(`${RUNTIME}/sessions`);
    await fs.rename(`${RUNTIME}/away`, `${RUNTIME}/sessions`);
  };
}

/** Whoever reads the logs hangs, as behind a file server that does not answer: a pipe that nobody writes to (fifo(7)). */
async function hang(): Promise<() => Promise<unknown>> {
  const pipe = `${RUNTIME}/sessions/i-away.log`;
  await tool("mkfifo", pipe);
  return () => fs.rm(pipe);
}

async function several(): Promise<void> {
  const jill = await connected("jill", a);
  const sending = jill.run("ping", "-c30", "-i0.1", "-W1", "-q", "10.100.0.1").catch(() => "");
  for (const server of [b, c, b, c, b, c]) await route(jill, server);
  await sending;
  await jill.answer("after two servers wanted it");
  await until("one of them holds it", async () => {
    const holds = await Promise.all([a, b, c].map((server) => server.holds(jill)));
    return holds.join() === "false,false,true";
  });
  assert.equal(await jill.ping(), true);
  step("two servers want one client");

  c.uncheck();
  await forgotten(c, jill);
  const packets = await traffic(() => jill.answer("reached again"));
  assert.equal(packets["to_initiation"], undefined);
  assert.ok((packets["from_c_initiation"] ?? 0) > 0);
  c.check();
  step("a server that nothing reaches forgets its sessions");
}

async function main(): Promise<void> {
  await startRouter();
  await a.boot();
  await Promise.all([b.boot(), c.boot()]);
  const parts = { takeovers, outcasts, unanswered, forged, agents, storage, several };
  const only = process.argv.slice(4);
  for (const [name, part] of Object.entries(parts))
    if (only.length === 0 || only.includes(name)) await part();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    for (const server of [a, b, c])
      console.error(server.name, server.agent?.output().split("\n").slice(-25).join("\n"));
    process.exit(1);
  },
);
