/** `wgc test`: everything that shows the project to be sound, in one run with one summary line. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import pc from "picocolors";
import { z } from "zod";
import { UserError } from "../config/errors";
import { duration, print, printJson, say } from "./output";
import { ensurePrograms } from "./system-packages";
import { FILE_SERVER_TEST, jestScript, NFS_TESTS, nameFlags, runScriptInVm, VM_TEST_MINUTES } from "./vm";

interface StepResult {
  name: string;
  passed: number;
  failed: number;
  /** Names of skipped tests; each says why. */
  skipped: string[];
  milliseconds: number;
}

const jestReportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numRuntimeErrorTestSuites: z.number(),
  testResults: z.array(
    z.object({ assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })) }),
  ),
});

const COLOURS = process.stdout.isTTY ? [] : ["--colors=off"];

/** Checks that are one program each: they pass or fail as a whole. */
const CHECKS = [
  { name: "types", command: ["tsc", "--noEmit", "-p", "."] },
  { name: "lint and format", command: ["biome", "ci", "--error-on-warnings", ...COLOURS, "."] },
] as const;

/** Rooms of tests/, in the order of a run: quick ones first. */
const ROOMS = [
  "config",
  "wireguard",
  "registry",
  "control",
  "import",
  "userdata",
  "components",
  "plan",
  "policy",
  "monitoring",
  "verify",
  "agent",
  "cli",
  "bench",
  "docs",
  "vm",
  "lab",
];

