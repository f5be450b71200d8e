import { randomBytes } from "node:crypto";
import { promises as fs } from "node:fs";
import { constants } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type * as z from "zod";
import { errorCode, RegistryError } from "./errors";
import { describeIssues } from "./schema";

/** Options of a write. */
export interface WriteOptions {
  /** Permission bits of the new file; 0600 for anything with a key in it. */
  readonly mode: number;
}

/**
 * Replaces a file so that a reader sees the old or the new content, never a part, and a crash after the return loses
 * nothing: temporary file in the same folder, fsync, rename, fsync of the folder (rename(2), fsync(2)).
 */
export async function replaceFile(path: string, content: string, options: WriteOptions): Promise<void> {
  const temporary = await writeTemporary(path, content, options);
  try {
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Creates a file unless there is one, with all of its content or not at all. Returns whether this call created it.
 * A hard link is as exclusive as O_EXCL but never shows an empty file. EFS may repeat a link whose answer was lost and
 * then report EEXIST for our own file, so the answer is decided by comparing the inode.
 */
export async function createFile(path: string, content: string, options: WriteOptions): Promise<boolean> {
  const temporary = await writeTemporary(path, content, options);
  try {
    await fs.link(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    const [ours, there] = await Promise.all([fs.stat(temporary), fs.stat(path).catch(() => undefined)]);
    return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

/** Removes a file; whether it was there does not matter. */
export async function removeFile(path: string): Promise<void> {
  await fs.rm(path, { force: true });
  await syncFolder(dirname(path));
}

/**
 * The text of a file, or undefined when there is none.
 *
 * An NFS client remembers for up to a minute that a folder had no file of that name, whoever has made one since. It asks the
 * server what became of the folder when the folder is opened (nfs(5), "Data and metadata coherence"), so "none" counts after that.
 */
export async function readText(path: string): Promise<string | undefined> {
  return (await textNow(path)) ?? ((await openedAnew(dirname(path))) ? textNow(path) : undefined);
}

async function textNow(path: string): Promise<string | undefined> {
  try {
    return await unlessStale(dirname(path), () => fs.readFile(path, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Somebody may replace or remove a file several times within a moment, and each time a client remembers the one before. */
const STALE_TRIES = 8;
const STALE_PAUSE_MS = 5;

/**
 * Opens a file and reads it, from the beginning when it is gone in between: an NFS client may open what it remembers, and only
 * then be told that somebody has replaced it and that the old one is no more (ESTALE, open(2)). What a name leads to it asks the
 * server when the folder is opened (nfs(5)), so that is done before the next attempt.
 *
 * @param folder where the file is
 */
export async function unlessStale<T>(folder: string, openAndRead: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await openAndRead();
    } catch (error) {
      if (!isStale(error) || tries === STALE_TRIES) throw error;
      await sleep(tries * STALE_PAUSE_MS);
      await openedAnew(folder);
    }
  }
}

/** Whether a file that was there is no more, on a network file system. Node.js has no name for this error. */
export function isStale(error: unknown): boolean {
  return error instanceof Error && "errno" in error && error.errno === -constants.errno.ESTALE;
}

/** Opens a folder and closes it again; false when there is none. That there is none may be remembered, too: then the one above is asked. */
async function openedAnew(folder: string): Promise<boolean> {
  if (await isThere(folder)) return true;
  const above = dirname(folder);
  return above !== folder && (await openedAnew(above)) && isThere(folder);
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await (await fs.open(folder, "r")).close();
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** What to do with a folder in a file's place: nobody knows whose it is, so nothing here removes it. */
export const MOVE_AWAY = "move it away";

/**
 * What is wrong with one file that cannot be read, where its storage works: a folder in its place, or rights that somebody took away.
 * Undefined for other errors: they may be about every file.
 */
export function unreadable(path: string, error: unknown): RegistryError | undefined {
  const code = errorCode(error);
  if (code === "EISDIR") return new RegistryError(path, "is a folder, not a file", "corrupt", MOVE_AWAY);
  if (code !== "EACCES" && code !== "EPERM") return undefined;
  return new RegistryError(
    path,
    `this user may not read it (${code})`,
    "storage",
    "give it back to the user who owns the registry, mode 0600",
  );
}

/** Reads a JSON file of a known shape; undefined when there is none, RegistryError when it is not what it should be. */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : parseJson(path, text, schema);
}

/** The text of a registry file as a checked value. */
export function parseJson<T>(path: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse repeats a piece of the text in its message, which may be a key.
    throw new RegistryError(path, `is not JSON (${text.length} characters, perhaps cut off)`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new RegistryError(path, describeIssues(parsed.error));
  return parsed.data;
}

/** A value that is about to be written, checked; its faults are the caller's. */
export function checkValue<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new RegistryError(path, describeIssues(parsed.error), "invalid");
  return parsed.data;
}

/** A value as the text of a registry file. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function writeTemporary(path: string, content: string, options: WriteOptions): Promise<string> {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}`,
  );
  const file = await fs.open(temporary, "wx", options.mode);
  try {
    await file.writeFile(content, "utf8");
    await file.sync();
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
