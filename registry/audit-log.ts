import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { errorCode } from "./errors";
import { syncFolder } from "./files";
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