function start(project: string, command: readonly string[]): Promise<number> {
  const [program = "", ...args] = command;
  const node = process.execPath;
  const bin = join(project, "node_modules/.bin", program);
  return new Promise((resolve, reject) => {
    const child = spawn(node, [bin, ...args], { cwd: project, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

async function check(project: string, name: string, command: readonly string[]): Promise<StepResult> {
  const began = performance.now();
  const failed = (await start(project, command)) === 0 ? 0 : 1;
  return { name, passed: 1 - failed, failed, skipped: [], milliseconds: performance.now() - began };
}

async function jest(
  project: string,
  rooms: readonly string[],
  { workers, name }: { workers?: number | undefined; name?: RegExp | undefined },
): Promise<StepResult> {
  const began = performance.now();
  const folder = join(project, ".wgc", "test");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "jest.json");
  writeFileSync(file, "");
  const paths = rooms.map((room) => `tests/${room}/`);
  const flags = [...(workers === undefined ? [] : [`--maxWorkers=${workers}`]), ...nameFlags(name)];
  await start(project, ["jest", ...flags, "--json", `--outputFile=${file}`, "--testPathPatterns", ...paths]);
  return resultOf(rooms.join(", "), readFileSync(file, "utf8"), performance.now() - began, name);
}

/**
 * What jest reported, as JSON; nothing when it could not even start, which is a failure.
 *
 * @param chosen pattern of the names that were asked for: jest reports all others as skipped
 */
function resultOf(name: string, text: string, milliseconds: number, chosen?: RegExp): StepResult {
  if (text === "") return { name, passed: 0, failed: 1, skipped: [], milliseconds };
  const report = jestReportSchema.parse(JSON.parse(text));
  const skipped = report.testResults
    .flatMap((suite) => suite.assertionResults)
    .filter((test) => test.status === "pending" || test.status === "todo")
    .map((test) => test.fullName)
    .filter((title) => chosen?.test(title) !== false);
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return { name, passed: report.numPassedTests, failed, skipped, milliseconds };
}

function summarise(results: readonly StepResult[], json: boolean): number {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const skipped = results.flatMap((result) => result.skipped);
  if (json) {
    printJson({ passed, failed, skipped, steps: results });
    return failed;
  }
  for (const result of results) {
    const mark = result.failed === 0 ? pc.green("✓") : pc.red("✗");
    print(
      `${mark} ${result.name}: ${result.passed} passed, ${result.failed} failed (${duration(result.milliseconds)})`,
    );
  }
  for (const name of skipped) print(`${pc.yellow("-")} skipped: ${name}`);
  print(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  return failed;
}

interface TestOptions {
  yes?: boolean;
  json?: boolean;
  vm?: boolean;
  name?: RegExp;
}

/** Tests that have to do with the kernel's WireGuard, or with its NFS. */
const VM_TESTS = ["agent/integration", "agent/takeover/integration", "lab/cluster", "nfs"];

/** The chosen tests in a virtual machine: rooms, files and folders below tests/, or `nfs`. */
async function testInVm(project: string, chosen: readonly string[], options: TestOptions): Promise<void> {
  const began = performance.now();
  const called = (chosen.length > 0 ? chosen : VM_TESTS).map((name) => name.replace(/^tests\//, ""));
  const nfs = called.includes("nfs") || called.includes(FILE_SERVER_TEST);
  const names = [...new Set(called.flatMap((name) => (name === "nfs" ? NFS_TESTS : [name])))];
  const paths = names.map((name) => `tests/${name}`);
  const unknown = paths.filter(
    (path) => !existsSync(join(project, path)) && !existsSync(join(project, `${path}.test.ts`)),
  );
  if (unknown.length > 0)
    throw new UserError(
      `no tests called '${unknown.join("', '")}'; name folders or files below tests/, or nfs`,
    );
  const { text } = await runScriptInVm(
    project,
    jestScript(paths, { nfs, name: options.name }),
    VM_TEST_MINUTES,
  );
  const title = `in the virtual machine: ${names.join(", ")}`;
  conclude([resultOf(title, text, performance.now() - began, options.name)], options);
}

async function test(project: string, chosen: readonly string[], options: TestOptions): Promise<void> {
  if (options.vm) return testInVm(project, chosen, options);
  const unknown = chosen.filter((room) => !ROOMS.includes(room));
  if (unknown.length > 0) {
    throw new UserError(`no tests called '${unknown.join("', '")}'; there are: ${ROOMS.join(", ")}`);
  }
  await ensurePrograms({ project, yes: options.yes === true, optional: true });
  const results: StepResult[] = [];
  if (chosen.length === 0 && options.name === undefined) {
    for (const { name, command } of CHECKS) {
      say(`checking ${name} ...`);
      results.push(await check(project, name, command));
    }
  }
  const rooms = chosen.length > 0 ? chosen : ROOMS;
  const quick = rooms.filter((room) => room !== "lab");
  if (quick.length > 0) results.push(await jest(project, quick, options));
  // A lab mostly waits, as its clients and health checks do, so two cores carry two of them; tests that compute beside it are too much.
  if (rooms.includes("lab")) results.push(await jest(project, ["lab"], { workers: 2, name: options.name }));
  conclude(results, options);
}

function conclude(results: readonly StepResult[], { json, name }: TestOptions): void {
  const isNone = results.every(({ passed, failed, skipped }) => passed + failed + skipped.length === 0);
  if (name !== undefined && isNone) throw new UserError(`no test has a name that matches ${name}`);
  if (summarise(results, json === true) > 0) process.exitCode = 1;
}

/** A regular expression, as jest's option --testNamePattern takes it: upper and lower case are the same. */
function parseName(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** Adds `wgc test`. */
export function addTestCommand(program: Command, project: string): void {
  program
    .command("test [rooms...]")
    .description("run all checks: types, lint and format, unit, components, plan, user data, agent, lab")
    .option("-y, --yes", "install missing system packages without asking")
    .option("--json", "print the summary as JSON")
    .option("-t, --name <regexp>", "only tests whose names match", parseName)
    .option(
      "--vm",
      "in a virtual machine with Debian's kernel, whose WireGuard is then used (slow without KVM)",
    )
    .addHelpText(
      "after",
      `\nRooms: ${ROOMS.join(", ")}\n\nExamples:\n  $ ./wgc test\n  $ ./wgc test plan registry\n  $ ./wgc test lab --name 'revoked client'\n  $ ./wgc test --vm\n  $ ./wgc test --vm agent/integration lab/nat\n  $ ./wgc test --vm nfs`,
    )
    .action((rooms: string[], options: TestOptions) => test(project, rooms, options));
}
