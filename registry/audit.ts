import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { errorCode } from "./errors";
import { syncFolder } from "./files";
import { registryPaths } from "./layout";
import { readChanges } from "./reader";
import type { AuditHead } from "./schema";

/** One line of the audit log; its hash covers the line before and everything here. Never a secret. */
export interface AuditEntry {
  readonly sequence: number;
  readonly time: string;
  readonly who: string;
  readonly operation: string;
  readonly client?: string;
  /** The registry's revision before and after. */
  readonly before: number;
  readonly after: number;
  /** Names of the fields that changed. */
  readonly changed: readonly string[];
  /** Addresses and public keys that the client had before or has after the change. */
  readonly claims?: readonly string[];
  /** The change takes the client's file away. */
  readonly removes?: true;
  /** `completed` and `undone`: the entry of the interrupted change that this is about. */
  readonly mends?: number;
  /** What tells a repetition of the request; see requests.ts. */
  readonly request?: string;
  /** What was changed, where it was no client; and the SHA-256 of the file as it is then. */
  readonly subject?: "registry" | "cluster" | "server-key";
  readonly digest?: string;
  /** AWS's number of the invocation. */
  readonly invocation?: string;
  readonly hash: string;
}

const auditEntrySchema = z.looseObject({
  sequence: z.int().min(1),
  time: z.string(),
  who: z.string(),
  operation: z.string(),
  client: z.string().optional(),
  before: z.int().min(0),
  after: z.int().min(0),
  changed: z.array(z.string()),
  claims: z.array(z.string()).optional(),
  mends: z.int().min(1).optional(),
  request: z.string().optional(),
  hash: z.string(),
});

/** An entry before it gets its place in the chain. */
export type AuditDraft = Omit<AuditEntry, "sequence" | "hash">;

/** The end of a log: where the next entry is written and what it follows. */
export interface AuditEnd {
  readonly sequence: number;
  readonly hash: string;
  readonly size: number;
  /** A line before was damaged and has no end of its own. */
  readonly open: boolean;
}

/** What a look at the log's end found. */
export interface AuditTail {
  readonly end: AuditEnd;
  /** Entries after the head: of changes that were not finished. */
  readonly pending: readonly AuditEntry[];
  /** The file is longer than its entries: a writer died while it wrote the last line. */
  readonly torn: boolean;
}

const EMPTY: AuditEnd = { sequence: 0, hash: "", size: 0, open: false };
/** `"hash":"…64…"}` and the end of the line: how each line ends. */
const LINE_END_BYTES = 76;

/** The hash of an entry: over the hash before and the entry's own text without its hash. */
export function hashEntry(before: string, body: string): string {
  return createHash("sha256").update(before).update("\n").update(body).digest("hex");
}

/** Entries as lines that continue the chain, and the chain's new end. */
export function renderEntries(
  end: AuditEnd,
  drafts: readonly AuditDraft[],
): { text: string; entries: AuditEntry[]; end: AuditEnd } {
  let { sequence, hash } = end;
  const entries: AuditEntry[] = [];
  const lines = drafts.map((draft) => {
    const body = { sequence: ++sequence, ...draft };
    hash = hashEntry(hash, JSON.stringify(body));
    const entry: AuditEntry = { ...body, hash };
    entries.push(entry);
    return `${JSON.stringify(entry)}\n`;
  });
  const text = (end.open ? "\n" : "") + lines.join("");
  return { text, entries, end: { sequence, hash, size: end.size + Buffer.byteLength(text), open: false } };
}

/** A line of the log as an entry; undefined when it is none, or was not written by this code. */
export function parseEntry(line: string): AuditEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  // Other text for the same value (blanks, a field twice) would escape the hash, which is over the value's one form.
  if (JSON.stringify(value) !== line) return undefined;
  const parsed = auditEntrySchema.safeParse(value);
  return parsed.success ? (value as AuditEntry) : undefined;
}

/** Whether an entry follows another one: its number and its hash. */
export function follows(entry: AuditEntry, before: { sequence: number; hash: string }): boolean {
  const { hash, ...body } = entry;
  return entry.sequence === before.sequence + 1 && hash === hashEntry(before.hash, JSON.stringify(body));
}

