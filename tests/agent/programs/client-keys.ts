// Clients' keys are replaced while they talk: run inside its own namespaces. Servers a and c take sessions over, b does not.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { keyFileName } from "../../../registry/layout";
import { RegistryWriter } from "../../../registry/writer";
import { generateKeyPair, generatePresharedKey } from "../../../wireguard/keys";
import { step, until } from "./support";
import { REGISTRY, RUNTIME, recorded, route, startRouter, TestClient, TestServer } from "./takeover-net";

const [bundle = ""] = process.argv.slice(2);
const a = new TestServer("a", 1, bundle);
const b = new TestServer("b", 2, bundle, { takeover: false });
const c = new TestServer("c", 3, bundle);
const servers = [a, b, c];
const WHO = { who: "test" } as const;

const allowed = async (server: TestServer, publicKey: string) =>
  (await server.dump()).peers.find((peer) => peer.publicKey === publicKey)?.allowedIps;

const everywhere = (what: string, publicKey: string, wanted: readonly string[] | undefined) =>
  until(what, async () => {
    const all = await Promise.all(servers.map((server) => allowed(server, publicKey)));
    return all.every((ips) => JSON.stringify(ips) === JSON.stringify(wanted));
  });

async function connected(name: string, number: number, server: TestServer): Promise<TestClient> {
  const client = new TestClient(name, number);
  await client.join(4);
  await everywhere(`${name} known`, client.publicKey, [`${client.tunnelAddress}/32`]);
  await route(client, server);
  await client.answer("its first connection");
  return client;
}

/** Gives a client a new key pair and preshared key in the registry, until both of its peers are everywhere. */
async function rotate(client: TestClient, seconds = 600) {
  const keys = generateKeyPair();
  const presharedKey = generatePresharedKey();
  const former = client.publicKey;
  const change = { publicKey: keys.publicKey, presharedKey, overlapSeconds: seconds };
  await new RegistryWriter(REGISTRY).rotate(client.name, change, WHO);
  await everywhere("the new key's peer without an address", keys.publicKey, []);
  await everywhere("the former key's peer with the address", former, [`${client.tunnelAddress}/32`]);
  return { keys, presharedKey, former };
}

/** Sends every 10 ms from the moment of the new config until an answer comes; how many packets before that had none. */
async function firstAnswer(client: TestClient): Promise<{ ms: number; lost: number }> {
  const out = await client.run("sh", "-c", "ping -D -n -i 0.01 -c 400 10.100.0.1 || :");
  const [line = ""] = out.split("\n").filter((text) => text.includes("icmp_seq="));
  const sequence = Number(/icmp_seq=(\d+)/.exec(line)?.[1]);
  assert.ok(sequence > 0, `no answer within 4 s: ${out.slice(-200)}`);
  return { ms: (sequence - 1) * 10, lost: sequence - 1 };
}

const mark = (publicKey: string) =>
  fs.access(`${RUNTIME}/confirmed/${keyFileName(publicKey)}`).then(
    () => true,
    () => false,
  );

async function overlap(): Promise<void> {
  const alice = await connected("alice", 10, a);
  const bystander = await connected("bystander", 11, a);
  const before = [await a.peer(alice), await a.peer(bystander)];
  const { keys, presharedKey, former } = await rotate(alice);
  assert.equal(await alice.ping(), true);
  assert.equal((await a.peer(alice))?.latestHandshake, before[0]?.latestHandshake, "the session goes on");
  await alice.reconnect();
  await alice.answer("a new session with the former key");
  assert.equal(await mark(keys.publicKey), false);
  step("the former key goes on");

  const formerKeys = alice.keys;
  await alice.use(keys, presharedKey);
  const { ms, lost } = await firstAnswer(alice);
  step("the new key's first handshake gives it the address", { ms, lost });

  await everywhere("the former key gone", former, undefined);
  await everywhere("the new key everywhere", keys.publicKey, [`${alice.tunnelAddress}/32`]);
  assert.equal(await mark(keys.publicKey), true);
  assert.equal((await a.peer(bystander))?.latestHandshake, before[1]?.latestHandshake);
  assert.equal(await bystander.ping(), true);
  step("the other servers follow, other clients' sessions go on");

  await recorded(a, alice);
  await route(alice, c);
  await alice.answer("taken over with its new key", 4000);
  assert.equal(await c.holds(alice), true);
  step("a session of the new key is recorded and taken over");

  await alice.use(formerKeys);
  await pause(2500);
  assert.equal(await alice.ping(), false);
  await alice.use(keys, presharedKey);
  await alice.answer("with the new key again");
  step("the former key is refused");

  await restarts(former);
}

