/** What the control function refuses, in the words of the command line. */
import { UserError } from "../config/errors";
import { ControlFailure } from "../control/client";

/** The option that a field of a request comes from. */
const OPTIONS: readonly (readonly [RegExp, string])[] = [
  [/\binput\.name\b/g, "the name"],
  [/\binput\.publicKey\b/g, "--public-key"],
  [/\binput\.presharedKey\b/g, "--preshared-key"],
  [/\binput\.address\b/g, "--address"],
  [/\binput\.routes(\.\d+)?\b/g, "--routes"],
  [/\binput\.dns(\.\d+)?\b/g, "--dns"],
  [/\binput\.expiresAt\b/g, "--expires"],
  [/\binput\.expiresBefore\b/g, "--expires-before"],
  [/\binput\.tags(\."[^"]*"|\.[A-Za-z0-9_./:-]*[A-Za-z0-9_/-])?/g, "--tag"],
  [/\binput\.overlapSeconds\b/g, "--overlap"],
  [/\binput\.limit\b/g, "--limit"],
  [/\binput\.search\b/g, "--search"],
  [/\binput\.after\b/g, "--after"],
  [/\binput\.head\b/g, "--head"],
  [/\binput\.force\b/g, "--force:"],
];

/** A message with options in place of the protocol's fields. */
export function inOptions(message: string): string {
  return OPTIONS.reduce((text, [field, option]) => text.replaceAll(field, option), message);
}

/** A refusal as an error for people; anything else as it is. */
export function asUserError(error: unknown): unknown {
  if (!(error instanceof ControlFailure)) return error;
  const { message, suggestion } = error.error;
  // The name that was meant is all the help that is needed.
  const text = suggestion === undefined ? error.message : `${message}; did you mean ${suggestion}?`;
  return new UserError(inOptions(text), { cause: error });
}
