/** From what clients sent and got to samples; all of it on the lab's clock. Pure. */
import type { Answer, TrafficWindow } from "../../lab/traffic";
import { percentile, spread } from "../statistics";
import type { ConnectionOutcome, FailoverResult, Move, Sample } from "./types";

/** Something that must have happened did not; such a run is no sample but an error. */
export class NotMeasured extends Error {
  override readonly name = "NotMeasured";
}

/**
 * The first answer that another server than the one of before carried, at or after the move: its request left when the flow was gone. Where
 * the backend sees clients' own addresses, nothing else tells which server it was.
 */
function recovery(client: string, { at, done = at, from }: Move, answers: readonly Answer[]): Answer {
  const found = answers.find(
    (answer) => answer.at >= at && answer.via !== from && answer.at - answer.rtt >= done,
  );
  if (!found) throw new NotMeasured(`${client} got no answer through another server than ${from}`);
  return found;
}

/** Longest time between two answers, of which the second came in the window. */
function longestGap(before: Answer | undefined, answers: readonly Answer[], to: number): number {
  const times = [...(before ? [before] : []), ...answers].map(({ at }) => at);
  times.push(to); // silence at the end counts as well
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

/** Requests between the last answer before the window and the last one in it that were never answered. */
function unanswered(before: Answer | undefined, answers: readonly Answer[]): number {
  if (answers.length === 0) return 0;
  const numbers = answers.map(({ seq }) => seq);
  const first = before?.seq ?? Math.min(...numbers) - 1;
  return Math.max(...numbers) - first - new Set(numbers.filter((seq) => seq > first)).size;
}

/** Moves without a recovery between them, and the answer that ended it. */
interface Episode {
  readonly first: Move;
  readonly back: Answer;
}

/** A client that is moved on before it has recovered is out once, for longer: its moves are one episode. */
function episodes(client: string, moves: readonly Move[], answers: readonly Answer[]): Episode[] {
  const found: Episode[] = [];
  for (const move of moves) {
    const back = recovery(client, move, answers);
    const last = found.at(-1);
    if (last && last.back.at >= move.at) {
      found[found.length - 1] = { first: last.first, back: back.at > last.back.at ? back : last.back };
    } else found.push({ first: move, back });
  }
  return found;
}

/**
 * The samples of a client that sends all the time: one a move. The outage of a move is the longest time without an answer from the
 * incident (or the recovery from the move before) to the next move, or to the end.
 *
 * @param from when the incident was made
 * @param to when the client was no longer looked at
 */
export function busySamples(
  client: string,
  moves: readonly Move[],
  traffic: TrafficWindow,
  { from, to }: { from: number; to: number },
): Sample[] {
  /** The last answer before the part that is looked at. */
  let earlier = traffic.before;
  const all = episodes(client, moves, traffic.answers);
  return all.map(({ first, back }, index) => {
    const end = all[index + 1]?.first.at ?? to;
    const start = index === 0 ? from : (earlier?.at ?? from);
    const part = traffic.answers.filter(({ at }) => (index === 0 ? at >= start : at > start) && at <= end);
    const sample = {
      client,
      outage: longestGap(earlier, part, end),
      afterReroute: back.at - first.at,
      lost: unanswered(earlier, part),
    };
    earlier = back;
    return sample;
  });
}

/** The sample of a client that sends all the time and is not moved; its server cannot reach it, or the backend cannot reach its server. */
export function unmovedSample(
  client: string,
  traffic: TrafficWindow,
  { from, to }: { from: number; to: number },
): Sample {
  const part = traffic.answers.filter(({ at }) => at >= from && at <= to);
  return {
    client,
    outage: longestGap(traffic.before, part, to),
    afterReroute: undefined,
    lost: unanswered(traffic.before, part),
  };
}

/**
 * The sample of a client that was silent: its request leaves after the last move, and is repeated until the answer comes. The part
 * after the re-route counts from the request, because the move was before it; or from the move, where the request made it (roam).
 * Which server answers is not asked: in a rolling replacement a new one may have the address of one that is gone.
 */
export function idleSample(client: string, moves: readonly Move[], traffic: TrafficWindow): Sample {
  const [request] = traffic.sent;
  const move = moves.at(-1);
  if (!request) throw new NotMeasured(`${client} sent no request`);
  const answer = traffic.answers.find(({ at }) => at >= request.at);
  if (!answer) throw new NotMeasured(`${client} got no answer to its request`);
  return {
    client,
    outage: answer.at - request.at,
    afterReroute: move && answer.at - Math.max(request.at, move.at),
    lost: answer.seq - request.seq,
  };
}

/** One row of the table. */
export function summarise(
  cell: Pick<FailoverResult, "addressing" | "scenario" | "load" | "takeover" | "health" | "runs">,
  samples: readonly Sample[],
  outcomes: readonly ConnectionOutcome[] = [],
): FailoverResult {
  const lost = samples.map((sample) => sample.lost);
  return {
    ...cell,
    samples: samples.length,
    outage_ms: spread(samples.map(({ outage }) => outage)),
    after_reroute_ms: spreadOrNull(samples.flatMap(({ afterReroute }) => afterReroute ?? [])),
    lost_packets: { p50: percentile(lost, 50), max: percentile(lost, 100) },
    ...(outcomes.length === 0 ? {} : ofConnections(outcomes)),
  };
}

const spreadOrNull = (values: readonly number[]) => (values.length === 0 ? null : spread(values));

function ofConnections(outcomes: readonly ConnectionOutcome[]) {
  return {
    tcp_connections: outcomes.reduce((sum, { of }) => sum + of, 0),
    tcp_lost: outcomes.reduce((sum, { lost }) => sum + lost.length, 0),
    tcp_longest_gap_ms: spreadOrNull(outcomes.flatMap(({ gaps }) => gaps)),
    backend_to_client_ms: spreadOrNull(outcomes.flatMap(({ backendToClient }) => backendToClient)),
  };
}
