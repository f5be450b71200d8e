import { promises as fs } from "node:fs";
import { join } from "node:path";
import { readAudit, verifyAudit } from "../../../registry/audit";
import { checkRegistry } from "../../../registry/check";
import { runtimeOf } from "../../../registry/layout";
import { readChanges, scanClients } from "../../../registry/reader";
import { RegistryWriter } from "../../../registry/writer";
import { patient } from "../../support/slow";
import { type Fault, type Run, run } from "./disk";
import { bury, key, OPTIONS, type Operation, type Picture, picture } from "./world";

/** What came out of trying one operation with one kind of fault at each of its steps. */
export interface Verdict {
  readonly operation: string;
  readonly fault: Fault;
  readonly runs: number;
  /** How often the change had been made in the end, though the writer did not live to say so; and how often it was undone. */
  readonly completed: number;
  readonly undone: number;
  readonly problems: readonly string[];
}

const REQUEST = "the-request-of-this-trial";
const CHECK = { ...OPTIONS, temporaryMs: 0 };

/**
 * Tries an operation with a fault at each of its steps in turn, each time on a fresh copy of the prepared registry.
 *
 * @param stride only at every so many-th step: on an emulated machine each of the thousands takes seconds
 */
export async function tryEverywhere(
  workshop: string,
  prepared: string,
  operation: Operation,
  fault: Fault,
  stride = 1,
): Promise<Verdict> {
  const template = await copy(prepared, join(workshop, "template"));
  await operation.before?.(template);
  const before = await picture(template);
  const whole = await copy(template, join(workshop, "whole"));
  const { steps } = await run(() => operation.run(whole, REQUEST));
  const after = await picture(whole);
  const problems: string[] = [];
  let [runs, completed] = [0, 0];
  const last = steps + (fault === "power" ? 1 : 0);
  // Half of what is written is a matter of a few steps only; the first and the last one are always among the others.
  const isTried = (at: number) => fault === "torn" || at === last || at % stride === 1 % stride;
  for (let at = 1; at <= last; at++) {
    if (!isTried(at)) continue;
    const root = await copy(template, join(workshop, "run"));
    const what = `${operation.name}, ${fault} at step ${at} of ${steps}`;
    const trial = await within(what, () => run(() => operation.run(root, REQUEST), fault, at));
    if (fault === "torn" && !trial.last.startsWith("write ")) continue; // what has no half is `kill`
    runs++;
    try {
      // Without faults, but on the same disk: it does not wait for the real one at every sync.
      const judged = await within(`${what} (${trial.last}), judged`, () =>
        run(() => judge(root, operation, trial, before, after)),
      );
      if (judged.outcome?.error !== undefined) throw judged.outcome.error;
      if (judged.outcome?.value === true) completed++;
    } catch (error) {
      if (error instanceof HangError) throw error;
      const said = error instanceof Error ? error.message : String(error);
      problems.push(`${what} (${trial.last}): ${said}`);
    }
  }
  return { operation: operation.name, fault, runs, completed, undone: runs - completed, problems };
}

/** A trial takes a fraction of a second; one that waits for something has to be told from one that is slow. */
const TRIAL_MS = 60_000;

/** @throws Error that names the trial when it does not end: then the file system is still in its hands, and no other one can begin. */
async function within<T>(what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HangError(`${what}: no end`)), patient(TRIAL_MS));
  });
  return Promise.race([work(), late]).finally(() => clearTimeout(timer));
}

class HangError extends Error {}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** All that must hold afterwards; returns whether the change has been made. */
async function judge(
  root: string,
  operation: Operation,
  trial: Run,
  before: Picture,
  after: Picture,
): Promise<boolean> {
  // Readers first: nobody has mended anything yet.
  sameOrAfter(await picture(root), before, after, operation, "before mending");
  must((await verifyAudit(root)).intact, "the audit log does not verify before mending");
  await bury(root);
  const known = await listing(root);
  const look = await checkRegistry(root, runtimeOf(root), { ...CHECK, repair: false });
  must((await listing(root)) === known, "a check without repair wrote something");
  const stubborn = look.findings.find(({ repairable, path }) => !repairable && !path.endsWith("alice.json"));
  must(stubborn === undefined, `not repairable: ${stubborn?.path} ${stubborn?.problem}`);
  // Another writer goes on.
  const writer = new RegistryWriter(root, OPTIONS);
  // At an address of its own, so that the interrupted one still gets the same.
  const stranger = { name: "late", publicKey: key(40), address: "10.100.9.9/32" };
  const late = await writer.add(stranger, { who: "test" });
  const mended = await picture(root);
  const made = sameOrAfter(mended, before, after, operation, "after another writer");
  if (trial.outcome !== undefined && "value" in trial.outcome)
    must(made === undefined || made, "an acknowledged change is lost");
  await consistent(root, late.revision);
  // The client that never heard asks again, and then once more.
  await operation.run(root, REQUEST);
  const again = await picture(root);
  const state = await readChanges(root);
  await operation.run(root, REQUEST);
  must((await readChanges(root)).revision === state.revision, "a repeated request changed something");
  sameAs(again, after, operation, "after the repetition");
  // The check mends what is left.
  await checkRegistry(root, runtimeOf(root), { ...CHECK, repair: true });
  const { findings } = await checkRegistry(root, runtimeOf(root), { ...CHECK, repair: false });
  must(findings.length === 0, `left after the repair: ${findings[0]?.path} ${findings[0]?.problem}`);
  await consistent(root, state.revision);
  return made ?? true;
}