/** An agent that starts again, without marks and sessions to read, knows from its own copy that the former key is over. */
async function restarts(former: string): Promise<void> {
  await b.killAgent();
  await fs.rename(`${RUNTIME}/confirmed`, `${RUNTIME}/confirmed.away`);
  const watched = { seen: 0, over: false };
  const watching = (async () => {
    while (!watched.over) if ((await allowed(b, former)) !== undefined) watched.seen++;
  })();
  await b.startAgent();
  await pause(1000);
  watched.over = true;
  await watching;
  await fs.rename(`${RUNTIME}/confirmed.away`, `${RUNTIME}/confirmed`);
  assert.equal(watched.seen, 0);
  step("an agent's restart lets no former key back in");
}

async function withoutTakeover(): Promise<void> {
  const bob = await connected("bob", 20, b);
  const { keys, presharedKey, former } = await rotate(bob);
  await bob.use(keys, presharedKey);
  const { ms, lost } = await firstAnswer(bob);
  await everywhere("the former key gone", former, undefined);
  step("a server without takeover sees it with its next look", { ms, lost });
}

async function limit(): Promise<void> {
  const carol = await connected("carol", 30, a);
  const { keys, former } = await rotate(carol, 4);
  await everywhere("the former key gone by itself", former, undefined);
  await everywhere("the new key has the address", keys.publicKey, [`${carol.tunnelAddress}/32`]);
  assert.equal(await carol.ping(), false);
  assert.equal(await mark(keys.publicKey), false, "nobody used the new key");
  step("the former key ends with the limit");
}

async function presharedOnly(): Promise<void> {
  const dave = await connected("dave", 40, a);
  const presharedKey = generatePresharedKey();
  const before = (await a.peer(dave))?.latestHandshake;
  await new RegistryWriter(REGISTRY).rotate("dave", { presharedKey, overlapSeconds: 600 }, WHO);
  await until("the preshared key applied", async () => (await a.peer(dave))?.presharedKey === presharedKey);
  assert.equal(await dave.ping(), true, "the session goes on");
  assert.equal((await a.peer(dave))?.latestHandshake, before);
  await dave.use(dave.keys, generatePresharedKey());
  await pause(1500);
  assert.equal(await dave.ping(), false, "another preshared key is refused");
  await dave.use(dave.keys, presharedKey);
  await dave.answer("with the new preshared key");
  step("a preshared key alone: at once for new handshakes, the session goes on");
}

async function revoked(): Promise<void> {
  const erin = await connected("erin", 50, a);
  const { keys, former } = await rotate(erin);
  await new RegistryWriter(REGISTRY).revoke("erin", WHO);
  await everywhere("neither key", former, undefined);
  await everywhere("neither key", keys.publicKey, undefined);
  step("revoked: neither key");
}

async function main(): Promise<void> {
  await startRouter();
  await a.boot();
  await Promise.all([b.boot(), c.boot()]);
  for (const part of [overlap, withoutTakeover, limit, presharedOnly, revoked]) await part();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    for (const server of servers)
      console.error(server.name, server.agent?.output().split("\n").slice(-15).join("\n"));
    process.exit(1);
  },
);
