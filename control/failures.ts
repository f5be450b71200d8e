import { errorCode, RegistryError, type RegistryErrorKind, unsettledBy } from "../registry/errors";
import type { ControlError, ControlErrorCode } from "./answers";
import type { Operation } from "./protocol";

const CODES = {
  missing: "missing",
  corrupt: "corrupt",
  invalid: "invalid-request",
  conflict: "conflict",
  full: "full",
  locked: "locked",
  storage: "storage",
  "unknown-client": "unknown-client",
} as const satisfies Record<RegistryErrorKind, ControlErrorCode>;

/** What to do where the registry's own error does not say it. */
const REMEDIES: Readonly<Record<RegistryErrorKind, string>> = {
  missing:
    "check that this is the registry's folder and that it is mounted; then restore the file from the backup",
  corrupt: "run `wgc registry check`; until it is mended the servers keep the last good state",
  invalid: "correct the value and repeat the command",
  conflict: "choose another value, or remove what has it now",
  full: "remove clients that are no longer needed; the tunnel's range cannot grow",
  locked: "repeat the command in a moment; the lock of a writer that died is cleared by itself",
  storage: "mend the storage, then repeat the command",
  "unknown-client": "list the clients with `wgc client list`",
};

interface StorageTrouble {
  readonly problem: string;
  readonly remedy: string;
}

/** What follows where nothing was changed, and where nobody knows. */
const AGAIN = "then repeat the command";
const SETTLE = "then repeat the command: it first completes or undoes what was begun";

/** Errors of the file system (errno(3)) as an operator meets them; the remedies are what comes before the command is repeated. */
const STORAGE: Readonly<Record<string, StorageTrouble>> = {
  ENOSPC: { problem: "no space is left", remedy: "make room on the registry's file system" },
  EDQUOT: { problem: "the quota is used up", remedy: "raise the quota or make room" },
  EROFS: { problem: "the file system is mounted read-only", remedy: "mount it writable" },
  EACCES: {
    problem: "access is denied",
    remedy:
      "run as the user who owns the registry; on AWS the function's role needs elasticfilesystem:ClientWrite through the registry's access point",
  },
  EPERM: { problem: "access is denied", remedy: "run as the user who owns the registry" },
  EIO: {
    problem: "the file system reports an input/output error",
    remedy: "look at the file system's health",
  },
  ESTALE: {
    problem: "the file was replaced on the server meanwhile (stale NFS handle)",
    remedy: "wait a moment",
  },
  ETIMEDOUT: {
    problem: "the file system does not answer",
    remedy: "look at the file system's mount targets",
  },
};

/**
 * Any error as one that a caller understands. What the registry says it has checked to be free of secrets; of anything else
 * only the kind is told, because messages of Node.js can repeat a piece of a file. Where the change may have been made all the same,
 * the message says so.
 */
export function explain(error: unknown, root: string, operation: Operation): ControlError {
  const open = unsettledBy(error);
  const told = explainAs(error, root, operation, open === undefined ? AGAIN : SETTLE);
  if (open === undefined) return told;
  const what = open.client === undefined ? open.operation : `${open.operation} of ${open.client}`;
  return {
    ...told,
    message: `${told.message}; whether the change (${what}) was made is not known yet`,
    remedy: told.remedy?.endsWith(SETTLE) === true ? told.remedy : SETTLE.replace("then ", ""),
    unsettled: true,
  };
}

function explainAs(error: unknown, root: string, operation: Operation, then: string): ControlError {
  if (error instanceof RegistryError) return explainRegistry(error, root, then);
  const code = errorCode(error);
  const trouble = code === undefined ? undefined : STORAGE[code];
  if (trouble !== undefined) {
    const where = pathOf(error, root);
    return {
      code: "storage",
      message: `${where}: ${trouble.problem} (${code})`,
      issues: [],
      remedy: `${trouble.remedy}, ${then}`,
    };
  }
  const kind = error instanceof Error ? error.name : typeof error;
  return {
    code: "internal",
    message: `${operation} failed unexpectedly (${code === undefined ? kind : `${kind}, ${code}`})`,
    issues: [],
    remedy: "look into the function's log for this time; repeat the command once, then report it",
  };
}

function explainRegistry(error: RegistryError, root: string, then: string): ControlError {
  // What the registry tells of the storage ends in the code, which knows a better way out than its kind.
  const code = error.kind === "storage" ? /\((E[A-Z]+)\)$/.exec(error.problem)?.[1] : undefined;
  const trouble = STORAGE[code ?? ""];
  const remedy =
    error.remedy ?? (trouble === undefined ? REMEDIES[error.kind] : `${trouble.remedy}, ${then}`);
  if (error.field === undefined) {
    const place =
      error.kind === "unknown-client" || error.kind === "full" ? "" : `${short(error.path, root)}: `;
    return { code: CODES[error.kind], message: `${place}${error.problem}`, issues: [], remedy };
  }
  const path = error.field === "requestKey" ? error.field : `input.${error.field}`;
  // The registry's own messages begin with the field.
  const begin = `${error.field} `;
  const problem = error.problem.startsWith(begin) ? error.problem.slice(begin.length) : error.problem;
  return {
    code: CODES[error.kind],
    message: `${path} ${problem}`,
    issues: [{ path, message: problem }],
    remedy,
  };
}

function pathOf(error: unknown, root: string): string {
  const path = typeof error === "object" && error !== null && "path" in error ? error.path : undefined;
  return typeof path === "string" ? short(path, root) : "the registry";
}

/** A path as the registry's documentation names it: where the folder is mounted does not matter to an operator. */
function short(path: string, root: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
