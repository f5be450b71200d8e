// The server key is replaced while clients talk: run inside its own namespaces, with three real servers.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promises as fs } from "node:fs";
import { movedFolder } from "../../../registry/layout";
import { readServerKeys } from "../../../registry/reader";
import { abortRotation, beginRotation, finishRotation } from "../../../registry/server-key";
import { step, until } from "./support";
import { PORT, REGISTRY, RUNTIME, route, startRouter, TestClient, TestServer } from "./takeover-net";

const [bundle = ""] = process.argv.slice(2);
const a = new TestServer("a", 1, bundle);
const b = new TestServer("b", 2, bundle);
const c = new TestServer("c", 3, bundle);
const servers = [a, b, c];
const SECOND = PORT + 1;
const WHO = { who: "test" } as const;

const keyOf = async (server: TestServer, name: string) =>
  (await server.dump(name).catch(() => undefined))?.interface.publicKey;

const serve = (what: string, name: string, publicKey: string | undefined) =>
  until(what, async () =>
    (await Promise.all(servers.map((server) => keyOf(server, name)))).every((has) => has === publicKey),
  );

const at = async (server: TestServer, client: TestClient, name: string) =>
  (await server.dump(name)).peers.find(({ publicKey }) => publicKey === client.publicKey);

async function connected(name: string, number: number, server: TestServer): Promise<TestClient> {
  const client = new TestClient(name, number);
  await client.join(4);
  await until(`${name} known`, async () =>
    (await Promise.all(servers.map((each) => each.peer(client)))).every((peer) => peer !== undefined),
  );
  await route(client, server);
  await client.answer("its first connection");
  return client;
}

/** Begins, until every server serves the next key to these clients. */
async function begin(port: number, clients: readonly TestClient[]): Promise<string> {
  const { value } = await beginRotation(REGISTRY, WHO);
  const next = value.next?.publicKey ?? "";
  assert.ok(value.next?.endpoint.endsWith(`:${port}`));
  await serve("the next key everywhere", "wg1", next);
  await until("the clients there", async () => {
    const peers = await Promise.all(
      servers.flatMap((server) => clients.map((client) => at(server, client, "wg1"))),
    );
    return !peers.includes(undefined);
  });
  return next;
}

/** Pings every 10 ms while something happens, and until it has been answered again for a while; the longest time without an answer. */
async function gapDuring(client: TestClient, work: () => Promise<unknown>): Promise<number> {
  const [file, args] = client.inside("ping", "-D", "-n", "-i", "0.01", "-w", "8", "10.100.0.1");
  const output = new Promise<string>((resolve) =>
    execFile(file, args, { maxBuffer: 1 << 26 }, (_, stdout) => resolve(stdout)),
  );
  await until("some answers", () => client.ping());
  await work();
  const times = [...(await output).matchAll(/^\[([0-9.]+)\] .*icmp_seq=/gm)].map(([, at]) => Number(at));
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  assert.ok(last - first > 6, `answered until the end, for ${last - first} s`);
  return Math.round(Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? 0))) * 1000);
}

async function rotation(alice: TestClient, bob: TestClient): Promise<void> {
  const { publicKey: old } = await readServerKeys(REGISTRY);
  const before = await a.peer(bob);
  const next = await begin(SECOND, [alice, bob]);
  await serve("the current key as before", "wg0", old);
  await alice.follow(next, SECOND);
  await alice.answer("with the next key");
  assert.ok(((await at(a, alice, "wg1"))?.latestHandshake ?? 0) > 0);
  await until("its mark", async () => (await fs.readdir(movedFolder(RUNTIME, next))).length === 1);
  assert.equal(await bob.ping(), true);
  assert.equal((await a.peer(bob))?.latestHandshake, before?.latestHandshake, "others' sessions go on");
  assert.equal(await a.metric("wgc_server_key_moved_clients"), 1);
  step("both keys are served at once");

  await alice.follow(old, PORT);
  await alice.answer("back with the current key");
  await alice.follow(next, SECOND);
  await alice.answer("forth again");
  step("a client may go back and forth");

  await until("its session recorded", async () =>
    (await fs.readFile(`${RUNTIME}/sessions/i-a.next.log`, "utf8")).includes(alice.publicKey),
  );
  await route(alice, b);
  await alice.answer("taken over on the next key", 4000);
  assert.ok(((await at(b, alice, "wg1"))?.latestHandshake ?? 0) > 0);
  step("sessions of the next key are taken over");

  const session = (await at(b, alice, "wg1"))?.latestHandshake;
  await b.killAgent();
  assert.equal(await alice.ping(), true, "without the agent");
  await b.startAgent();
  await alice.answer("after the agent's restart", 2000);
  assert.equal((await at(b, alice, "wg1"))?.latestHandshake, session);
  step("an agent's restart touches no session");

  await b.reboot();
  await serve("both keys after a reboot", "wg1", next);
  await alice.answer("after the server's reboot");
  step("a server that is started again serves both");

  await finish(alice, bob, next);
}

async function finish(alice: TestClient, bob: TestClient, next: string): Promise<void> {
  const gap = await gapDuring(alice, async () => {
    await finishRotation(REGISTRY, WHO, { force: true });
    await serve("the next key is the current one", "wg0", next);
  });
  await serve("no other interface", "wg1", undefined);
  step("finished: who has moved goes on", { gap });
  assert.equal(await bob.ping(), false);
  step("who has not moved is out");
}

/** Generation B: the current key at the second port. */
async function second(alice: TestClient, bob: TestClient): Promise<void> {
  const { publicKey: current } = await readServerKeys(REGISTRY);
  await bob.follow(current, SECOND);
  await bob.answer("with its new config");
  await c.reboot();
  await route(bob, c);
  await bob.answer("through a server that was started again since");
  step("a server boots into the second generation");

  const unused = await begin(PORT, [alice]);
  await alice.follow(unused, PORT);
  await alice.answer("with the next key, at the first port");
  await abortRotation(REGISTRY, WHO);
  await serve("the next key gone", "wg1", undefined);
  await until("no answer", async () => !(await alice.ping()));
  await alice.follow(current, SECOND);
  await alice.answer("back with the current key");
  assert.equal(await keyOf(a, "wg0"), current);
  step("aborted");

  const third = await begin(PORT, [alice]);
  await alice.follow(third, PORT);
  await alice.answer("with the third key");
  await a.killAgent();
  await b.killAgent();
  await finishRotation(REGISTRY, WHO, { force: true });
  await Promise.all([a.startAgent(), b.startAgent()]);
  await serve("the third key everywhere", "wg0", third);
  await alice.answer("after the finish");
  assert.doesNotMatch(await a.run("nft", "list", "tables"), /wgc_ports/);
  step("finished while agents were down: the first port again");
}

async function main(): Promise<void> {
  await startRouter();
  await a.boot();
  await Promise.all([b.boot(), c.boot()]);
  const alice = await connected("alice", 10, a);
  const bob = await connected("bob", 11, a);
  await rotation(alice, bob);
  await second(alice, bob);
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
