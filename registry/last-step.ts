import { type AuditEntry, readAudit } from "./audit";
import { readChanges } from "./reader";

/** Who repeats a command because its answer was lost does so before the log has gone on by so many entries. */
const RECENT = 1000;

/** The last step of a kind that took effect, among the recent ones of the audit log. */
export async function lastStep(
  root: string,
  isMeant: (entry: AuditEntry) => boolean,
): Promise<AuditEntry | undefined> {
  const end = (await readChanges(root)).audit?.sequence ?? 0;
  const { entries } = await readAudit(root, { after: Math.max(0, end - RECENT), limit: RECENT });
  const undone = new Set(entries.flatMap(({ operation, mends }) => (operation === "undone" ? mends : [])));
  return entries.findLast(
    (entry) => entry.mends === undefined && !undone.has(entry.sequence) && isMeant(entry),
  );
}

/** A step as a part of a sentence. */
export function stepPhrase({ operation, time, who }: AuditEntry): string {
  return `${operation} at ${time} by ${who}`;
}
