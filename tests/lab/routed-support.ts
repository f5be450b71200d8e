/** What tests of routed addressing look at: which server is whose next hop, who holds a client, and which packets a machine sees. */
import { OVERLAY_ROUTES, parseRoutes } from "../../agent/routed/overlay-routes";
import type { ConnectionReport } from "../../lab/connection-record";
import type { LabStatus } from "../../lab/status";
import { patient } from "../support/slow";
import { eventually, isHealthy, type LabUnderTest } from "./support";

export const ROUTED = { "wgc:addressing": "routed", "wgc:backendPrefixes": "10.0.0.0/16" };
/** In place of a machine's name: the VPC's router. */
export const ROUTER = "the router";

/** The server that each zone's tables lead to; undefined while a zone's do not agree. */
export function nextHops({ routes, zones }: LabStatus): (string | undefined)[] {
  return zones.map(({ name }) => {
    const servers = new Set(routes.filter(({ zone }) => zone === name).map(({ server }) => server));
    return servers.size === 1 ? ([...servers][0] ?? undefined) : undefined;
  });
}

/** Resolves when all servers are in service and each zone is led to a server of its own. */
export async function settled(lab: LabUnderTest, clients: readonly string[]): Promise<LabStatus> {
  await lab.settle(clients);
  return lab.until(
    (status) =>
      nextHops(status).every((hop, index) => {
        const server = status.servers.find(({ name }) => name === hop);
        return server !== undefined && isHealthy(server) && server.zone === status.zones[index]?.name;
      }),
    "each zone to be led to a server of its own",
    60_000,
  );
}

/** Opens the connections of each client: a talking one in each direction, and twenty idle ones. */
export const openConnections = (lab: LabUnderTest, clients: readonly string[]): Promise<unknown> =>
  Promise.all(clients.map((name) => lab.call("connections.open", { name })));

/** Uses every connection of every client once more; returns what did not survive since `from`. */
export async function lostConnections(
  lab: LabUnderTest,
  clients: readonly string[],
  from: number,
): Promise<string[]> {
  const over = await lab.call<number>("now");
  const found: string[] = [];
  for (const name of clients) {
    await lab.call("connections.settled", { name, since: over, limit: patient(60_000) });
    await lab.call("connections.use", { name, limit: patient(20_000) });
    const to = await lab.call<number>("now");
    const reports = await lab.call<ConnectionReport[]>("connections.report", { name, from, to });
    expect(
      reports
        .filter(({ kind }) => kind === "tcp")
        .map(({ by }) => by)
        .sort(),
    ).toEqual(["backend", "client"]);
    expect(reports.filter(({ kind }) => kind === "idle")).toHaveLength(20);
    for (const { name: connection, lost: end, answers } of reports)
      if (end || !answers.some((at) => at >= over))
        found.push(
          `${connection}: ${end?.why ?? `no answer from ${over} to ${to}, the last at ${answers.at(-1)}`}`,
        );
  }
  return found;
}

/** Which packets are counted, and where. */
export interface Sight {
  readonly hook: "prerouting" | "output" | "postrouting";
  readonly match: string;
  /** Default: `ip`, before anything of the machine's own looks at the packets. */
  readonly family?: "ip" | "bridge";
  readonly priority?: string;
}

let sights = 0;

/** Counts packets of a machine that match, from now on; the answer is read by calling it. */
export async function count(
  lab: LabUnderTest,
  where: string,
  { hook, match, family = "ip", priority = "raw - 10" }: Sight,
): Promise<() => Promise<number>> {
  sights += 1;
  const table = `${family} seen_${sights}`;
  const run = (script: string) => (where === ROUTER ? lab.router(script) : lab.sh(where, script));
  const chain = `add chain ${table} packets { type filter hook ${hook} priority ${priority}; }`;
  await run(`nft 'add table ${table}; ${chain}; add rule ${table} packets ${match} counter'`);
  return async () =>
    Number(/counter packets (\d+)/.exec(await run(`nft list table ${table}`))?.[1] ?? Number.NaN);
}

/** Reads several counters at once. */
export async function readAll<K extends string>(
  counters: Record<K, () => Promise<number>>,
): Promise<Record<K, number>> {
  const names = Object.keys(counters) as K[];
  const numbers = await Promise.all(names.map((name) => counters[name]()));
  return Object.fromEntries(names.map((name, index) => [name, numbers[index] ?? Number.NaN])) as Record<
    K,
    number
  >;
}

/** Packets that a server's rules with this comment have counted. */
export async function dropped(lab: LabUnderTest, server: string, comment: string): Promise<number> {
  const rules = await lab.sh(server, "nft list table inet wgc");
  const found = [...rules.matchAll(new RegExp(`packets (\\d+) .*comment "${comment}"`, "g"))];
  if (found.length === 0) throw new Error(`no rule of ${server} says ${comment}`);
  return found.reduce((sum, [, packets]) => sum + Number(packets), 0);
}

/** The clients' addresses (with their length) that a server passes on, each with the server that it passes them on to. */
export async function passedOn(lab: LabUnderTest, server: string): Promise<Map<string, string>> {
  return parseRoutes(await lab.sh(server, `ip -4 route show table ${OVERLAY_ROUTES.table} 2>/dev/null || :`));
}

/** Moves clients to servers, and resolves when every server knows it. Returns the clients' addresses in the tunnel. */
export async function place(
  lab: LabUnderTest,
  places: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { servers, clients } = await lab.status();
  const addressOf = (server: string) => servers.find(({ name }) => name === server)?.address ?? "";
  const tunnel = (client: string) =>
    clients.find(({ name }) => name === client)?.tunnelAddress.split("/")[0] ?? "";
  const flows = await lab.flows(Object.keys(places));
  for (const [name, to] of Object.entries(places))
    if (flows[name] !== addressOf(to)) await lab.call("roam", { name, to });

  for (const { name: server } of servers)
    await eventually(async () => {
      const routes = await passedOn(lab, server);
      const isKnown = ([name, to]: [string, string]) =>
        routes.get(`${tunnel(name)}/32`) === (to === server ? undefined : addressOf(to));
      return Object.entries(places).every(isKnown) ? true : undefined;
    }, `${server} to know where the clients are`);
  return Object.fromEntries(Object.keys(places).map((name) => [name, tunnel(name)]));
}
