import { randomBytes } from "node:crypto";
import { promises as fs, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { RegistryError } from "./errors";
import { createFile, parseJson, readText, removeFile, replaceFile, toJson } from "./files";

/** What a lock holder is doing; whoever clears a dead holder's lock repairs exactly this. */
export interface LockIntent {
  readonly operation: string;
  /** The client that is being changed, if it is one. */
  readonly client?: string | undefined;
}

const STALE_MS = 10_000;

/** How locks behave; the defaults suit EFS, tests shorten them. */
export interface LockOptions {
  /** A holder that shows no sign of life for so long is taken for dead. */
  readonly staleMs?: number;
  /** How long to wait for the lock before giving up. */
  readonly waitMs?: number;
}

/** A held lock. */
export interface HeldLock {
  /** Throws unless the lock is surely still ours; called before each write, so that a writer that slept stops in time. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

const lockSchema = z.looseObject({
  token: z.string(),
  host: z.string(),
  pid: z.int(),
  start: z.string(),
  operation: z.string(),
  client: z.string().optional(),
  /** What dead holders before this one were doing; not forgotten until somebody has mended it and released the lock. */
  interrupted: z.array(z.object({ operation: z.string(), client: z.string().optional() })).optional(),
});
type LockFile = z.infer<typeof lockSchema>;

/**
 * Takes the writers' lock of a registry. The answer names what dead holders before were doing, for the caller to mend.
 *
 * INVARIANTS: the lock appears with all of its content (link). Only the holder of `<lock>.clear` replaces somebody else's
 * lock, after it read once more that it is the stale one, and in one rename, so that what the dead holder was doing is
 * never forgotten. A holder touches its lock every quarter of the stale time and stops writing when its last touch is
 * older than half of it, so nobody writes after being replaced. Releasing never fails: a change that was made stays made, and a lock
 * that the storage would not remove is nobody's, for this process at once, for others when it is no longer touched.
 */
export async function takeLock(
  path: string,
  intent: LockIntent,
  options: LockOptions = {},
): Promise<{ lock: HeldLock; interrupted: readonly LockIntent[] }> {
  const staleMs = options.staleMs ?? STALE_MS;
  const deadline = performance.now() + (options.waitMs ?? 15_000);
  const self: LockFile = { ...identity(), token: newToken(), operation: intent.operation };
  if (intent.client !== undefined) self.client = intent.client;
  inUse.add(self.token);
  try {
    return await takeAs(path, self, staleMs, deadline);
  } catch (error) {
    inUse.delete(self.token);
    throw error;
  }
}

/** Tokens of this process that somebody in it holds, or is about to take. */
const inUse = new Set<string>();

async function takeAs(
  path: string,
  self: LockFile,
  staleMs: number,
  deadline: number,
): Promise<{ lock: HeldLock; interrupted: readonly LockIntent[] }> {
  const seen: Touches = new Map();
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 50)) {
    if (await createFile(path, toJson(self), { mode: 0o600 })) {
      return { lock: hold(path, self.token, staleMs), interrupted: [] };
    }
    const holder = await observe(path);
    if (holder !== undefined && isStale(holder, seen, staleMs)) {
      const interrupted = await replaceStale(path, holder.file.token, self, staleMs, seen);
      if (interrupted !== undefined) return { lock: hold(path, self.token, staleMs), interrupted };
    }
    if (performance.now() > deadline) {
      const who =
        holder === undefined ? "another writer" : `process ${holder.file.pid} on ${holder.file.host}`;
      throw new RegistryError(path, `is held by ${who}`, "locked", "try again when it has finished");
    }
    await sleep(pause * (0.5 + Math.random()));
  }
}

/** When each lock was last seen to be touched: its own time and ours. */
type Touches = Map<string, { touched: number; since: number }>;

interface Observed {
  readonly file: LockFile;
  readonly touched: number;
}

async function observe(path: string): Promise<Observed | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const file = parseLock(path, text);
  const stat = await fs.stat(path).catch(() => undefined);
  return stat === undefined ? undefined : { file, touched: stat.mtimeMs };
}

/** A lock appears with all of its content, so one that is broken is nobody's: it counts as one that nobody touches any more. */
function parseLock(path: string, text: string): LockFile {
  try {
    return parseJson(path, text, lockSchema);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { token: `broken ${text}`, host: "", pid: 0, start: "", operation: "unknown" };
  }
}

/** A lock on another machine that has not been touched for so many stale times is nobody's, whatever the clocks say. */
const DEAD_FOR = 10;

