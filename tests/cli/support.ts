import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PROJECT = join(__dirname, "..", "..");

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What commands do not need, or what is linked instead. */
const NOT_COPIED: ReadonlySet<string> = new Set([".git", ".wgc", "docs", "node_modules", "tests"]);

/** A copy of this checkout, for commands that work on the checkout they stand in; removed at the end of the test file. */
export function copyOfCheckout(): string {
  const copy = mkdtempSync(join(tmpdir(), "wgc-cli-"));
  for (const name of readdirSync(PROJECT).filter((entry) => !NOT_COPIED.has(entry)))
    cpSync(join(PROJECT, name), join(copy, name), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(copy, "node_modules"));
  afterAll(() => rmSync(copy, { recursive: true, force: true }));
  return copy;
}

/** Runs the command line as `./wgc` does, without a terminal. */
export function wgc(
  args: readonly string[],
  project = PROJECT,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const loader = join(PROJECT, "node_modules/tsx/dist/loader.mjs");
  const { FORCE_COLOR: _, ...env } = process.env;
  const child = spawn(process.execPath, ["--import", loader, join(project, "cli/main.ts"), ...args], {
    cwd: PROJECT,
    env: { ...env, NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** A line of a stack trace. */
export const STACK = /^\s+at .+:\d+:\d+\)?$/m;
