import { promises as fs, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { errorCode, type RegistryError } from "./errors";
import { isStale, readText, unreadable } from "./files";

/** Files read between two turns of the event loop, and files asked for at a time where the storage is slow. */
const SLICE = 128;
/** A file that takes longer, on average, does not come from memory or a local disk; EFS needs some milliseconds. */
const QUICK_MS = 0.7;
/** For what else the processor had to do meanwhile. */
const GRACE_MS = 10;

/**
 * Threads that Node.js needs to ask a slow storage for that many files at once; it starts 4. Each waits for the storage nearly all
 * the time, so they cost no processor: with some milliseconds a file, 100,000 clients take seconds in place of minutes. For
 * UV_THREADPOOL_SIZE in the environment of a process that reads the registry (libuv, "Thread pool work scheduling").
 */
export const STORAGE_THREADS = 32;

/** A file's text; undefined when there is none; the reason where only this one cannot be read. */
type Text = string | RegistryError | undefined;

/**
 * Reads many small files and passes each one's text on, in order. On a quick storage a call that waits costs a twentieth of one that
 * goes through Node's thread pool (four jobs a file), on a slow one only many at a time are bearable: the first files decide. For
 * processes that may wait for the storage: the control function, and the agent's storage worker; the agent itself may not.
 */
export async function readMany(
  paths: readonly string[],
  use: (text: Text, index: number) => void,
): Promise<void> {
  let quick = true;
  for (let at = 0; at < paths.length; at += SLICE) {
    const slice = paths.slice(at, at + SLICE);
    const texts: Text[] = [];
    if (quick) quick = readNow(slice, texts);
    const rest = slice.slice(texts.length).map((path) => fs.readFile(path, "utf8").catch(reasonOf(path)));
    texts.push(...(await Promise.all(rest)));
    // What seems to be absent may only be remembered so: asked once more with care.
    for (const [index, path] of slice.entries()) use(texts[index] ?? (await withCare(path)), at + index);
    await turn();
  }
}

/** Reads files until it is clear that the storage is slow; returns whether it was quick to the end. */
function readNow(paths: readonly string[], texts: Text[]): boolean {
  const began = performance.now();
  for (const path of paths) {
    texts.push(textNow(path));
    if (performance.now() - began > GRACE_MS + texts.length * QUICK_MS) return false;
  }
  return true;
}

function textNow(path: string): Text {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return reasonOf(path)(error);
  }
}

function withCare(path: string): Promise<Text> {
  return readText(path).catch(reasonOf(path));
}

/** What an error says about one file; other errors, which may be about every file, are thrown. */
function reasonOf(path: string): (error: unknown) => Text {
  return (error) => {
    if (errorCode(error) === "ENOENT" || isStale(error)) return undefined;
    const problem = unreadable(path, error);
    if (problem === undefined) throw error;
    return problem;
  };
}
