/** Which server an incident happens to, and that it carries clients of each load then. */
import type { LabStatus, ServerStatus } from "../../lab/status";
import { type Cluster, isServing } from "../cluster";
import { NotMeasured } from "./samples";
import type { Load } from "./types";

/** The clients of each load. */
export type Parts = ReadonlyMap<Load, readonly string[]>;

/** The first client of each load may be on one server only; half of them on the victim give most samples. */
const SHARE = 0.5;
/** A roaming client without takeover waits for its own timers. */
const ANSWER_LIMIT_MS = 30_000;

/** Names of the clients whose last answer that server carried. */
export function clientsOf(status: LabStatus, server: string): string[] {
  return status.clients.filter((client) => client.server === server).map(({ name }) => name);
}

/** The server that carries clients of all loads best: most of the load that it has fewest of. */
export function busiest(status: LabStatus, parts: Parts): ServerStatus | undefined {
  const fewest = (server: ServerStatus): number => {
    const there = clientsOf(status, server.name);
    return Math.min(...[...parts.values()].map((part) => part.filter((name) => there.includes(name)).length));
  };
  return status.servers.filter(isServing).sort((a, b) => fewest(b) - fewest(a))[0];
}

/** Clients that have to move for the server to carry its share of each load. */
export function newcomers(status: LabStatus, server: string, parts: Parts): string[] {
  const there = clientsOf(status, server);
  return [...parts.values()].flatMap((part) => {
    const wanted = Math.ceil(part.length * SHARE) - part.filter((name) => there.includes(name)).length;
    return part.filter((name) => !there.includes(name)).slice(0, Math.max(0, wanted));
  });
}

/** Makes a client start a handshake at once, as its own timers do after 15 s without an answer. */
const REKEY =
  "wg-quick strip wg0 >/run/wg0 && wg set wg0 peer $(wg show wg0 peers) remove && wg addconf wg0 /run/wg0";

/** Moves clients to the server by new mappings of their routers; resolves when it answers them all. */
export async function place(
  cluster: Cluster,
  server: ServerStatus,
  clients: readonly string[],
): Promise<void> {
  await Promise.all(
    clients.map(async (name) => {
      await cluster.call("roam", { name, to: server.name });
      await cluster.sh(name, REKEY);
    }),
  );
  await cluster.until(
    (status) => clients.every((name) => clientsOf(status, server.name).includes(name)),
    `${server.name} to answer ${clients.join(", ")}`,
    ANSWER_LIMIT_MS,
  );
}

/** The server whose clients are looked at, with clients of each load on it. */
export async function chooseCarrier(
  cluster: Cluster,
  parts: Parts,
  named: string | undefined,
): Promise<ServerStatus> {
  const status = await cluster.status();
  const server =
    named === undefined ? busiest(status, parts) : status.servers.find(({ name }) => name === named);
  if (!server) throw new NotMeasured(`there is no server${named ? ` ${named}` : ""} in service`);
  const more = newcomers(status, server.name, parts);
  if (more.length > 0) await place(cluster, server, more);
  return server;
}