/**
 * Reads what comes after the head that the feed names. A log that was tampered with is never cut: whatever is there stays as it
 * is, and the chain goes on from the head, so that the gap shows for ever.
 */
export async function readTail(path: string, head: AuditHead | undefined): Promise<AuditTail> {
  const handle = await fs.open(path, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (handle === undefined) return { end: { ...EMPTY, ...head, size: 0 }, pending: [], torn: false };
  try {
    const { size } = await handle.stat();
    const from = head?.size ?? 0;
    const before = await readRange(handle, Math.max(0, from - LINE_END_BYTES), Math.min(from, size));
    const intact = head === undefined || (from <= size && before.endsWith(`"hash":"${head.hash}"}\n`));
    if (head !== undefined && !intact) {
      const last = await readRange(handle, Math.max(0, size - 1), size);
      return { end: { ...head, size, open: last !== "\n" && size > 0 }, pending: [], torn: false };
    }
    let end: AuditEnd = head === undefined ? EMPTY : { ...head, open: false };
    const pending: AuditEntry[] = [];
    const lines = (await readRange(handle, from, size)).split("\n");
    for (const line of lines.slice(0, -1)) {
      const entry = parseEntry(line);
      if (entry === undefined || !follows(entry, end)) break;
      pending.push(entry);
      const bytes = Buffer.byteLength(line) + 1;
      end = { sequence: entry.sequence, hash: entry.hash, size: end.size + bytes, open: false };
    }
    return { end, pending, torn: end.size < size };
  } finally {
    await handle.close();
  }
}

/** Cuts off what a dead writer left of its last line. */
export async function cutTorn(path: string, end: AuditEnd): Promise<void> {
  const handle = await fs.open(path, "r+");
  try {
    await handle.truncate(end.size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Adds entries to the log; they are on the disk when this returns. */
export async function appendEntries(
  path: string,
  end: AuditEnd,
  drafts: readonly AuditDraft[],
): Promise<{ entries: AuditEntry[]; end: AuditEnd }> {
  const { text, entries, end: after } = renderEntries(end, drafts);
  const handle = await fs.open(path, "a", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (end.size === 0) await syncFolder(dirname(path));
  return { entries, end: after };
}

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

async function readRange(handle: fs.FileHandle, from: number, to: number): Promise<string> {
  const length = Math.max(0, to - from);
  const buffer = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await handle.read(buffer, read, length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read).toString("utf8");
}

/** Whether the whole chain holds. */
export interface AuditVerdict {
  readonly entries: number;
  readonly intact: boolean;
  /** The first thing that is wrong. */
  readonly problem?: string;
}

/**
 * Checks the chain from its first entry to the head that the feed names: an entry that was edited, taken out, put elsewhere or cut
 * off at the end shows. Entries after the head belong to a change that is going on or was interrupted.
 */
export async function verifyAudit(root: string): Promise<AuditVerdict> {
  // The head is read first: entries that are written meanwhile come after it.
  const { audit: head } = await readChanges(root);
  const path = registryPaths(root).audit;
  const handle = await fs.open(path, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  let end = { sequence: 0, hash: "" };
  const broken = (problem: string): AuditVerdict => ({ entries: end.sequence, intact: false, problem });
  if (handle === undefined) {
    return head === undefined ? { entries: 0, intact: true } : broken("the log is missing");
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
      else end = { sequence: entry.sequence, hash: entry.hash };
      // A torn line at the very end, after the head, is a crash's; anything else that is odd was made.
      if (odd !== undefined && !met) return broken(odd);
      if (head !== undefined && end.sequence === head.sequence) {
        if (end.hash !== head.hash) return broken(`entry ${end.sequence} is not the one that was announced`);
        met = true;
      }
    }
  } finally {
    await handle.close();
  }
  if (!met) return broken(`entries ${end.sequence + 1} to ${head?.sequence} are missing at the end`);
  return { entries: end.sequence, intact: true };
}
