/** What kind of trouble a registry error is, for callers that react differently. */
export type RegistryErrorKind =
  | "missing"
  | "corrupt"
  | "invalid"
  | "conflict"
  | "full"
  | "locked"
  | "unknown-client";

/** A problem with the registry: which file (or field) and what is wrong with it. Its message never contains a secret. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";

  constructor(
    /** The file that is affected. */
    readonly path: string,
    /** What is wrong, what is allowed and, where there is one, the way out. */
    readonly problem: string,
    readonly kind: RegistryErrorKind = "corrupt",
  ) {
    super(`${path}: ${problem}`);
  }
}

/** The `code` of a Node system error (ENOENT, EEXIST, ...), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
