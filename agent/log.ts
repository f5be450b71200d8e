import pino from "pino";

/** The agent's logger: JSON lines, no key material. */
export type Log = pino.Logger;

/** A public key may be logged under a field that says so; any other text that looks like a key is taken out. */
const KEY_LIKE = /("(?:[A-Za-z]*[pP]ublicKey|peer)":")?[A-Za-z0-9+/]{43}=/g;

/** Takes key material out of a finished log line. Working on the line catches messages, stacks and nested fields alike. */
export function redactLine(line: string): string {
  return line.replace(KEY_LIKE, (match, publicField: string | undefined) =>
    publicField === undefined ? "[redacted]" : match,
  );
}

/** A logger that writes to a file descriptor: 1 for the daemon, 2 for commands whose output is a result. */
export function createLog(fd: 1 | 2, bindings: Record<string, string> = {}): Log {
  return pino(
    {
      base: bindings,
      level: process.env["WGC_LOG_LEVEL"] ?? "info",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLine },
    },
    // Synchronous: the last lines before an exit are the ones that matter, and there are few of them.
    pino.destination({ fd, sync: true }),
  );
}

/** An error as one line for logs and reasons. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
