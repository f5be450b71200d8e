import { createHash } from "node:crypto";
import type { AuditDraft, AuditEntry } from "./audit-log";
import { claimsOf } from "./claims";
import { RegistryError } from "./errors";
import { readText } from "./files";
import { readClient, readCluster } from "./reader";
import { storeRequest, withoutSecrets } from "./requests";
import { rotationTookEffect, settleRotation } from "./rotation-files";
import type { ClientFile } from "./schema";
import type { Session } from "./session";

/** A client as its file says it; `broken` where that cannot be told. */
type Found = { readonly broken: boolean; readonly client?: ClientFile | undefined };

/**
 * Completes or undoes what dead writers left, as the audit log tells it: entries after the head that the feed names. A change whose
 * file was written is completed, with the answer to its request; one whose file was not is undone. Both are recorded and announced.
 * Safe to be interrupted itself: until the feed is written, the next writer finds the same entries and does the same again.
 */
export async function mend(session: Session, pending: readonly AuditEntry[]): Promise<void> {
  await settleRotation(session);
  if (pending.length === 0) return;
  const own = pending.filter(({ mends }) => mends === undefined);
  const drafts: AuditDraft[] = [];
  const names: string[] = [];
  const done: AuditEntry[] = [];
  for (const entry of own) {
    const completed = await mendOne(session, entry);
    if (completed) done.push(entry);
    if (entry.client !== undefined) names.push(entry.client);
    drafts.push({
      time: session.now.toISOString(),
      who: "registry",
      operation: completed ? "completed" : "undone",
      ...(entry.client === undefined ? {} : { client: entry.client }),
      before: session.revision + names.length,
      after: session.revision + names.length,
      changed: [],
      mends: entry.sequence,
    });
  }
  await session.record(drafts);
  await session.announce(names);
  session.completed = done;
}

async function mendOne(session: Session, entry: AuditEntry): Promise<boolean> {
  const { client: name } = entry;
  if (name === undefined) {
    const took = await otherTookEffect(session, entry);
    const value = entry.subject === "cluster" ? await readCluster(session.root) : null;
    if (took) await keepAnswer(session, entry, value);
    return took;
  }
  const found = await look(session, name);
  // Which claims a broken file uses cannot be told: they stay until it is restored or the client is removed.
  if (!found.broken) await settleClaims(session, name, entry.claims ?? [], found.client);
  const completed =
    entry.removes === true
      ? !found.broken && found.client === undefined
      : found.client?.sequence === entry.sequence;
  const value = found.client === undefined ? { name } : withoutSecrets(found.client);
  if (completed) await keepAnswer(session, entry, value);
  return completed;
}

async function keepAnswer(session: Session, entry: AuditEntry, value: unknown): Promise<void> {
  const { operation, after: revision, request } = entry;
  if (request === undefined) return;
  await storeRequest(session.root, request, { operation, revision, value, now: session.answeredAt });
}

async function look(session: Session, name: string): Promise<Found> {
  try {
    return { broken: false, client: await readClient(session.root, name) };
  } catch (error) {
    if (error instanceof RegistryError) return { broken: true };
    throw error;
  }
}

/** Makes a client's claims those that its file uses. */
export async function settleClaims(
  session: Session,
  name: string,
  claims: readonly string[],
  client: ClientFile | undefined,
): Promise<void> {
  const used = claimsOf(client);
  for (const claim of claims) {
    await session.lock.assertHeld();
    if (used.includes(claim)) await session.claims.ensure(name, claim);
    else await session.claims.release(name, claim);
  }
}

async function otherTookEffect(session: Session, entry: AuditEntry): Promise<boolean> {
  if (entry.subject === "registry") return true; // it was there before it was recorded
  if (entry.subject === "server-key") return rotationTookEffect(session, entry);
  const text = (await readText(session.paths.cluster)) ?? "";
  return entry.digest === digestOf(text);
}

/** How the log names the content of a file that is about no client. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
