/**
 * One server among very many: how long until its kernel has a route to each client of the others, how soon a client that moved between two
 * of them is led to the new one, and what hearing them all costs.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { buildSync } from "esbuild";
import * as z from "zod";
import { OVERLAY_ROUTES } from "../../agent/routed/overlay-routes";
import { runPlan } from "../../plan";
import { PATHS } from "../../userdata/paths";
import { FRESH, FreshServer, TUNNEL } from "../apply/fresh-server";
import { agentCpu, agentFamily, mib } from "../apply/processes";
import { Cluster, type Workshop } from "../cluster";
import { type Spread, spread } from "../statistics";
import { addressingConfig, withGroup } from "../variant";
import { others, PLAYERS } from "./others";
import type { AnnouncedMove, Played, Traffic } from "./players";

export interface MeshOptions {
  readonly clients: number;
  /** Servers of the cluster, with the measured one. */
  readonly servers: number;
  readonly stack: string;
  /** Length of each look, seconds. */
  readonly seconds: number;
}

/** What one server hears or says of heartbeats. */
export interface Rate {
  readonly per_second: number;
  /** Kilobits a second on the wire, with headers of IPv4 and UDP. */
  readonly kbit_per_second: number;
}

export interface MeshResult {
  readonly servers: number;
  readonly clients: number;
  /** From the others' last record on the shared storage until the kernel had a route to each client. */
  readonly routes_s: number;
  /** From an announcement until the kernel's route was another one, while nothing else happens and while the others announce handshakes. */
  readonly move_ms: Spread;
  readonly move_busy_ms: Spread;
  readonly moves: number;
  /** Moves of both kinds whose announcement did not arrive; a server reads of them on the shared storage within a second. */
  readonly unheard: number;
  readonly heard: Rate;
  readonly said: Rate;
  /** Per cent of one core, agent with its children: with heartbeats alone, and with the handshakes. */
  readonly cpu_percent: number;
  readonly cpu_busy_percent: number;
  readonly handshakes_per_second: number;
  readonly agent_rss_mib: number;
}

const HANDSHAKES_PER_SECOND = 1000;
const MOVES_PER_SECOND = 5;
/** Servers read each other's records so often (agent/mesh/mesh.ts), and the first heartbeats come. */
const KNOWN_MS = 12_000;
const ROUTES_LIMIT_MS = 120_000;
const MONITOR = "/lab/routes.log";
/** `ip netns exec` would also mount a new /sys, which a lab's machine may not do. */
const INSIDE = `nsenter --net=/run/netns/${PLAYERS.namespace}`;
/** What of the agent's settings the players need. */
const configSchema = z.object({
  runtimePath: z.string(),
  mesh: z.object({ port: z.int() }),
});
/** Process id of the players. */
const TALKING = "/lab/players.pid";

/** Changes of routes as `ip -timestamp monitor route` prints them: address, server, milliseconds since 1970. Pure. */
export function routeChanges(text: string): AnnouncedMove[] {
  const found: AnnouncedMove[] = [];
  let at = Number.NaN;
  for (const line of text.split("\n")) {
    const stamp = /^Timestamp: (.+) (\d+) usec$/.exec(line.trim());
    if (stamp) at = Date.parse(`${stamp[1]} UTC`) + Number(stamp[2]) / 1000;
    const [, address = "", to = ""] = /^([\d./]+) .*?encap ip .*?dst ([\d.]+) /.exec(line) ?? [];
    if (address !== "") found.push({ address: address.includes("/") ? address : `${address}/32`, to, at });
  }
  return found;
}

/** How long each move took, in milliseconds; those are left out whose three datagrams all were lost. Pure. */
export function delays(moves: readonly AnnouncedMove[], changes: readonly AnnouncedMove[]): number[] {
  return moves.flatMap(({ address, to, at }) => {
    const change = changes.find((one) => one.address === address && one.to === to);
    return change === undefined ? [] : change.at - at;
  });
}

class MeshBench {
  private readonly others: number;
  private port = "";
  private runtime = "";

  constructor(
    private readonly server: FreshServer,
    private readonly options: MeshOptions,
  ) {
    this.others = options.servers - 1;
  }

  private sh(script: string): Promise<string> {
    return this.server.cluster.sh(FRESH, script);
  }

  /** A network behind the server's own machine in which the others live; what they say passes its firewall as from anywhere. */
  async prepare(project: string): Promise<void> {
    const addresses = others(this.others).map(
      ({ address }) => `address add ${address}/${PLAYERS.prefixLength} dev there`,
    );
    await this.sh(`set -e
ip netns add ${PLAYERS.namespace}
ip link add players type veth peer name there netns ${PLAYERS.namespace}
ip address add ${PLAYERS.here}/${PLAYERS.prefixLength} dev players
ip link set players up
${INSIDE} ip link set there up
printf '%s\n' '${addresses.join("\n")}' | ${INSIDE} ip -batch -`);
    const bundle = join(project, ".wgc", "bench", "players.js");
    buildSync({
      entryPoints: [join(project, "bench/mesh/players.ts")],
      ...{ bundle: true, platform: "node", outfile: bundle, logLevel: "silent" },
    });
    await this.server.give(bundle, "players.js");
    await this.server.script(
      "mesh/record-sessions.ts",
      "clients",
      `/run/lab/disks/${FRESH}/lab/clients.json`,
    );
    const config = configSchema.parse(JSON.parse(await this.sh(`cat ${PATHS.agentConfig}`)));
    this.port = String(config.mesh.port);
    this.runtime = config.runtimePath;
  }

