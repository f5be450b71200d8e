/** What `wgc` ends with. */
import { UserError } from "../config/errors";

/** Exit codes; scripts tell by them what to do next. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** It could not be done; nothing was changed unless the message says so. */
  error: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Done, and the answer is not good: findings are left, a chain is broken, a server has not followed in time. */
  findings: 3,
} as const;

/** A command line that cannot be meant: which option, what is wrong with it, what is allowed. */
export class UsageError extends UserError {
  override readonly name: string = "UsageError";

  constructor(message: string) {
    super(message, { exitCode: EXIT.usage });
  }
}

/** The last lines of the help of commands that operate a cluster. */
export const EXIT_HELP = `
Exit codes:
  0  done
  1  it could not be done; the message says what is wrong
  2  the command line is wrong
  3  done, but: findings are left, or a server has not followed in time`;
