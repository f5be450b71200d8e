/** What a command does when nobody takes what it prints: a pipe whose reader has gone, a disk that is full. */
import { reasonOf } from "./client-files";

/** What a program ends with that a closed pipe stopped, as a shell tells it: 128 and the number of SIGPIPE (signal(7)). */
const PIPE_CLOSED = 141;

/**
 * Without this, Node.js ends the process at once with a stack trace, in the middle of what it does. What was begun is completed
 * instead, and what is printed from then on goes nowhere.
 */
export function endureBrokenOutput(): void {
  for (const [stream, name] of [
    [process.stdout, "standard output"],
    [process.stderr, "standard error"],
  ] as const) {
    let told = false;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const closed = error.code === "EPIPE";
      // After the command, which may set an exit code of its own meanwhile: what it did is done, but has not been told.
      process.once("exit", () => {
        if (!process.exitCode) process.exitCode = closed ? PIPE_CLOSED : 1;
      });
      if (told || closed || stream === process.stderr) return;
      told = true;
      process.stderr.write(`wgc: error: ${name} cannot be written: ${reasonOf(error)}\n`);
    });
  }
}
