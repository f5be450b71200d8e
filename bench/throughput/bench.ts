/**
 * Throughput of the whole path (client, load balancer, server, backend) against one bare WireGuard hop on the same machine, in
 * turns, so that what else the machine does hits both alike.
 */
import { join } from "node:path";
import { buildSync } from "esbuild";
import type { Finished } from "../../lab/process";
import { runPlan } from "../../plan";
import { Cluster, type Workshop } from "../cluster";
import { median } from "../statistics";
import { BARE_HOST, layBareHop } from "./bare-hop";

export const DIRECTIONS = ["upload", "download"] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface ThroughputOptions {
  readonly runs: number;
  /** Length of one measurement, besides a second of warm-up. */
  readonly seconds: number;
  readonly stack: string;
}

/** One direction: medians of all runs, and the cluster's part of the bare hop's. */
export interface ThroughputResult {
  readonly direction: Direction;
  readonly runs: number;
  readonly cluster_mbit: number;
  readonly bare_mbit: number;
  readonly ratio: number;
  /** All measurements, in the order in which they were made. */
  readonly cluster_all_mbit: readonly number[];
  readonly bare_all_mbit: readonly number[];
}

const CLIENT = "c1";
const PORT = 5201;
const PROGRAM = "/run/bulk.js";

/** Medians and ratio of measurements in Mbit/s. Pure. */
export function summarise(
  direction: Direction,
  clusterPath: readonly number[],
  bare: readonly number[],
): ThroughputResult {
  const [through, alone] = [median(clusterPath), median(bare)];
  return {
    direction,
    runs: clusterPath.length,
    cluster_mbit: Math.round(through),
    bare_mbit: Math.round(alone),
    ratio: Math.round((through / alone) * 1000) / 1000,
    cluster_all_mbit: clusterPath.map(Math.round),
    bare_all_mbit: bare.map(Math.round),
  };
}

async function install(cluster: Cluster, project: string): Promise<void> {
  const built = buildSync({
    entryPoints: [join(project, "lab/guest/bulk.ts")],
    bundle: true,
    minify: true,
    platform: "node",
    write: false,
  });
  const text = built.outputFiles[0]?.text ?? "";
  for (const machine of [CLIENT, "backend", "internet"]) {
    const command = ["sh", "-c", `printf %s "$1" >${PROGRAM}`, "sh", text];
    await cluster.call("exec", { machine, command });
  }
}

interface Path {
  readonly machine: string;
  readonly address: string;
}

/** One measurement in Mbit/s: the client dials, and who receives tells. */
async function measure(cluster: Cluster, path: Path, direction: Direction, seconds: number): Promise<number> {
  const [near, far] = direction === "upload" ? ["send", "receive"] : ["receive", "send"];
  const run = (machine: string, ...args: (string | number)[]): Promise<Finished> =>
    cluster.call<Finished>("exec", { machine, command: ["node", PROGRAM, ...args.map(String)] });
  const ends = await Promise.all([
    run(path.machine, "listen", PORT, far, seconds),
    run(CLIENT, "connect", path.address, PORT, near, seconds),
  ]);
  const line = ends.map(({ stdout }) => stdout.trim()).find((text) => text !== "");
  if (line === undefined) throw new Error(`nothing came through: ${ends.map((end) => end.stderr).join(" ")}`);
  const result = JSON.parse(line) as { bytes: number; seconds: number };
  return (result.bytes * 8) / result.seconds / 1e6;
}

/** Measures both directions. */
export async function benchThroughput(
  workshop: Workshop,
  { runs, seconds, stack }: ThroughputOptions,
): Promise<{ results: ThroughputResult[]; wireguard: string }> {
  const plan = await runPlan({ projectDir: workshop.project, stack, mode: "resolved" });
  const cluster = await Cluster.open(workshop, `bench-${process.pid}`, plan);
  try {
    await cluster.join(CLIENT);
    await cluster.pace([CLIENT], 0);
    await install(cluster, workshop.project);
    const mtu = Number(await cluster.sh(CLIENT, "ip -o link show wg0 | sed 's/.* mtu \\([0-9]*\\) .*/\\1/'"));
    await layBareHop(cluster, CLIENT, mtu);
    const address = await cluster.sh(
      "backend",
      "ip -4 -o address show dev eth0 | sed 's,.*inet \\([0-9.]*\\)/.*,\\1,'",
    );
    const through: Path = { machine: "backend", address };
    const bare: Path = { machine: "internet", address: BARE_HOST };
    const results: ThroughputResult[] = [];
    for (const direction of DIRECTIONS) {
      const found = { through: [] as number[], bare: [] as number[] };
      for (let run = 1; run <= runs; run += 1) {
        found.bare.push(await measure(cluster, bare, direction, seconds));
        found.through.push(await measure(cluster, through, direction, seconds));
        const [a, b] = [found.through, found.bare].map((all) => Math.round(all.at(-1) ?? 0));
        workshop.say(`${direction}, run ${run} of ${runs}: cluster ${a} Mbit/s, bare hop ${b} Mbit/s`);
      }
      results.push(summarise(direction, found.through, found.bare));
    }
    return { results, wireguard: (await cluster.status()).wireguard };
  } finally {
    await cluster.close();
  }
}
