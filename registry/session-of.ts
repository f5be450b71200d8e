/** Where a client is, by the servers' own records. */
import { SessionReader } from "./session-reader";
import { isAlive, type SessionRecord } from "./sessions";

/** A client's newest session, and the server that holds it. */
export interface CarriedSession extends Pick<SessionRecord, "at"> {
  readonly instance: string;
}

/** The session, where one lives; a problem where it may be another one, since not all logs could be read. */
export interface FoundSession {
  readonly session: CarriedSession | undefined;
  readonly problem: string | undefined;
}

/**
 * The newest session that any server recorded with one of a client's keys. There is none when the client is silent, and when servers
 * keep no records (`wgc:takeover: "false"`).
 *
 * @param runtimeRoot the servers' own folder on the shared storage; nothing is changed there
 * @param now milliseconds of the wall clock
 */
export async function sessionOf(
  runtimeRoot: string,
  publicKeys: readonly string[],
  now: number,
): Promise<FoundSession> {
  const reader = new SessionReader(runtimeRoot, { removes: false });
  const news = await reader.poll();
  const sessions = news.flatMap(({ instance, records }) =>
    records
      .filter((record) => publicKeys.includes(record.publicKey) && isAlive(record, now))
      .map(({ at }) => ({ at, instance })),
  );
  const session = sessions.reduce<CarriedSession | undefined>(
    (newest, one) => (newest === undefined || one.at > newest.at ? one : newest),
    undefined,
  );
  return { session, problem: reader.problem };
}
