import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";

/** Makes fresh folders, and removes them after the test file. */
export function folders(): () => string {
  const made: string[] = [];
  afterAll(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    // The same tests run on a network file system: whoever mounts one says where.
    const folder = mkdtempSync(join(process.env["WGC_TEST_REGISTRY_ROOT"] ?? tmpdir(), "wgc-registry-"));
    made.push(folder);
    return folder;
  };
}

/** Bundles a program of tests/registry/programs, so that a child needs no transpiler at run time. */
export function bundleProgram(name: string, folder: string): string {
  const outfile = join(folder, `${name}.js`);
  const entryPoints = [join(__dirname, "programs", `${name}.ts`)];
  buildSync({ entryPoints, outfile, bundle: true, platform: "node", target: "node24", logLevel: "error" });
  return outfile;
}

/** A child process and what it printed, line by line. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>;
}

/** Starts a bundled program. */
export function startChild(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let rest = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<Awaited<Child["ended"]>>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, errors }));
  });
  return { process: child, lines, ended };
}
