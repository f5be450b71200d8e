import { promises as fs } from "node:fs";
import { readAudit } from "./audit";
import { type AuditEntry, readTail } from "./audit-log";
import { type Found, found } from "./check-strays";
import { RegistryError } from "./errors";
import { replaceFile } from "./files";
import { registryPaths } from "./layout";
import { type LockOptions, takeLock } from "./lock";
import { readChanges } from "./reader";

/**
 * Makes a change feed that is broken anew. It begins above every revision that the audit log knows, so each server reads all clients
 * again, and nobody waits for a revision that has been. Without an audit log nobody can tell which revisions have been.
 */
export async function repairFeed(root: string, options: LockOptions): Promise<Found[]> {
  if ((await problemOf(root)) === undefined) return [];
  const paths = registryPaths(root);
  const { lock } = await takeLock(paths.lock, { operation: "check" }, options);
  try {
    const problem = await problemOf(root);
    if (problem === undefined) return [];
    const last = await lastEntry(root);
    if (last === undefined) throw problem;
    const { end } = await readTail(paths.audit, undefined);
    // A chain that breaks off before its last entry was damaged: it goes on behind all that there is.
    const size = end.sequence === last.sequence ? end.size : (await fs.stat(paths.audit)).size;
    const audit = { sequence: last.sequence, hash: last.hash, size };
    const feed = { schema: 1, revision: last.after + 1, changes: [], audit };
    await lock.assertHeld();
    await replaceFile(paths.changes, `${JSON.stringify(feed)}\n`, { mode: 0o644 });
    const lost = `${problem.problem}; with it the audit log's head was lost, by which entries that were cut off at the end show: compare with a head that was kept (registry audit --head)`;
    return [found(paths.changes, lost, async () => {})];
  } finally {
    await lock.release();
  }
}

async function problemOf(root: string): Promise<RegistryError | undefined> {
  try {
    await readChanges(root);
    return undefined;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
}

async function lastEntry(root: string): Promise<AuditEntry | undefined> {
  let last: AuditEntry | undefined;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await readAudit(root, { after, limit: 5000 });
    last = page.entries.at(-1) ?? last;
    after = page.next;
  }
  return last;
}
