/** Folders that take long to make, kept below .wgc/: made once, then only when what they are made from changes. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { CommandError } from "./process";

/** What is kept: `ALL/KIND-HASH`. */
export interface Kept {
  /** Folder of everything that is kept. */
  all: string;
  kind: string;
  /** Names what it is made from: 16 hexadecimal digits. */
  hash: string;
  /** What it is called in an error message. */
  what: string;
}

/**
 * The folder; `make` fills it when there is none. It appears complete or not at all, and takes the place of older ones of its kind.
 *
 * @throws UserError when a program fails that `make` runs.
 */
export async function madeOnce(kept: Kept, make: (folder: string) => Promise<void>): Promise<string> {
  const { all, kind, hash, what } = kept;
  const folder = join(all, `${kind}-${hash}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    await make(draft);
    for (const old of readdirSync(all).filter((name) => new RegExp(`^${kind}-[0-9a-f]{16}$`).test(name)))
      rmSync(join(all, old), { recursive: true });
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error instanceof CommandError
      ? new UserError(`${what} cannot be made: ${error.message}`, { cause: error })
      : error;
  }
  return folder;
}

/** Removes what processes were making, or using under their process id (`NAME-PID`, `NAME.PID`), when they were killed. */
export function removeLeftovers(all: string): void {
  const names = existsSync(all) ? readdirSync(all) : [];
  for (const name of names) {
    const [, pid] = /(?:^run-|\.)(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(all, name), { recursive: true });
  }
}
