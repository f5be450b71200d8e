import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { patient } from "../support/slow";

const UNSHARE = [
  "--user",
  "--map-root-user",
  "--net",
  "--mount",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
];

/** Why tests with a real WireGuard interface cannot run on this machine, or undefined when they can. */
export function namespaceProblem(): string | undefined {
  for (const tool of ["unshare", "wg", "ip", "nft", "ping"]) {
    if (spawnSync("which", [tool]).status !== 0) return `${tool} is not installed`;
  }
  const tried = spawnSync("unshare", [...UNSHARE, "true"], { encoding: "utf8" });
  if (tried.status !== 0) return `user namespaces are not available: ${tried.stderr.trim()}`;
  const kernel =
    spawnSync("unshare", [...UNSHARE, "ip", "link", "add", "wg0", "type", "wireguard"]).status === 0;
  if (kernel) return undefined;
  if (!existsSync("/dev/net/tun")) return "the kernel has no WireGuard and /dev/net/tun does not exist";
  return spawnSync("which", ["wireguard-go"]).status === 0
    ? undefined
    : "the kernel has no WireGuard and wireguard-go is not installed";
}

/** A test that needs namespaces: where there are none it is reported as skipped, with the reason in its name. */
export function namespaceTest(name: string, body: () => Promise<void>, timeoutMs: number): void {
  const problem = namespaceProblem();
  if (problem === undefined) {
    test(name, body, patient(timeoutMs));
    return;
  }
  // jest leaves the names of a wholly skipped file out of its report, so the reason is written here as well.
  process.stderr.write(`SKIPPED: ${name}: ${problem}\n`);
  test.skip(`${name} (skipped: ${problem})`, body);
}

/** A folder that is removed at the end of the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "wgc-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Bundles a program as the agent itself is bundled. */
export function bundle(entry: string, outfile: string): string {
  buildSync({
    entryPoints: [join(__dirname, "..", "..", entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    logLevel: "error",
    define: { __WGC_VERSION__: '"1.2.3-test"' },
  });
  return outfile;
}

/** Runs a bundled program as root of its own namespaces, with an empty /run; all of it dies with it. */
export function inNamespace(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> {
  const script = 'mount -t tmpfs wgc-test /run && ip link set lo up && exec "$@"';
  const child = spawn("unshare", [...UNSHARE, "sh", "-c", script, "sh", process.execPath, program, ...args]);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

/** Bundles a program of tests/agent/programs, runs it in its own namespaces, and returns the steps that it says it took. */
export async function stepsOf(
  folder: string,
  program: string,
  args: readonly string[] = [],
): Promise<string[]> {
  const file = bundle(`tests/agent/programs/${program}.ts`, join(folder, `${program}.js`));
  const { code, out, err } = await inNamespace(file, args);
  if (code !== 0) throw new Error(`${program} ended with ${code}\n${out}\n${err}`);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).step);
}
