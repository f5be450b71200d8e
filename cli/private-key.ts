/** Reading a private key from a file: never from an argument, which every process of the machine can see. */
import { readFile } from "node:fs/promises";
import { UserError } from "../config/errors";
import { parseConfig } from "../wireguard/config";
import { isKey, type KeyPair, publicKeyOf } from "../wireguard/keys";
import { reasonOf } from "./client-files";

/** A key file is 45 bytes, a configuration some hundred; whoever names something larger has named the wrong file. */
const MOST_BYTES = 100_000;

/** The key pair of a file that holds either the key alone (`wg genkey`) or a wg-quick configuration. */
export async function readPrivateKey(path: string): Promise<KeyPair> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new UserError(`--private-key-file ${path}: ${missing ? "there is no such file" : reasonOf(error)}`);
  });
  const privateKey = text.length > MOST_BYTES ? undefined : keyIn(text);
  if (privateKey === undefined)
    throw new UserError(
      `--private-key-file ${path}: it holds neither a private key ('wg genkey') nor a wg-quick configuration`,
    );
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

function keyIn(text: string): string | undefined {
  const trimmed = text.trim();
  if (isKey(trimmed)) return trimmed;
  try {
    return parseConfig(text).interface.privateKey;
  } catch {
    return undefined; // the reason may be about other lines than the key's
  }
}
