/** What the command line prints: results on standard output, everything about progress on standard error. */
import pc from "picocolors";

/** Prints a line of progress. */
export function say(text: string): void {
  process.stderr.write(`${pc.dim("wgc:")} ${text}\n`);
}

/** Prints a result for people. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a result for machines: one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** `1.2 s` or `340 ms`. */
export function duration(milliseconds: number): string {
  return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds)} ms`;
}
