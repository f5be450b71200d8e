// Three servers for the takeover's tests, and what happens to clients between them.
import assert from "node:assert/strict";
import { LocalWriter } from "../../registry/local-writer";
import { until } from "./support";
import { REGISTRY, recorded, route, TestClient, TestServer, traffic } from "./takeover-net";

export const [bundle = "", flood = "", skewed = ""] = process.argv.slice(2);
export const [a, b, c] = [
  new TestServer("a", 1, bundle),
  new TestServer("b", 2, bundle),
  new TestServer("c", 3, bundle),
];
let number = 10;
/** A number for an address that nobody has. */
export const fresh = () => number++;
export const present: TestClient[] = [];

/** A stock client with a session at that server, which the others can know of. */
export async function connected(
  name: string,
  server: TestServer,
  family: 4 | 6 = 4,
  more = {},
): Promise<TestClient> {
  const client = new TestClient(name, fresh());
  present.push(client);
  await client.join(family, more);
  await until(`${name} known to the servers`, async () => {
    const peers = await Promise.all([a, b, c].map((each) => each.peer(client)));
    return !peers.includes(undefined);
  });
  await route(client, server);
  await client.answer("its first connection");
  await recorded(server, client);
  return client;
}

/** Takes all clients away, so that none of their packets is counted in the next part. */
export async function clear(): Promise<void> {
  const writer = new LocalWriter(REGISTRY);
  const leaving = present.splice(0);
  for (const client of leaving) {
    await client.run("ip", "link", "del", "wg0").catch(() => "");
    await writer.remove(client.name);
  }
  await until("no client left", async () => {
    const dumps = await Promise.all([a, b, c].map((server) => server.dump()));
    const keys = new Set(dumps.flatMap(({ peers }) => peers.map(({ publicKey }) => publicKey)));
    return !leaving.some(({ publicKey }) => keys.has(publicKey));
  });
}

export const forgotten = (server: TestServer, client: TestClient) =>
  until(`${server.name} forgets ${client.name}`, async () => {
    const peer = await server.peer(client);
    return peer?.endpoint === undefined && peer?.latestHandshake === 0;
  });

/** A server speaks to a client that it took over every second for a moment: waits until that is over. */
export const finished = (server: TestServer, client: TestClient) =>
  until(`${server.name} no longer speaks unasked`, async () => {
    const peer = await server.peer(client);
    return (peer?.persistentKeepalive ?? 0) === 0;
  });

/**
 * Moves a client to another server and lets it go on sending; it may not have to begin a handshake itself, and the server that it
 * left says nothing. Were that one still speaking, a client without a strict NAT would follow it (docs/architecture.md).
 */
export async function moves(client: TestClient, from: TestServer, to: TestServer): Promise<void> {
  await finished(from, client);
  const packets = await traffic(async () => {
    await route(client, to);
    await client.answer(`moved from ${from.name} to ${to.name}`);
  });
  assert.equal(packets["to_initiation"], undefined, "the client began no handshake");
  assert.ok((packets[`from_${to.name}_initiation`] ?? 0) > 0, "the server did");
  assert.equal(packets[`from_${from.name}_initiation`], undefined);
  assert.equal(await to.holds(client), true);
}
