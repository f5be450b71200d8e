import { readNodes } from "./nodes";

/** A server writes its record every ten seconds at least (agent/node-record.ts); one that has missed three is silent. */
const LIVE_MS = 35_000;
/** Records of servers that ended stay for good; one that has said nothing for a day is not expected back. */
const EXPECTED_MS = 24 * 3600_000;

/** Which servers do not have a key, by what they last said themselves; names in order. */
export interface KeyHolders {
  /** Servers that are there and have not said that they have it. */
  readonly serversWithout: readonly string[];
  /** Servers that have been silent for less than a day and had not said so before. */
  readonly serversSilent: readonly string[];
}

/** Looks which servers have a server key, as their current or their next one. */
export async function keyHolders(runtimeRoot: string, publicKey: string, now: Date): Promise<KeyHolders> {
  const without = (await readNodes(runtimeRoot)).filter(
    ({ serverKey, nextServerKey }) => serverKey !== publicKey && nextServerKey !== publicKey,
  );
  const silentFor = (time: string): number => now.getTime() - Date.parse(time);
  const names = (from: number, to: number): string[] =>
    without.flatMap(({ instance, time }) =>
      silentFor(time) > from && silentFor(time) <= to ? instance : [],
    );
  return {
    serversWithout: names(Number.NEGATIVE_INFINITY, LIVE_MS),
    serversSilent: names(LIVE_MS, EXPECTED_MS),
  };
}
