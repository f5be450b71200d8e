/** One run: the cluster is whole, something happens, and each client that it touched gives a sample. */
import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "../../lab/traffic";
import type { Cluster } from "../cluster";
import type { Random } from "../random";
import { chooseVictim, clientsOf, type Parts } from "./placement";
import { busySamples, idleSample, NotMeasured } from "./samples";
import type { Incident, Scenario } from "./scenario";
import type { Load, Move, Sample } from "./types";

/** Milliseconds between two requests: of a busy client, between incidents, and of an idle one until it is answered. */
const INTERVAL = { busy: 10, between: 100, request: 10 } as const;
/** An idle client's request leaves after so much silence, */
const IDLE_MS = 30_000;
/** and clients become silent within one keepalive interval, so that their keepalives come at any time after the incident. */
const KEEPALIVE_MS = 25_000;
/** The re-route is over so long before an idle client's request. */
const AFTER_REROUTE_MS = 1000;
/** A busy client is watched for so long after it recovered. */
const WATCH_MS = 3000;
/** Longer than a client's own timers take; then something is broken. */
const RECOVERY_LIMIT_MS = 200_000;
const SETTLE_MS = 1000;

/** How a run goes: what happens, to whom. */
export interface Run {
  readonly cluster: Cluster;
  readonly scenario: Scenario;
  readonly parts: Parts;
  readonly random: Random;
}

/** Makes one incident and returns the samples of each load. */
export async function runIncident({ cluster, scenario, parts, random }: Run): Promise<Map<Load, Sample[]>> {
  await cluster.pace(cluster.clients, INTERVAL.between);
  await cluster.whole();
  const named = await scenario.prepare?.(cluster);
  const victim = scenario.hits === "server" ? await chooseVictim(cluster, parts, named) : undefined;
  await pause(SETTLE_MS);
  const silentSince = await quieten(cluster, parts, random);
  const status = await cluster.status();
  const touched = victim ? clientsOf(status, victim.name) : cluster.clients;
  const incident: Incident = { cluster, victim, since: await cluster.now() };
  const over = scenario.strike(incident);
  over.catch(() => {}); // awaited below; a client that waits meanwhile must not make it an unhandled rejection
  const measure = async (load: Load, client: string): Promise<Sample[]> =>
    load === "busy"
      ? measureBusy(incident, client, scenario.moves(incident, client, over))
      : [await measureIdle(incident, client, scenario, over, silentSince.get(client) ?? 0)];
  const samples = new Map<Load, Sample[]>();
  const measuring = [...parts].map(async ([load, clients]) => {
    const hit = clients.filter((name) => touched.includes(name));
    if (hit.length === 0) throw new NotMeasured(`no ${load} client was on ${victim?.name ?? "any server"}`);
    samples.set(load, (await Promise.all(hit.map((client) => measure(load, client)))).flat());
  });
  await Promise.all([over, ...measuring]);
  await scenario.mend?.(incident);
  return samples;
}

/** Busy clients speed up, idle ones fall silent one by one; resolves when all have, with the times (this process's clock). */
async function quieten(cluster: Cluster, parts: Parts, random: Random): Promise<Map<string, number>> {
  await cluster.pace(parts.get("busy") ?? [], INTERVAL.busy);
  const idle = parts.get("idle") ?? [];
  const since = new Map<string, number>();
  // Without idle clients the incident still comes at any moment between two health checks.
  const waits = idle.length > 0 ? idle.map(() => random.between(0, KEEPALIVE_MS)) : [random.between(0, 5000)];
  await Promise.all(
    waits.map(async (wait, index) => {
      await pause(wait);
      const name = idle[index];
      if (name === undefined) return;
      await cluster.pace([name], 0);
      since.set(name, performance.now());
    }),
  );
  return since;
}

async function measureBusy(
  { cluster, since }: Incident,
  client: string,
  moving: Promise<Move[]>,
): Promise<Sample[]> {
  const moves = await moving;
  await recovered(cluster, client, moves.at(-1)?.from);
  await pause(WATCH_MS);
  const to = await cluster.now();
  return busySamples(client, moves, await cluster.traffic(client, since, to), { from: since, to });
}

async function measureIdle(
  incident: Incident,
  client: string,
  scenario: Scenario,
  over: Promise<unknown>,
  silentSince: number,
): Promise<Sample> {
  const { cluster } = incident;
  const moving = scenario.moves(incident, client, over);
  moving.catch(() => {}); // awaited below, and only after the client's silence
  const idle = pause(Math.max(0, silentSince + IDLE_MS - performance.now()));
  if (scenario.movedBy === "balancer") {
    await moving;
    await pause(AFTER_REROUTE_MS);
  }
  await idle;
  const from = await cluster.now();
  const answered = recovered(cluster, client, undefined);
  await cluster.pace([client], INTERVAL.request);
  const { at } = await answered;
  await cluster.pace([client], INTERVAL.between);
  return idleSample(client, await moving, await cluster.traffic(client, from, at));
}

async function recovered(cluster: Cluster, name: string, notVia: string | undefined): Promise<Answer> {
  const params = { name, limit: RECOVERY_LIMIT_MS, ...(notVia === undefined ? {} : { notVia }) };
  const answer = await cluster.call<Answer | null>("nextAnswer", params);
  if (answer) return answer;
  throw new NotMeasured(`${name} got no answer within ${RECOVERY_LIMIT_MS / 1000} s`);
}