/**
 * Whether a lock's holder is dead; undefined when nobody holds it. A single look: elsewhere than on the holder's machine it goes by
 * the clocks, so it waits longer than who takes the lock over.
 */
export async function isHeldByTheDead(path: string, staleMs = STALE_MS): Promise<boolean | undefined> {
  const holder = await observe(path);
  if (holder === undefined) return undefined;
  if (isLeftBehind(holder.file)) return true;
  return Date.now() - holder.touched > DEAD_FOR * staleMs;
}

/** Whether this machine knows that the holder is gone: its process has ended, or it is this one and has let go of the lock. */
function isLeftBehind({ token, host, pid, start }: LockFile): boolean {
  if (host !== identity().host) return false;
  return processStart(pid) !== start || (pid === process.pid && !inUse.has(token));
}

/**
 * What this machine does not know, a touch tells that has not moved for the stale time, measured on our own monotonic clock, since
 * the file server's clock and ours need not agree.
 */
function isStale(holder: Observed, seen: Touches, staleMs: number): boolean {
  if (isLeftBehind(holder.file)) return true;
  const { token } = holder.file;
  const earlier = seen.get(token);
  if (earlier === undefined || earlier.touched !== holder.touched) {
    seen.set(token, { touched: holder.touched, since: performance.now() });
    return false;
  }
  return performance.now() - earlier.since > staleMs;
}

/** Puts our lock in the place of a stale one; undefined when somebody else was faster. */
async function replaceStale(
  path: string,
  token: string,
  self: LockFile,
  staleMs: number,
  seen: Touches,
): Promise<readonly LockIntent[] | undefined> {
  const guard = `${path}.clear`;
  const guarding = { ...identity(), token: newToken(), operation: "clear" };
  inUse.add(guarding.token);
  try {
    if (await createFile(guard, toJson(guarding), { mode: 0o600 })) {
      return await replaceGuarded(path, token, self).finally(() => removeFile(guard).catch(() => {}));
    }
    const other = await observe(guard);
    // Whoever clears needs milliseconds; a guard that outlives the stale time, or its process, was left by a crash.
    if (other !== undefined && isStale(other, seen, staleMs)) await removeFile(guard);
    return undefined;
  } finally {
    inUse.delete(guarding.token);
  }
}

async function replaceGuarded(
  path: string,
  token: string,
  self: LockFile,
): Promise<readonly LockIntent[] | undefined> {
  const stale = await observe(path);
  if (stale?.file.token !== token) return undefined;
  const { operation, client, interrupted = [] } = stale.file;
  const unfinished = [...interrupted, { operation, ...(client === undefined ? {} : { client }) }];
  await replaceFile(path, toJson({ ...self, interrupted: unfinished }), { mode: 0o600 });
  return unfinished;
}

function newToken(): string {
  return randomBytes(12).toString("hex");
}

function hold(path: string, token: string, staleMs: number): HeldLock {
  let touched = performance.now();
  const timer = setInterval(() => {
    const now = new Date();
    const at = performance.now();
    fs.utimes(path, now, now).then(
      () => {
        touched = at;
      },
      () => {}, // assertHeld notices that the touches stopped
    );
  }, staleMs / 4);
  timer.unref();
  const isOurs = async () => (await observe(path))?.file.token === token;
  return {
    async assertHeld() {
      if (performance.now() - touched > staleMs / 2 || !(await isOurs())) {
        throw new RegistryError(
          path,
          "was lost while writing (this process was held up too long)",
          "locked",
          "run the command again",
        );
      }
    },
    async release() {
      clearInterval(timer);
      try {
        if (await isOurs()) await removeFile(path);
      } catch {
        // See the invariants of takeLock.
      } finally {
        inUse.delete(token);
      }
    },
  };
}

let ownIdentity: { host: string; pid: number; start: string } | undefined;

/** This process. The host includes the boot and the process-id namespace: elsewhere the same number is another process. */
function identity(): { host: string; pid: number; start: string } {
  ownIdentity ??= {
    host: [
      hostname(),
      quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
      quietly(() => readlinkSync("/proc/self/ns/pid")),
    ].join(" "),
    pid: process.pid,
    start: processStart(process.pid),
  };
  return ownIdentity;
}

/** When a process started, in clock ticks (proc(5), field 22 of stat): tells a process from a later one with its number. */
function processStart(pid: number): string {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A killed process whose parent has not asked for its exit code yet is dead too.
  return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
