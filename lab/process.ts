/** Running other programs: argument lists only, bounded time, output collected, and errors that say what was run. */
import { type ChildProcess, spawn } from "node:child_process";
import { patient } from "./patience";

const DEFAULT_LIMIT_MS = 30_000;
/** How much of a failed program's output its error says: all that guest/systemctl tells of a failed unit. */
const LAST_LINES = 12;

/** What a finished program left behind. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Text for the program's standard input. */
  input?: string;
  /** Time limit in milliseconds, after which the program is killed; default 30,000. Longer on a slow machine (lab/patience.ts). */
  timeout?: number;
  env?: NodeJS.ProcessEnv;
}

function reasonOf(result: Finished): string {
  const detail = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-LAST_LINES).join("\n");
  return `code ${result.code}${detail ? `: ${detail}` : ""}`;
}

/** A program that ended with another code than 0, or did not end in time. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    readonly command: readonly string[],
    readonly result: Finished,
  ) {
    super(`'${command.join(" ")}' ended with ${reasonOf(result)}`);
  }

  /** The exit code and the last lines that the program wrote. */
  get reason(): string {
    return reasonOf(this.result);
  }
}

/** Runs a program to its end, whatever its exit code; a program that is over its time limit ends with code 124. */
export function attempt(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    // A process group of its own, so that a time limit ends what the program started as well.
    const child = spawn(program, args, { stdio: "pipe", env: options.env ?? process.env, detached: true });
    let stdout = "";
    let stderr = "";
    const limit = patient(options.timeout ?? DEFAULT_LIMIT_MS);
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      // Now, and not when the pipes close: a process that cannot be killed (a hung mount) holds them open.
      resolve({ code: 124, stdout, stderr: `${stderr}\n(not finished after ${limit / 1000} s)` });
    }, limit);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.stdin.on("error", () => {}); // a program may end without reading its input; its exit code tells
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128, stdout, stderr });
    });
    child.stdin.end(options.input ?? "");
  });
}

/**
 * Runs a program that must succeed and returns its standard output.
 *
 * @throws CommandError when the program ends with another code than 0 or is over its time limit.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await attempt(command, options);
  if (result.code !== 0) throw new CommandError(command, result);
  return result.stdout;
}

/** Calls back with each line of a stream. */
export function onLines(stream: NodeJS.ReadableStream, callback: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) callback(line);
  });
}

/** Resolves when the process has ended. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("close", () => resolve()));
}
