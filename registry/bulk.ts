import { promises as fs, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { errorCode, type RegistryError } from "./errors";
import { unreadable } from "./files";

/** Files read between two turns of the event loop, and files asked for at a time where the storage is slow. */
const SLICE = 128;
/** A file that takes longer, on average, does not come from memory or a local disk; EFS needs some milliseconds. */
const QUICK_MS = 0.7;

/** Takes one file's text; the reason where only this one cannot be read. */
type Use = (text: string | RegistryError | undefined, index: number) => void;

/**
 * Reads many small files; `undefined` for those that do not exist. On a quick storage a call that waits costs a fourth of one that
 * goes through Node's thread pool (four jobs a file), on a slow one only many at a time are bearable: the first files decide. For
 * whoever may wait for the storage; a server's agent may not.
 */
export async function readMany(paths: readonly string[], use: Use): Promise<void> {
  let quick = true;
  for (let at = 0; at < paths.length; at += SLICE) {
    const slice = paths.slice(at, at + SLICE);
    if (quick) {
      const began = performance.now();
      let done = 0;
      while (done < slice.length && quick) {
        use(readNow(slice[done] ?? ""), at + done);
        done++;
        if (done % 16 === 0) quick = (performance.now() - began) / done < QUICK_MS;
      }
      await readLater(slice, done, at, use);
      await turn();
    } else await readLater(slice, 0, at, use);
  }
}

function readNow(path: string): string | RegistryError | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return absentOr(path, error);
  }
}

async function readLater(slice: readonly string[], from: number, at: number, use: Use): Promise<void> {
  const reading = slice
    .slice(from)
    .map((path) => fs.readFile(path, "utf8").catch((error: unknown) => absentOr(path, error)));
  for (const [index, text] of (await Promise.all(reading)).entries()) use(text, at + from + index);
}

function absentOr(path: string, error: unknown): RegistryError | undefined {
  if (errorCode(error) === "ENOENT") return undefined;
  const problem = unreadable(path, error);
  if (problem === undefined) throw error;
  return problem;
}
