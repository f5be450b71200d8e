/** Writing files that hold a private key. */

import { randomUUID } from "node:crypto";
import { link, lstat, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../config/errors";
import type { Terminal } from "./operator";

/**
 * A file that only its owner may read, put in place at once or not at all.
 *
 * INVARIANTS: the place is tried before the client is added ({@link PrivateFile.reserve}), so that a folder that cannot be written
 * to costs nothing; an existing file is replaced only with `force`; a reader never sees half of it.
 */
export class PrivateFile {
  private constructor(
    /** The path as the operator wrote it. */
    readonly path: string,
    private readonly whole: string,
    private readonly temporary: string,
    private readonly force: boolean,
  ) {}

  /** Makes sure that the file can be written, without making it yet. */
  static async reserve(path: string, force: boolean): Promise<PrivateFile> {
    const whole = resolve(path);
    // A link that leads nowhere is there as well: nothing is written through it, nor put in its place unasked.
    const there = (await stat(whole).catch(() => undefined)) ?? (await lstat(whole).catch(() => undefined));
    if (there?.isDirectory()) throw new UserError(`${path} is a folder; name a file with --out`);
    if (there !== undefined && !force)
      throw new UserError(
        `${path} exists already; choose another file with --out, or replace it with --force`,
      );
    const temporary = join(dirname(whole), `.${basename(whole)}.${randomUUID()}`);
    try {
      await (await open(temporary, "wx", 0o600)).close();
      await rm(temporary); // whatever ends this process before the file is written leaves nothing behind
    } catch (error) {
      throw new UserError(`${path} cannot be written: ${reasonOf(error)}`, { cause: error });
    }
    return new PrivateFile(path, whole, temporary, force);
  }

  /** Writes the file and puts it in place; warns where the file system lets others read it. */
  async commit(content: string | Buffer, terminal: Terminal): Promise<void> {
    const file = await open(this.temporary, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
      if (((await file.stat()).mode & 0o077) !== 0)
        terminal.err(`warning: others may read ${this.path}: its file system keeps no permissions\n`);
    } finally {
      await file.close();
    }
    if (!this.force && (await this.linked())) await this.discard();
    else await rename(this.temporary, this.whole);
  }

  /** Gives the place up again. */
  async discard(): Promise<void> {
    await rm(this.temporary, { force: true });
  }

  /** A link is refused where a file has come to exist meanwhile. File systems without links have only the check before. */
  private async linked(): Promise<boolean> {
    try {
      await link(this.temporary, this.whole);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
      return false;
    }
  }
}
/** Why a file operation failed, without the paths that Node adds. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: "its folder does not exist",
    ENOTDIR: "its folder is a file",
    EACCES: "permission denied",
    EPERM: "not permitted",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EDQUOT: "the quota is used up",
    EEXIST: "a file of that name has come to exist meanwhile",
    ENAMETOOLONG: "the name is too long",
  };
  return known[code ?? ""] ?? message ?? String(error);
}