  /** Lets the others talk for so long. */
  private async play(seconds: number, handshakes = 0, moves = 0, turn = 0): Promise<Played> {
    const run = [INSIDE, "node", "/lab/players.js"];
    const words = [
      `${this.runtime}/mesh/key`,
      this.port,
      "/lab/clients.json",
      this.others,
      seconds,
      handshakes,
      moves,
      turn,
    ];
    const command = [...run, ...words].join(" ");
    return JSON.parse(await this.sh(`${command} & echo $! > ${TALKING}; wait $!`)) as Played;
  }

  /** The others become known, with heartbeats; then their sessions are recorded. Resolves with the seconds until all routes are there. */
  async routes(): Promise<number> {
    const talking = this.play((KNOWN_MS + ROUTES_LIMIT_MS) / 1000).then((): never => {
      throw new Error("the other servers fell silent");
    });
    const seconds = await Promise.race([talking, this.routesWhile()]);
    await this.sh(`kill $(cat ${TALKING})`);
    return seconds;
  }

  private async routesWhile(): Promise<number> {
    await this.server.script("mesh/record-sessions.ts", "nodes", this.others);
    await pause(KNOWN_MS);
    const written = Number(await this.server.script("mesh/record-sessions.ts", "sessions", this.others));
    const { table } = OVERLAY_ROUTES;
    const seen = await this.sh(`end=$(( $(date +%s) + ${ROUTES_LIMIT_MS / 1000} ))
while [ $(ip -4 route show table ${table} 2>/dev/null | wc -l) -lt ${this.options.clients} ]; do
  [ $(date +%s) -lt $end ] || { echo "routes: $(ip -4 route show table ${table} | wc -l)" >&2; exit 1; }
  sleep 0.1
done
date +%s%3N`);
    return (Number(seen) - written) / 1000;
  }

  /** Moves clients, and resolves with how long each took, beside so many handshakes a second. */
  async moves(handshakes: number, turn: number): Promise<{ delays: number[]; played: Played }> {
    const { seconds } = this.options;
    await this.sh(`ip -timestamp -4 monitor route > ${MONITOR} 2>&1 & echo $! > ${MONITOR}.pid`);
    const played = await this.play(seconds, handshakes, MOVES_PER_SECOND, turn);
    await this.sh(`kill $(cat ${MONITOR}.pid)`);
    return { delays: delays(played.moves, routeChanges(await this.sh(`cat ${MONITOR}`))), played };
  }

  /** Processor use while the others talk. */
  async cpu(handshakes: number): Promise<{ cpu: number; played: Played }> {
    const { seconds } = this.options;
    const talking = this.play(seconds + 4, handshakes);
    talking.catch(() => {}); // awaited below
    await pause(2000);
    const cpu = await agentCpu(this.server.cluster, FRESH, seconds);
    return { cpu, played: await talking };
  }
}

const rate = ({ datagrams, bytes }: Traffic, seconds: number): Rate => ({
  per_second: Math.round(datagrams / seconds),
  kbit_per_second: Math.round((bytes * 8) / 1000 / seconds),
});

/** Measures one server of a cluster in which all the others are played. */
export async function benchMesh(
  workshop: Workshop,
  options: MeshOptions,
): Promise<{ result: MeshResult; wireguard: string }> {
  const { project: projectDir, say } = workshop;
  const config = {
    ...addressingConfig(projectDir, options.stack, "routed"),
    "wgc:tunnelCidr": TUNNEL,
    "wgc:vpcCidr": "10.0.0.0/16",
    "wgc:backendPrefixes": "10.0.0.0/16",
  };
  const planned = await runPlan({ projectDir, stack: options.stack, mode: "resolved", config });
  const plan = withGroup(planned, { minSize: 1, desiredCapacity: 1 });
  say(`${options.clients} clients: booting ...`);
  const cluster = await Cluster.open(workshop, `bench-${process.pid}`, plan);
  try {
    const { wireguard } = await cluster.status();
    const server = new FreshServer(workshop, cluster, wireguard, options.clients);
    await server.boot(options.clients);
    await server.applied(options.clients);
    const bench = new MeshBench(server, options);
    await bench.prepare(projectDir);
    const routes = await bench.routes();
    say(`routes to all clients of ${options.servers - 1} servers after ${routes.toFixed(1)} s`);
    const calm = await bench.cpu(0);
    const quiet = await bench.moves(0, 0);
    const busy = await bench.cpu(HANDSHAKES_PER_SECOND);
    const crowded = await bench.moves(HANDSHAKES_PER_SECOND, 1);
    const [main] = await agentFamily(cluster, FRESH);
    const result: MeshResult = {
      servers: options.servers,
      clients: options.clients,
      routes_s: Math.round(routes * 10) / 10,
      move_ms: spread(quiet.delays),
      move_busy_ms: spread(crowded.delays),
      moves: quiet.played.moves.length,
      unheard: [quiet, crowded].reduce((sum, one) => sum + one.played.moves.length - one.delays.length, 0),
      heard: rate(calm.played.beats, calm.played.seconds),
      said: rate(calm.played.heard, calm.played.seconds),
      cpu_percent: calm.cpu,
      cpu_busy_percent: busy.cpu,
      handshakes_per_second: Math.round(busy.played.announced / busy.played.seconds),
      agent_rss_mib: mib(main?.rss_kib ?? 0),
    };
    return { result, wireguard };
  } finally {
    await cluster.close();
  }
}
