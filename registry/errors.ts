/** What kind of trouble a registry error is, for callers that react differently. */
export type RegistryErrorKind =
  | "missing"
  | "corrupt"
  | "invalid"
  | "conflict"
  | "full"
  | "locked"
  | "storage"
  | "unknown-client";

/** A problem with the registry: which file (or field) and what is wrong with it. Its message never contains a secret. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";

  constructor(
    /** The file that is affected. */
    readonly path: string,
    /** What is wrong and what is allowed. */
    readonly problem: string,
    readonly kind: RegistryErrorKind = "corrupt",
    /** The way out, where this case has one of its own; it is part of the message then. */
    readonly remedy?: string,
    /** The field of the caller's input that is refused, where it is one: `publicKey`, `routes.1`. */
    readonly field?: string,
  ) {
    super(remedy === undefined ? `${path}: ${problem}` : `${path}: ${problem}; ${remedy}`);
  }
}

/** A change of which nobody knows after an error whether it was made: it was begun, and the next writer completes or undoes it. */
export interface Unsettled {
  readonly operation: string;
  readonly client?: string | undefined;
}

const unsettled = new WeakMap<object, Unsettled>();

/** Notes with an error, of whatever kind, that the change is open; the same error comes back. */
export function withUnsettled(error: unknown, change: Unsettled): unknown {
  if (typeof error === "object" && error !== null) unsettled.set(error, change);
  return error;
}

/** The change that is open after this error. Undefined: nothing was changed. */
export function unsettledBy(error: unknown): Unsettled | undefined {
  return typeof error === "object" && error !== null ? unsettled.get(error) : undefined;
}

/** The way out for errors that do not bring their own. */
const REMEDIES: Readonly<Record<RegistryErrorKind, string>> = {
  missing: "check that the registry is mounted there; if it is, restore the file from the backup",
  corrupt: "restore the file from the backup (until then the servers keep the last good state)",
  invalid: "correct the value and run the command again",
  conflict: "remove what is in the way first, or choose another value",
  full: "remove clients that are no longer needed",
  locked: "run the command again in a moment (the lock of a dead writer is cleared by itself)",
  storage: "make room, or mount the folder writable, then run the command again",
  "unknown-client": "check the name; the clients that exist are the files in this folder",
};

/**
 * A registry error as a sentence for people: which file, what is wrong, what to do. For whoever shows it as a `UserError`;
 * the error's own message leaves the general remedies out, because on a server nobody is there to follow them.
 */
export function remedyOf(error: RegistryError): string {
  return error.remedy === undefined ? `${error.message}; ${REMEDIES[error.kind]}` : error.message;
}

/** The `code` of a Node system error (ENOENT, EEXIST, ...), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const STORAGE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the storage",
  EDQUOT: "the storage's quota is used up",
  EROFS: "the storage is mounted read-only",
  EACCES: "this user has no access to it",
  EPERM: "this user may not do that there",
  EIO: "the storage reports an input/output error",
  ESTALE: "the storage has forgotten the file (a stale NFS handle)",
};

/**
 * A system error of the storage as a registry error that says what happened to which file; anything else as it is.
 */
export function storageError(error: unknown, root: string): unknown {
  const code = errorCode(error);
  const problem = code === undefined ? undefined : STORAGE_PROBLEMS[code];
  if (problem === undefined) return error;
  const path = (error as NodeJS.ErrnoException).path ?? root;
  return new RegistryError(path, `${problem} (${code})`, "storage");
}
