import { randomBytes } from "node:crypto";
import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { RegistryError } from "./errors";
import { createFile, readText } from "./files";

const KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Where the key is that the servers authenticate their messages to each other with. */
export function meshKeyPath(runtimeRoot: string): string {
  return join(runtimeRoot, "mesh", "key");
}

/**
 * The servers' mesh key: 32 random bytes in base64. Whoever needs it first makes it; of several at once one does.
 *
 * @throws RegistryError when the file is there and no key: removing it makes the servers agree on a new one.
 */
export async function meshKey(runtimeRoot: string): Promise<string> {
  const path = meshKeyPath(runtimeRoot);
  const known = await readText(path);
  if (known !== undefined) return checked(path, known);
  await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await createFile(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  return checked(path, (await readText(path)) ?? "");
}

function checked(path: string, text: string): string {
  const key = text.trim();
  if (!KEY.test(key))
    throw new RegistryError(path, "is no key; remove it, and the servers make a new one", "corrupt");
  return key;
}
