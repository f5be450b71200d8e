/** A private key that was made here and may be in use by now: kept, because nobody else has it. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { ControlFailure } from "../control/client";
import { reasonOf } from "./client-files";
import { asUserError } from "./failure";

/**
 * What to throw when a client could not be added. Where that is not known for sure, the key goes into a file of its own, and the message
 * has the command that works in both cases: a client that is there with this key is not added twice.
 */
export async function withKeptKey(
  error: unknown,
  name: string,
  privateKey: string | undefined,
  folder: string,
): Promise<unknown> {
  if (!(error instanceof ControlFailure) || error.error.unsettled !== true || privateKey === undefined)
    return error;
  const told = asUserError(error);
  const said = told instanceof Error ? told.message : String(told);
  const kept = await keep(join(folder, name), privateKey).then(
    (file) =>
      `the private key is kept in ${file}: with --private-key-file ${file} the same command works whether the client is there or not; then remove that file`,
    (reason: unknown) =>
      `the private key could not be kept (${reasonOf(reason)}): if there is a client ${name} now, remove it and add it again`,
  );
  return new UserError(`${said}; ${kept}`, { cause: error });
}

/** Never in the place of another file: that one may be the only copy of another key. */
async function keep(base: string, privateKey: string): Promise<string> {
  for (let file = `${base}.key`; ; file = `${base}.${randomBytes(4).toString("hex")}.key`) {
    try {
      await writeFile(file, `${privateKey}\n`, { flag: "wx", mode: 0o600 });
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
