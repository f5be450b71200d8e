/**
 * An error that a person can act on: it says what is wrong and where, what is allowed and what to do next.
 * The command line prints only its message (the stack trace needs `--debug`) and exits with {@link UserError.exitCode}.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
  /** Exit code of the process that reports this error; 1 unless the caller says otherwise. */
  readonly exitCode: number;
  /** Makes Pulumi's Node.js runtime print only the message, as it does for its own RunError (`RunError.isInstance`). */
  readonly __pulumiRunError = true;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
