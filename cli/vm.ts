/** What `demo`, `lab` and `test` share of the virtual machine. */
import { quote, type VmResult } from "../vm/qemu";
import { runInVm } from "../vm/run";
import { say } from "./output";
import { requireVmPrograms } from "./system-packages";

/** Enough for the default tests without KVM, on a core that does other things as well. */
export const VM_TEST_MINUTES = 240;
const VM_COMMAND_MINUTES = 60;

/** Runs a script at the top of the checkout, in the virtual machine. */
export function runScriptInVm(project: string, script: string, limitMinutes: number): Promise<VmResult> {
  requireVmPrograms(project);
  return runInVm({ project, script, limitMinutes, tell: say });
}

/** Runs a command in the virtual machine; this process ends with its exit code. */
export async function commandInVm(project: string, command: readonly string[]): Promise<void> {
  // `--` may end our own options; the program there does not want to see it.
  const words = command[0] === "--" ? command.slice(1) : command;
  const { code } = await runScriptInVm(project, words.map(quote).join(" "), VM_COMMAND_MINUTES);
  process.exitCode = code;
}

/** The test that can do nothing without the machine's file server. */
export const FILE_SERVER_TEST = "vm/nfs";
/** What `test --vm nfs` stands for: tests of a file server as EFS is one, and those of the registry that break its writers, on it. */
export const NFS_TESTS = [FILE_SERVER_TEST, "registry/lock", "registry/processes", "registry/faults"];

/** Where the registry's tests make their registries when there is a file server: on its mount. */
const NFS_FOLDER = "/efs/control/tests";

/** Jest's flag for tests whose names match; none where all are meant. */
export function nameFlags(name: RegExp | undefined): string[] {
  return name === undefined ? [] : [`--testNamePattern=${name.source}`];
}

/**
 * The script that runs tests one after another, with jest's report as its result.
 *
 * @param name only tests whose names match
 * @param nfs start the machine's file server (vm/nfs), and let the registry's tests run on it
 */
export function jestScript(
  paths: readonly string[],
  { nfs = false, name }: { nfs?: boolean; name?: RegExp | undefined } = {},
): string {
  const jest = ["node", "node_modules/.bin/jest", "--runInBand", "--json", "--outputFile=/run/result"];
  jest.push("--reporters=default", "--reporters=./tests/support/progress.js");
  const tests = [...jest, ...nameFlags(name), "--testPathPatterns", ...paths].map(quote).join(" ");
  if (!nfs) return tests;
  const settings = `export WGC_NFS=up WGC_TEST_REGISTRY_ROOT=${NFS_FOLDER}`;
  return ["sh vm/nfs up", `mkdir ${NFS_FOLDER}`, settings, tests].join(" && ");
}
