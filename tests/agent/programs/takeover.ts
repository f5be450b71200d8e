// Session takeover between real servers, packet by packet: run inside its own namespaces. The parts build on each other only in
// that the servers stay; each has its own clients.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { LocalWriter } from "../../registry/local-writer";
import { send, step, tool, until } from "./support";
import { a, b, c, clear, connected, flood, forgotten, fresh, moves } from "./takeover-cluster";
import { agents, isolation, several, skew, storage } from "./takeover-faults";
import {
  BALANCER,
  PORT,
  REGISTRY,
  route,
  startRouter,
  TestClient,
  type TestServer,
  traffic,
} from "./takeover-net";

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

  // Before the takeover before is over: whatever else is said on the way, traffic goes on each time.
  for (const server of [b, c, b, a]) {
    await route(alice, server);
    await alice.answer(`moved on to ${server.name} in a hurry`);
  }
  step("moves in quick succession");

  const bob = await connected("bob", a, 6);
  await moves(bob, a, b);
  await moves(bob, b, a);
  await forgotten(b, bob);
  step("takeover IPv6");
}

/** A client that may not connect any more sends on, to a server that never had it: no packet goes to it. */
async function outcasts(): Promise<void> {
  const carol = await connected("carol", a);
  await new LocalWriter(REGISTRY).revoke("carol");
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
  const index = (await a.indices(frank)).at(-1) ?? 0;
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
  const stranger = new TestClient("stranger", fresh());
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
  step("a client that moves during a flood goes on, by takeover or by its own timers", {
    during,
    by: moved["to_initiation"] === undefined ? "takeover" : "stock",
  });
}

async function main(): Promise<void> {
  await startRouter();
  await a.boot();
  await Promise.all([b.boot(), c.boot()]);
  const parts = { takeovers, outcasts, unanswered, forged, agents, storage, several, isolation, skew };
  const only = process.argv.slice(5);
  for (const [name, part] of Object.entries(parts)) {
    if (only.length > 0 && !only.includes(name)) continue;
    await part();
    await clear();
  }
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
