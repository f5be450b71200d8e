import { readTail } from "./audit-log";
import { repairFeed } from "./check-feed";
import { Scan } from "./check-scan";
import { type Found, found } from "./check-strays";
import { RegistryError, storageError } from "./errors";
import { readText, removeFile } from "./files";
import { registryPaths } from "./layout";
import { Ledger } from "./ledger";
import { isHeldByTheDead } from "./lock";
import { readChanges } from "./reader";
import { readRotation } from "./rotation-files";
import type { ChangeContext, Session, WriterOptions } from "./session";

/** A problem of the registry; `repaired` when this run mended it. */
export interface CheckFinding {
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/** How to look, and whether to mend. */
export interface CheckOptions extends WriterOptions {
  readonly repair: boolean;
  /** Who is named in the audit log for what is mended. */
  readonly context?: ChangeContext | undefined;
  /** A temporary file that is there for so long was left by a dead writer; a writer needs milliseconds. */
  readonly temporaryMs?: number | undefined;
}

/** What a check found, and how many clients it read. */
export interface CheckReport {
  readonly findings: CheckFinding[];
  readonly clients: number;
}

const REPAIR = "run the check with --repair";
/**
 * A registry that changes all the time is looked at so often. What a writer is about at an address, another may be about at the same one
 * a moment later, so what counts is what was there each time.
 */
const LOOKS = 6;

/**
 * Looks at everything in the registry. Without `repair` nothing is written, not even the lock; what a writer that works meanwhile may
 * be about is looked at again, and counts when it is still so. With `repair` the lock is held: writers wait.
 */
export async function checkRegistry(
  root: string,
  runtimeRoot: string,
  options: CheckOptions,
): Promise<CheckReport> {
  try {
    return options.repair
      ? await repair(root, runtimeRoot, options)
      : await lookUntilSteady(root, runtimeRoot, options);
  } catch (error) {
    throw storageError(error, root);
  }
}

async function lookUntilSteady(
  root: string,
  runtimeRoot: string,
  options: CheckOptions,
): Promise<CheckReport> {
  let before: Set<string> | undefined;
  for (let look = 1; ; look++) {
    const { found: all, clients, steady } = await lookOnce(root, runtimeRoot, options);
    const known = before;
    const certain = known === undefined ? all : all.filter((one) => known.has(keyOf(one)));
    if (steady || certain.length === 0 || look === LOOKS) {
      const findings = (steady ? all : certain).map((one) => reported(one, false));
      return { findings, clients };
    }
    before = new Set(certain.map(keyOf));
  }
}

async function lookOnce(
  root: string,
  runtimeRoot: string,
  options: CheckOptions,
): Promise<{ found: Found[]; clients: number; steady: boolean }> {
  const paths = registryPaths(root);
  const state = async (): Promise<string> =>
    JSON.stringify(await readChanges(root).then(({ revision, audit }) => [revision, audit], String));
  const before = await state();
  const unfinished = await lookAtUnfinished(root, options);
  const scan = new Scan(root, runtimeRoot, options.now?.() ?? new Date(), options.temporaryMs);
  const scanned = await scan.run();
  const held = await isHeldByTheDead(paths.lock, options.staleMs);
  // What a living writer is about is unfinished as well, for as long as it takes: several looks on a busy machine.
  const all = held === false ? scanned : [...unfinished.found, ...scanned];
  const steady = (held ?? true) && before === (await state());
  return { found: all, clients: scan.clients, steady };
}

/** What a dead writer left undone; the next one mends it by itself. */
async function lookAtUnfinished(root: string, options: CheckOptions): Promise<{ found: Found[] }> {
  const paths = registryPaths(root);
  const all: Found[] = [];
  const guard = `${paths.lock}.clear`;
  if ((await isHeldByTheDead(paths.lock, options.staleMs)) === true)
    all.push(found(paths.lock, "was left by a dead writer", mendsItself));
  if ((await isHeldByTheDead(guard, options.staleMs)) === true)
    all.push(found(guard, "was left by a dead writer", () => removeFile(guard)));
  const feed = await readChanges(root).catch((error: unknown) => {
    if (error instanceof RegistryError) return undefined;
    throw error;
  });
  if (feed === undefined) return { found: all };
  const { pending, torn } = await readTail(paths.audit, feed.audit);
  if (torn) all.push(found(paths.audit, "ends in a torn line that a dead writer left", mendsItself));
  for (const { client, operation, mends } of pending) {
    if (mends !== undefined) continue;
    const what = client === undefined ? operation : `${operation} of ${client}`;
    all.push(
      found(paths.changes, `does not have the last change (${what}), which was interrupted`, mendsItself),
    );
  }
  const rotation = await readRotation(root).catch(() => undefined); // the scan tells why it cannot be read
  if (rotation === undefined && (await readText(paths.nextKey)) !== undefined)
    all.push(found(paths.nextKey, "was left by a rotation that was not begun", mendsItself));
  if (rotation !== undefined && rotation.phase !== "rotating")
    all.push(found(paths.rotation, `the server key's rotation is ${rotation.phase}`, mendsItself));
  return { found: all };
}

/** Repaired by taking the lock. */
const mendsItself = async (): Promise<void> => {};

async function repair(root: string, runtimeRoot: string, options: CheckOptions): Promise<CheckReport> {
  const { context = { who: "local" } } = options;
  const feed = await repairFeed(root, options);
  const before = [...feed, ...(await lookAtUnfinished(root, options)).found];
  const ledger = new Ledger(root, options);
  return ledger.locked({ operation: "check" }, async (session) => {
    const scan = new Scan(root, runtimeRoot, session.now, options.temporaryMs);
    const findings: CheckFinding[] = [];
    for (const one of before) {
      await one.repair?.(session);
      findings.push(reported(one, true));
    }
    const mended = feed.map(({ path }) => path);
    for (const one of await scan.run(session)) {
      const repaired = one.repair !== undefined;
      await one.repair?.(session);
      if (repaired) mended.push(one.path);
      findings.push(reported(one, repaired));
    }
    findings.push(...(await settleAll(session, scan, context)));
    await announceRepairs(session, scan, context, mended);
    return { findings, clients: scan.clients };
  });
}

/** Drops former keys that are no longer needed. That they are there still is nothing wrong, so only a repair tells. */
async function settleAll(session: Session, scan: Scan, context: ChangeContext): Promise<CheckFinding[]> {
  const steps = await scan.settling(session);
  if (steps.length > 0) await session.commit("settle", context, { answer: () => undefined, steps });
  return steps.map(({ name }) => ({
    path: session.paths.client(name),
    problem: "had a former key that is no longer needed",
    remedy: REPAIR,
    repairable: true,
    repaired: true,
  }));
}

/** Audit entries name so many files at most. */
const NAMED = 20;

async function announceRepairs(
  session: Session,
  scan: Scan,
  context: ChangeContext,
  mended: readonly string[],
): Promise<void> {
  if (mended.length === 0) return;
  const names = mended.slice(0, NAMED).map((path) => path.replace(`${session.root}/`, ""));
  const more = mended.length > NAMED ? [`and ${mended.length - NAMED} more`] : [];
  await session.recordOther("repair", context, { subject: "registry", changed: [...names, ...more] });
  await session.announce(scan.unannounced);
}

function reported({ path, problem, remedy, repair: mend }: Found, repaired: boolean): CheckFinding {
  return { path, problem, remedy: remedy ?? REPAIR, repairable: mend !== undefined, repaired };
}

const keyOf = ({ path, problem }: Found): string => `${path}\n${problem}`;
