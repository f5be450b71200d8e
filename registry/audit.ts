import { promises as fs } from "node:fs";
import { type AuditEntry, follows, parseEntry } from "./audit-log";
import { errorCode } from "./errors";
import { registryPaths } from "./layout";
import { readChanges } from "./reader";

export type { AuditEntry } from "./audit-log";

/** A page of the audit log. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Give this as `after` for the next page; missing on the last one. */
  readonly next?: number;
}

const PIECE = 1 << 16;

/** Entries after a number, oldest first. Their place is found by halving, so a page costs the same wherever it is. */
export async function readAudit(
  root: string,
  { after = 0, limit = 100 }: { after?: number; limit?: number } = {},
): Promise<AuditPage> {
  const handle = await fs.open(registryPaths(root).audit, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (handle === undefined) return { entries: [] };
  try {
    const { size } = await handle.stat();
    const entries: AuditEntry[] = [];
    const from = await placeOf(handle, size, after);
    for await (const line of linesFrom(handle, from, size, from > 0)) {
      const entry = parseEntry(line);
      if (entry === undefined || entry.sequence <= after) continue;
      if (entries.length === limit) return { entries, next: entries.at(-1)?.sequence ?? after };
      entries.push(entry);
    }
    return { entries };
  } finally {
    await handle.close();
  }
}

/** A place in the file from which on the first whole line is an entry up to that number, at most a piece before its end. */
async function placeOf(handle: fs.FileHandle, size: number, after: number): Promise<number> {
  let [low, high] = [0, size];
  while (high - low > PIECE) {
    const middle = low + Math.floor((high - low) / 2);
    let sequence: number | undefined;
    for await (const line of linesFrom(handle, middle, high, true)) {
      sequence = parseEntry(line)?.sequence;
      if (sequence !== undefined) break;
    }
    if (sequence === undefined || sequence > after) high = middle;
    else low = middle;
  }
  return low;
}

/** The complete lines between two places; `skip` leaves the first out, which may have begun before. */
async function* linesFrom(
  handle: fs.FileHandle,
  from: number,
  to: number,
  skip = false,
): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  let skipping = skip;
  for (let at = from; at < to; ) {
    const piece = Buffer.alloc(Math.min(PIECE, to - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    rest = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      if (!skipping) yield rest.subarray(0, end).toString("utf8");
      skipping = false;
      rest = rest.subarray(end + 1);
    }
  }
}

/** Where a chain ended when somebody looked: kept elsewhere, it shows later whether everything up to there is still the same. */
export interface KnownHead {
  readonly sequence: number;
  readonly hash: string;
}

/** A head as one word, and back: `12:9f86…`. */
export const headText = ({ sequence, hash }: KnownHead): string => `${sequence}:${hash}`;
export const parseHead = (text: string): KnownHead => {
  const [sequence, hash = ""] = text.split(":");
  return { sequence: Number(sequence), hash };
};

/** Whether the whole chain holds. */
export interface AuditVerdict {
  readonly entries: number;
  readonly intact: boolean;
  /** The first thing that is wrong. */
  readonly problem?: string;
  /** The last entry that holds; missing where there is none. */
  readonly head?: KnownHead;
}

/**
 * Checks the chain from its first entry to the head that the feed names: an entry that was edited, taken out, put elsewhere or cut
 * off at the end shows. Entries after the head belong to a change that is going on or was interrupted.
 *
 * The log and the feed are two files in one folder: who may write both can make up another history that holds in itself, or cut the
 * log and set the head back. A head that was kept elsewhere (`known`; the deployed function logs one with each change) shows that.
 */
export async function verifyAudit(root: string, known?: KnownHead): Promise<AuditVerdict> {
  // The head is read first: entries that are written meanwhile come after it.
  const { audit: head, revision, changes } = await readChanges(root);
  const path = registryPaths(root).audit;
  const handle = await fs.open(path, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  let end = { sequence: 0, hash: "", after: 0 };
  const upTo = () => (end.sequence === 0 ? {} : { head: { sequence: end.sequence, hash: end.hash } });
  const broken = (problem: string): AuditVerdict => ({
    entries: end.sequence,
    intact: false,
    problem,
    ...upTo(),
  });
  if (handle === undefined) {
    const expected = head !== undefined || known !== undefined || revision > 0;
    return expected ? broken("the log is missing") : { entries: 0, intact: true };
  }
  let met = head === undefined;
  let odd: string | undefined;
  try {
    const { size } = await handle.stat();
    for await (const line of linesFrom(handle, 0, size)) {
      if (odd !== undefined) return broken(odd);
      const entry = parseEntry(line);
      const where = `after entry ${end.sequence}`;
      if (entry === undefined) odd = `${where}: a line is no entry, or was changed`;
      else if (entry.sequence !== end.sequence + 1) {
        odd = `${where}: entry ${entry.sequence} follows; something was taken out or moved`;
      } else if (!follows(entry, end)) odd = `entry ${entry.sequence} or the one before was changed`;
      else end = { sequence: entry.sequence, hash: entry.hash, after: entry.after };
      // A torn line at the very end, after the head, is a crash's; anything else that is odd was made.
      if (odd !== undefined && !met) return broken(odd);
      if (head !== undefined && end.sequence === head.sequence) {
        if (end.hash !== head.hash) return broken(`entry ${end.sequence} is not the one that was announced`);
        met = true;
      }
      if (end.sequence === known?.sequence && end.hash !== known.hash)
        return broken(`entry ${end.sequence} is not the one whose hash was kept: the log was written anew`);
    }
  } finally {
    await handle.close();
  }
  if (!met) return broken(`entries ${end.sequence + 1} to ${head?.sequence} are missing at the end`);
  if (known !== undefined && end.sequence < known.sequence)
    return broken(`entries ${end.sequence + 1} to ${known.sequence}, which was kept, are missing at the end`);
  // A feed that a repair made anew is one ahead until the repair is recorded.
  if (end.after < revision - (changes.length === 0 ? 1 : 0))
    return broken(
      `the last entry leads to revision ${end.after}, but the registry is at ${revision}: entries are missing`,
    );
  return { entries: end.sequence, intact: true, ...upTo() };
}
