/**
 * Plays what other servers write on the lab's shared storage: `record-sessions nodes SERVERS` their records, `record-sessions sessions
 * SERVERS` their sessions with all clients of the registry (prints when the first was written, milliseconds since 1970), `record-sessions
 * clients FILE` those clients for players.ts. Run in the lab's own namespaces.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAllClients } from "../../registry/reader";
import type { NodeFile } from "../../registry/schema";
import { rewriteSessions, sessionLogPath } from "../../registry/sessions";
import { registryFolder, runtimeFolder } from "../apply/registry-filler";
import { sessionNow } from "../session-now";
import { holderOf, others } from "./others";
import type { PlayedClient } from "./players";

function nodes(count: number): void {
  const folder = join(runtimeFolder(), "nodes");
  mkdirSync(folder, { recursive: true });
  for (const { instance, address } of others(count)) {
    const node: NodeFile = {
      ...{ schema: 1, instance, address, revision: 0, peers: 0, healthy: true, version: "bench" },
      time: new Date().toISOString(),
    };
    writeFileSync(join(folder, `${instance}.json`), JSON.stringify(node));
  }
}

async function sessions(count: number): Promise<void> {
  const clients = await readAllClients(registryFolder());
  process.stdout.write(`${Date.now()}\n`);
  for (const [server, { instance }] of others(count).entries()) {
    const held = clients.filter((_, client) => holderOf(client, count) === server);
    const records = held.map(({ publicKey }) => sessionNow(publicKey));
    await rewriteSessions(sessionLogPath(runtimeFolder(), instance), records);
  }
}

async function writeClients(file: string): Promise<void> {
  const clients = (await readAllClients(registryFolder())).map(
    ({ publicKey, addresses }): PlayedClient => ({ publicKey, address: addresses[0] ?? "" }),
  );
  writeFileSync(file, JSON.stringify(clients));
}

const [verb, argument = ""] = process.argv.slice(2);
if (verb === "nodes") nodes(Number(argument));
else void (verb === "sessions" ? sessions(Number(argument)) : writeClients(argument));
