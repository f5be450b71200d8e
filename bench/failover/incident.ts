/** One run: the cluster is whole, something happens, and each client that it touched gives a sample. */
import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionReport } from "../../lab/connection-record";
import type { Answer, TrafficWindow } from "../../lab/traffic";
import type { Cluster } from "../cluster";
import type { Random } from "../random";
import { outcomeOf } from "./connections";
import { chooseCarrier, clientsOf, type Parts } from "./placement";
import { busySamples, idleSample, NotMeasured, unmovedSample } from "./samples";
import type { Incident, Scenario } from "./scenario";
import type { ConnectionOutcome, Load, Move, Sample } from "./types";

/** Milliseconds between two requests: of a busy client, beside TCP connections, between incidents, and of an idle one until it is answered. */
const INTERVAL = { busy: 10, tcp: 50, between: 100, request: 10 } as const;
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
/** TCP waits up to twice as long as the network was away before it tries again (RFC 6298, 5.5). */
const CONNECTION_LIMIT_MS = 90_000;
const USE_LIMIT_MS = 30_000;

/** How a run goes: what happens, to whom. */
export interface Run {
  readonly cluster: Cluster;
  readonly scenario: Scenario;
  readonly parts: Parts;
  readonly random: Random;
}

/** What one load's clients gave in a run. */
export interface Measured {
  readonly samples: readonly Sample[];
  readonly outcomes: readonly ConnectionOutcome[];
}

/** Makes one incident and returns what each load's clients saw of it. */
export async function runIncident(run: Run): Promise<Map<Load, Measured>> {
  const { cluster, scenario, parts, random } = run;
  await cluster.pace(cluster.clients, INTERVAL.between);
  await cluster.whole();
  const { victim, carrier } = await placed(run);
  await pause(SETTLE_MS);
  await openConnections(cluster, parts.get("tcp") ?? []);
  const silentSince = await quieten(cluster, parts, random);
  const touched = carrier ? clientsOf(await cluster.status(), carrier.name) : cluster.clients;
  const incident: Incident = { cluster, victim, carrier, since: await cluster.now(), random };
  const over = scenario.strike(incident);
  over.catch(() => {}); // awaited below; a client that waits meanwhile must not make it an unhandled rejection
  const measure = async (load: Load, client: string): Promise<Measured> => {
    if (load === "idle")
      return only(await measureIdle(incident, client, scenario, over, silentSince.get(client) ?? 0));
    const moving = scenario.moves(incident, client, over);
    return load === "tcp"
      ? measureConnections(incident, client, moving, over)
      : { samples: await measureBusy(incident, client, moving), outcomes: [] };
  };
  const found = new Map<Load, Measured>();
  const measuring = [...parts].map(async ([load, clients]) => {
    const hit = clients.filter((name) => touched.includes(name));
    if (hit.length === 0) throw new NotMeasured(`no ${load} client was on ${carrier?.name ?? "any server"}`);
    const all = await Promise.all(hit.map((client) => measure(load, client)));
    found.set(load, {
      samples: all.flatMap(({ samples }) => samples),
      outcomes: all.flatMap(({ outcomes }) => outcomes),
    });
  });
  await Promise.all([over, ...measuring]);
  await scenario.mend?.(incident);
  return found;
}

const only = (sample: Sample): Measured => ({ samples: [sample], outcomes: [] });

/** The servers that it is about, with clients of each load on the one whose clients are looked at. */
async function placed({ cluster, scenario, parts }: Run): Promise<Pick<Incident, "victim" | "carrier">> {
  const named = await scenario.prepare?.(cluster);
  if (scenario.hits === "all") return { victim: undefined, carrier: undefined };
  const carrier = await chooseCarrier(cluster, parts, named?.carrier);
  const { servers } = await cluster.status();
  const victim = servers.find(({ name }) => name === (named?.victim ?? carrier.name));
  if (!victim) throw new NotMeasured(`there is no server ${named?.victim}`);
  return { victim, carrier };
}

/** Busy clients speed up, idle ones fall silent one by one; resolves when all have, with the times (this process's clock). */
async function quieten(cluster: Cluster, parts: Parts, random: Random): Promise<Map<string, number>> {
  await cluster.pace(parts.get("busy") ?? [], INTERVAL.busy);
  await cluster.pace(parts.get("tcp") ?? [], INTERVAL.tcp);
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
  await recovered(cluster, client, moves.at(-1));
  await pause(WATCH_MS);
  const to = await cluster.now();
  return samplesOf(client, moves, await cluster.traffic(client, since, to), { from: since, to });
}

function samplesOf(
  client: string,
  moves: readonly Move[],
  traffic: TrafficWindow,
  time: { from: number; to: number },
): Sample[] {
  return moves.length > 0
    ? busySamples(client, moves, traffic, time)
    : [unmovedSample(client, traffic, time)];
}

/** Long connections beside a client's requests: whether they live when all is over, and how long they stood still. */
async function measureConnections(
  { cluster, since }: Incident,
  client: string,
  moving: Promise<Move[]>,
  ending: Promise<unknown>,
): Promise<Measured> {
  const moves = await moving;
  await recovered(cluster, client, moves.at(-1));
  await ending;
  const over = await cluster.now();
  await cluster.call("connections.settled", { name: client, since: over, limit: CONNECTION_LIMIT_MS });
  await pause(WATCH_MS);
  await cluster.call("connections.use", { name: client, limit: USE_LIMIT_MS });
  const time = { from: since, to: await cluster.now() };
  const reports = await cluster.call<ConnectionReport[]>("connections.report", { name: client, ...time });
  const traffic = await cluster.traffic(client, time.from, time.to);
  return {
    samples: samplesOf(client, moves, traffic, time),
    outcomes: [outcomeOf(client, reports, moves, { ...time, over })],
  };
}

async function openConnections(cluster: Cluster, clients: readonly string[]): Promise<void> {
  await Promise.all(clients.map((name) => cluster.call("connections.open", { name })));
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
  const answered = nextAnswer(cluster, client, {});
  await cluster.pace([client], INTERVAL.request);
  const { at } = await answered;
  await cluster.pace([client], INTERVAL.between);
  return idleSample(client, await moving, await cluster.traffic(client, from, at));
}

/** The next answer after a move, through another server; without a move any. */
function recovered(cluster: Cluster, name: string, move: Move | undefined): Promise<Answer> {
  return nextAnswer(cluster, name, move ? { notVia: move.from, sentSince: move.done ?? move.at } : {});
}

async function nextAnswer(
  cluster: Cluster,
  name: string,
  which: { notVia?: string; sentSince?: number },
): Promise<Answer> {
  const answer = await cluster.call<Answer | null>("nextAnswer", {
    name,
    limit: RECOVERY_LIMIT_MS,
    ...which,
  });
  if (answer) return answer;
  throw new NotMeasured(`${name} got no answer within ${RECOVERY_LIMIT_MS / 1000} s`);
}
