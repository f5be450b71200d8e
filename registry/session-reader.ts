import { promises as fs } from "node:fs";
import { join } from "node:path";
import { instanceOfSessionLog, parseSessions, type SessionRecord } from "./sessions";

/** What a look at the session logs found: new records by server. */
export interface SessionNews {
  readonly instance: string;
  readonly records: readonly SessionRecord[];
}

interface Position {
  readonly inode: bigint;
  readonly offset: number;
}

/** A log is read in pieces of this size; a line is about 60 bytes. */
const PIECE = 1 << 20;
/** Logs of servers that have been gone for so long are removed; a session ends after three minutes. */
const FORGET_AFTER_MS = 3_600_000;

/**
 * Reads what servers appended to their session logs since the last time. Each file is opened anew, because NFS looks at a file's
 * attributes on open (nfs(5), close-to-open).
 *
 * INVARIANTS: a record may be reported twice (after a rewrite of its log), never missed; an incomplete last line is left for
 * the next time.
 */
export class SessionReader {
  private readonly positions = new Map<string, Position>();

  constructor(private readonly runtimeRoot: string) {}

  async poll(now: number): Promise<SessionNews[]> {
    const folder = join(this.runtimeRoot, "sessions");
    const files = await fs.readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === "ENOENT") return []; // no server has had a session yet
      throw error;
    });
    const news: SessionNews[] = [];
    for (const file of files) {
      const instance = instanceOfSessionLog(file);
      if (instance === undefined) continue;
      const records = await this.read(join(folder, file), file, now);
      if (records.length > 0) news.push({ instance, records });
    }
    for (const file of [...this.positions.keys()]) if (!files.includes(file)) this.positions.delete(file);
    return news;
  }

  private async read(path: string, file: string, now: number): Promise<SessionRecord[]> {
    const handle = await fs.open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined; // removed since the folder was listed
      throw error;
    });
    if (handle === undefined) return [];
    try {
      const { ino, size, mtimeMs } = await handle.stat({ bigint: true });
      if (now - Number(mtimeMs) > FORGET_AFTER_MS) {
        await fs.rm(path, { force: true });
        return [];
      }
      const known = this.positions.get(file);
      const from = known?.inode === ino && BigInt(known.offset) <= size ? known.offset : 0;
      const { text, consumed } = await readLines(handle, from, Number(size));
      this.positions.set(file, { inode: ino, offset: from + consumed });
      return parseSessions(text);
    } finally {
      await handle.close();
    }
  }
}

/** The complete lines between two offsets, and how many bytes they take. */
async function readLines(
  handle: fs.FileHandle,
  from: number,
  to: number,
): Promise<{ text: string; consumed: number }> {
  const pieces: Buffer[] = [];
  for (let at = from; at < to; ) {
    const piece = Buffer.alloc(Math.min(PIECE, to - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
  const bytes = Buffer.concat(pieces);
  const consumed = bytes.lastIndexOf(0x0a) + 1;
  return { text: bytes.toString("latin1", 0, consumed), consumed };
}