/** Whether the picture is the one after (true) or before; undefined where both are the same. All other clients are untouched. */
function sameOrAfter(
  seen: Picture,
  before: Picture,
  after: Picture,
  operation: Operation,
  when: string,
): boolean | undefined {
  for (const [name, text] of before.clients) {
    if (operation.about.includes(name)) continue;
    must(seen.clients.get(name) === text, `${when}: client ${name} has changed`);
  }
  for (const name of seen.clients.keys()) {
    if (name !== "late" && !before.clients.has(name))
      must(operation.about.includes(name), `${when}: client ${name} has appeared`);
  }
  const made: boolean[] = [];
  for (const name of operation.about) {
    const [was, is, then] = [before, seen, after].map(({ clients }) => clients.get(name));
    must(is === was || is === then, `${when}: client ${name} is neither as before nor as after`);
    if (was !== then) made.push(is === then);
  }
  // The steps of settings and of the server key go through states in between until they are mended.
  if (operation.about.length === 0 && when !== "before mending") {
    must([before.settings, after.settings].includes(seen.settings), `${when}: the settings are half changed`);
    made.push(seen.settings === after.settings);
  }
  return made.length === 0 ? undefined : made.every(Boolean);
}

function sameAs(seen: Picture, after: Picture, operation: Operation, when: string): void {
  for (const name of operation.about)
    must(
      seen.clients.get(name) === after.clients.get(name),
      `${when}: client ${name} is not as it should be`,
    );
  must(seen.settings === after.settings, `${when}: the settings are not as they should be`);
}

/** The feed, the log and the claims say the same as the clients' files. */
async function consistent(root: string, atLeast: number): Promise<void> {
  const feed = await readChanges(root);
  must(feed.revision >= atLeast, "the revision went back");
  const verdict = await verifyAudit(root);
  must(verdict.intact, `audit: ${verdict.problem}`);
  must(feed.audit?.sequence === verdict.entries, "the feed does not name the log's last entry");
  const { clients, problems } = await scanClients(root);
  must(
    problems.every(({ kind }) => kind === "corrupt"),
    `conflict: ${problems[0]?.message}`,
  );
  const { entries } = await readAudit(root, { limit: 1000 });
  const announced = entries.filter(({ after, before }) => after > before).map(({ after }) => after);
  const expected = Array.from({ length: feed.revision }, (_, index) => index + 1);
  must(JSON.stringify(announced) === JSON.stringify(expected), `revisions of the log: ${announced}`);
  for (const { name, sequence, addresses } of clients) {
    must(entries[(sequence ?? 0) - 1]?.client === name, `${name} names an entry that is not about it`);
    for (const address of addresses) {
      const claim = await fs.readFile(join(root, "addresses", address.split("/")[0] ?? ""), "utf8");
      must(claim === `${name}\n`, `the claim of ${address} is not ${name}'s`);
    }
  }
}

async function copy(from: string, to: string): Promise<string> {
  await fs.rm(to, { recursive: true, force: true });
  await fs.cp(from, to, { recursive: true });
  return to;
}

/** All files with their content, as one text to compare. */
export async function listing(root: string): Promise<string> {
  const files = await fs.readdir(root, { recursive: true, withFileTypes: true });
  const told = await Promise.all(
    files.map(async (file) => {
      const path = join(file.parentPath, file.name);
      return `${path} ${file.isFile() ? await fs.readFile(path, "utf8") : ""}`;
    }),
  );
  return told.sort().join("\n");
}
