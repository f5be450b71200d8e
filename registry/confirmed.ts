import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { list } from "./claims";
import { errorCode } from "./errors";
import { syncFolder } from "./files";
import { confirmedPath, keyFileName, keyOfFileName, movedFolder } from "./layout";

export { confirmedPath };

/** The clients' new keys that a server has seen in use. */
export async function readConfirmed(runtimeRoot: string): Promise<Set<string>> {
  return keysIn(join(runtimeRoot, "confirmed"));
}

/** Whether a client's new key has been used. */
export async function isConfirmed(runtimeRoot: string, publicKey: string): Promise<boolean> {
  try {
    await fs.access(confirmedPath(runtimeRoot, publicKey));
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Marks a client's new key as used. Safe to repeat, and for several servers at once. */
export function confirm(runtimeRoot: string, publicKey: string): Promise<void> {
  return mark(confirmedPath(runtimeRoot, publicKey));
}

/** The keys of clients that have used the server's next key. */
export function listMoved(runtimeRoot: string, nextServerKey: string): Promise<Set<string>> {
  return keysIn(movedFolder(runtimeRoot, nextServerKey));
}

/** Marks that a client has used the server's next key. Safe to repeat. */
export function markMoved(runtimeRoot: string, nextServerKey: string, clientKey: string): Promise<void> {
  return mark(join(movedFolder(runtimeRoot, nextServerKey), keyFileName(clientKey)));
}

async function keysIn(folder: string): Promise<Set<string>> {
  return new Set((await list(folder)).flatMap((file) => keyOfFileName(file) ?? []));
}

/** An empty file: its name says all, so there is no half of it, and making it twice is making it once. */
async function mark(path: string): Promise<void> {
  await fs.mkdir(dirname(path), { recursive: true });
  const handle = await fs.open(path, "a", 0o644);
  await handle.close();
  await syncFolder(dirname(path));
}
