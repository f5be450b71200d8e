/** From what the lab tells about a client's long connections to what became of them. Pure. */
import type { ConnectionReport } from "../../lab/connection-record";
import type { ConnectionOutcome, Move } from "./types";

/** A time that is looked at, on the lab's clock; answers that come after {@link over} show that a connection lives. */
export interface Watched {
  readonly from: number;
  readonly over: number;
  readonly to: number;
}

/** Longest time without an answer from `from` to `to`, of which the first counts from the last answer before it. */
function longestGap(before: number, answers: readonly number[], to: number): number {
  const times = [before, ...answers, to];
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

/** Why a connection did not survive; undefined when it did: it answered after all was over. */
function endOf(report: ConnectionReport, { over }: Watched): string | undefined {
  if (report.lost) return `${report.name}: ${report.lost.why}`;
  return report.answers.some((at) => at >= over) ? undefined : `${report.name}: no answer`;
}

/**
 * What became of a client's connections.
 *
 * @param moves of the client; none where nothing was re-routed
 */
export function outcomeOf(
  client: string,
  reports: readonly ConnectionReport[],
  moves: readonly Move[],
  watched: Watched,
): ConnectionOutcome {
  const { from, to } = watched;
  const connections = reports.filter(({ kind }) => kind !== "udp");
  const alive = connections.filter((report) => endOf(report, watched) === undefined);
  const talking = alive.filter(({ kind }) => kind === "tcp");
  const starts = moves.length > 0 ? moves.map(({ at }) => at) : [from];
  return {
    client,
    of: connections.length,
    lost: connections.flatMap((report) => endOf(report, watched) ?? []),
    gaps: talking.map(({ before = from, answers }) => longestGap(before, answers, to)),
    backendToClient: reports
      .filter(({ kind, by }) => kind === "udp" && by === "backend")
      .flatMap(({ answers }) =>
        starts.map((start, index) => {
          const end = starts[index + 1] ?? to;
          return longestGap(
            start,
            answers.filter((at) => at >= start && at <= end),
            end,
          );
        }),
      ),
  };
}
