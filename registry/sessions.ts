import { randomBytes } from "node:crypto";
import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { isKey } from "../wireguard/keys";
import { replaceFile } from "./files";
import { assertInstanceName } from "./layout";

/** One session that a server holds: which client the server handed this receiver index out to, and when. */
export interface SessionRecord {
  readonly publicKey: string;
  /** The 32-bit index that the client puts into each packet of this session (WireGuard whitepaper, section 5.4). */
  readonly index: number;
  /**
   * When the handshake was, in milliseconds of the server's wall clock, or later: always more than any record of that client
   * which the server knew, so that the order of a client's sessions holds when the servers' clocks disagree.
   */
  readonly at: number;
}

/** How long an index is a server's: a session ends 180 s after its handshake (whitepaper, section 6.1), and a packet may be late. */
export const SESSION_SECONDS = 200;
/** No server's clock is so far ahead: a record from then is rubbish, and would stay the newest one until then. */
const AHEAD_MS = 600_000;

/** Whether a session lives. @param now milliseconds of the wall clock */
export function isAlive({ at }: Pick<SessionRecord, "at">, now: number): boolean {
  return at >= now - SESSION_SECONDS * 1000 && !isAhead(at, now);
}

/** Whether a time is from a clock that nobody can follow. @param now milliseconds of the wall clock */
export function isAhead(at: number, now: number): boolean {
  return at > now + AHEAD_MS;
}

/** Where a server's sessions are recorded. */
export function sessionLogPath(runtimeRoot: string, instance: string): string {
  return join(runtimeRoot, "sessions", `${assertInstanceName(instance)}.log`);
}

/** The server that a file in `sessions/` belongs to; undefined for temporary files. */
export function instanceOfSessionLog(file: string): string | undefined {
  return file.endsWith(".log") && !file.startsWith(".") ? file.slice(0, -".log".length) : undefined;
}

/** A record as one line: time (base 36), index (8 hexadecimal digits), public key. */
export function renderSession({ publicKey, index, at }: SessionRecord): string {
  return `${at.toString(36)} ${index.toString(16).padStart(8, "0")} ${publicKey}\n`;
}

/** The records of complete lines. A line that is no record was torn by a crash; it costs that record only. */
export function parseSessions(text: string): SessionRecord[] {
  return text.split("\n").flatMap((line) => {
    const [time = "", index = "", publicKey = "", ...more] = line.split(" ");
    if (!/^[0-9a-z]{1,10}$/.test(time) || !/^[0-9a-f]{8}$/.test(index)) return [];
    if (more.length > 0 || !isKey(publicKey)) return [];
    return [{ publicKey, index: Number.parseInt(index, 16), at: Number.parseInt(time, 36) }];
  });
}

/** Adds records to a server's log. One write: lines of one call are never mixed with others. */
export async function appendSessions(path: string, records: readonly SessionRecord[]): Promise<void> {
  const handle = await fs.open(path, "a", 0o644);
  try {
    await handle.writeFile(records.map(renderSession).join(""));
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a server's log: drops what is no longer needed, and what a crash tore. Its first line is no record but a random word,
 * by which readers tell that they have to begin anew: file systems use the number of a removed file again.
 */
export async function rewriteSessions(path: string, records: readonly SessionRecord[]): Promise<void> {
  await fs.mkdir(dirname(path), { recursive: true });
  const head = `sessions ${randomBytes(8).toString("hex")}\n`;
  await replaceFile(path, head + records.map(renderSession).join(""), { mode: 0o644 });
}
