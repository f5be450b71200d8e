import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { redactLine } from "./log";

/** How a tool is called. */
export interface ExecOptions {
  /** After so many milliseconds the tool is killed and the call fails. */
  readonly timeoutMs: number;
  /** What the tool reads as standard input; may hold secrets. */
  readonly stdin?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a tool and returns what it printed. Arguments never hold secrets: any user of the machine can read them (proc(5)). */
export type Exec = (file: string, args: readonly string[], options: ExecOptions) => Promise<string>;

/** A tool that failed: which call, why, and the start of what it wrote to standard error. */
export class ExecError extends Error {
  override readonly name = "ExecError";
}

/** Service managers start us with a short search path, and the tools we call are in these folders. */
export const TOOL_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where secrets for a tool's standard input are put for a moment: memory first, local disk where that is forbidden. */
const SECRET_FOLDERS = ["/dev/shm", "/run", "/var/lib/wgc", "/tmp"];

/** Calls a tool with a time limit, without a shell. */
export const exec: Exec = (file, args, options) => {
  const call = [
    file,
    ...args.slice(0, 6),
    ...(args.length > 6 ? [`... (${args.length} arguments)`] : []),
  ].join(" ");
  let stdin: number | undefined;
  try {
    stdin = options.stdin === undefined ? undefined : secretFile(options.stdin);
    return start(call, file, args, options, stdin);
  } catch (error) {
    return Promise.reject(error);
  } finally {
    if (stdin !== undefined) closeSync(stdin);
  }
};

function start(
  call: string,
  file: string,
  args: readonly string[],
  options: ExecOptions,
  stdin: number | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [stdin ?? "ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${TOOL_FOLDERS}` },
    });
    const fail = (why: string) => reject(new ExecError(redactLine(`${call}: ${why}`)));
    const kill = (why: string) => {
      child.kill("SIGKILL");
      fail(why); // at once: a process in an uninterruptible wait does not die before the wait ends
    };
    const timer = setTimeout(() => kill(`gave no answer within ${options.timeoutMs} ms`), options.timeoutMs);
    const onAbort = () => kill("called off");
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const finish = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    const output: Buffer[] = [];
    let errors = "";
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => {
      if (errors.length < 500) errors += chunk.toString("utf8", 0, 500);
    });
    child.on("error", (error) => {
      finish();
      fail(error.message);
    });
    child.on("close", (code, signal) => {
      finish();
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else
        fail(
          `${code === null ? `killed by ${signal}` : `exit code ${code}`}: ${errors.trim() || "no message"}`,
        );
    });
  });
}

/**
 * An open file with the text in it that no longer has a name. Node gives a child a socket as standard input, and `wg` opens
 * /dev/stdin by name, which the kernel refuses for sockets (open(2), ENXIO); a file works.
 */
function secretFile(text: string): number {
  let problem: unknown;
  for (const folder of SECRET_FOLDERS) {
    const path = join(folder, `.wgc-${randomBytes(12).toString("hex")}`);
    try {
      const fd = openSync(path, "wx+", 0o600);
      unlinkSync(path);
      writeAll(fd, Buffer.from(text, "utf8"));
      return fd;
    } catch (error) {
      problem = error;
    }
  }
  throw new ExecError(`no folder to pass standard input in (${SECRET_FOLDERS.join(", ")})`, {
    cause: problem,
  });
}

function writeAll(fd: number, bytes: Buffer): void {
  let at = 0;
  try {
    while (at < bytes.length) at += writeSync(fd, bytes, at, bytes.length - at, at); // a position: the offset stays 0
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
