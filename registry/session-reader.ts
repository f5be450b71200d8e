import { promises as fs } from "node:fs";
import { join } from "node:path";
import { unlessStale } from "./files";
import { instanceOfSessionLog, parseSessions, type SessionRecord } from "./sessions";

/** What a look at the session logs found: new records by server. */
export interface SessionNews {
  readonly instance: string;
  readonly records: readonly SessionRecord[];
}

interface Position {
  /** The file's first bytes: random after a rewrite, the first record in a log that was only appended to. */
  readonly head: string;
  readonly offset: number;
}

/** How much of a file tells it from the one before. */
const HEAD_BYTES = 24;

/** A log is read in pieces of this size; a line is about 60 bytes. */
const PIECE = 1 << 20;
/**
 * A longer file is no session log: 1,000,000 clients would be 65 MB, which a server writes anew before it has three times as much.
 * Reading all of whatever somebody put there would cost the reader its memory.
 */
const MOST_BYTES = 256 << 20;
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

  /** When a log was last written: the storage's time, since a server's own clock may be wrong. */
  private newest = 0;

  /** @param options.removes whether logs of servers that are long gone are removed. Default true */
  constructor(
    private readonly runtimeRoot: string,
    private readonly options: { readonly removes: boolean } = { removes: true },
  ) {}

  /** Why a log could not be read the last time; the others were. */
  problem: string | undefined;
  /** Servers whose logs that were. */
  unread: readonly string[] = [];

  async poll(): Promise<SessionNews[]> {
    const folder = join(this.runtimeRoot, "sessions");
    const entries = await fs
      .readdir(folder, { withFileTypes: true })
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return []; // no server has had a session yet
        throw error;
      });
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    const news: SessionNews[] = [];
    const unread: string[] = [];
    this.problem = undefined;
    for (const file of files) {
      const instance = instanceOfSessionLog(file);
      if (instance === undefined) continue;
      try {
        const records = await unlessStale(folder, () => this.read(join(folder, file), file));
        if (records.length > 0) news.push({ instance, records });
      } catch (error) {
        this.problem = `${file}: ${error instanceof Error ? error.message : String(error)}`;
        unread.push(instance);
      }
    }
    this.unread = unread;
    for (const file of [...this.positions.keys()]) if (!files.includes(file)) this.positions.delete(file);
    return news;
  }

  private async read(path: string, file: string): Promise<SessionRecord[]> {
    const handle = await fs.open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined; // removed since the folder was listed
      throw error;
    });
    if (handle === undefined) return [];
    try {
      const { size, mtimeMs } = await handle.stat();
      this.newest = Math.max(this.newest, mtimeMs);
      if (this.newest - mtimeMs > FORGET_AFTER_MS) {
        if (this.options.removes) await fs.rm(path, { force: true });
        return [];
      }
      if (size > MOST_BYTES) throw new Error(`${size} bytes, more than any server writes; remove the file`);
      const known = this.positions.get(file);
      const head = await readBytes(handle, 0, Math.min(HEAD_BYTES, size));
      const from = known !== undefined && known.head === head && known.offset <= size ? known.offset : 0;
      const { text, consumed } = await readLines(handle, from, size);
      this.positions.set(file, { head, offset: from + consumed });
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
  const text = await readBytes(handle, from, to);
  const consumed = text.lastIndexOf("\n") + 1;
  return { text: text.slice(0, consumed), consumed };
}

/** The bytes between two offsets, one character each: all that is written here is ASCII. */
async function readBytes(handle: fs.FileHandle, from: number, to: number): Promise<string> {
  const pieces: Buffer[] = [];
  for (let at = from; at < to; ) {
    const piece = Buffer.alloc(Math.min(PIECE, to - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
  return Buffer.concat(pieces).toString("latin1");
}
