import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { errorCode } from "./errors";
import { confirmedPath, keyOfFileName } from "./layout";

/** New keys of clients that have been used, as the servers marked them. */
export async function readConfirmed(runtimeRoot: string): Promise<Set<string>> {
  const files = await fs.readdir(join(runtimeRoot, "confirmed")).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return []; // no client's key has been replaced yet
    throw error;
  });
  return new Set(files.flatMap((file) => keyOfFileName(file) ?? []));
}

/** Marks a client's new key as used; marking it again changes nothing. */
export async function confirm(runtimeRoot: string, publicKey: string): Promise<void> {
  const path = confirmedPath(runtimeRoot, publicKey);
  await fs.mkdir(dirname(path), { recursive: true });
  // The mark is its name alone, so there is no content that could be half there.
  await (await fs.open(path, "a", 0o644)).close();
}
