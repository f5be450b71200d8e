import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireVmPrograms } from "../../cli/system-packages";
import { jestScript, NFS_TESTS } from "../../cli/vm";
import { wgc } from "./support";

const [PATH, folder] = [process.env["PATH"], mkdtempSync(join(tmpdir(), "wgc-vm-test-"))];
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.env["PATH"] = PATH;
});

test("missing programs are named with the command that installs them", () => {
  process.env["PATH"] = folder;
  // qemu and apt-get are never in the administrator's folders, which are looked into in any case.
  expect(() => requireVmPrograms(folder)).toThrow(
    /^this machine lacks qemu-system-x86_64,.* apt-get.*sudo apt-get install --no-install-recommends qemu-system-x86 .*apt/,
  );
});

/** What a script does, with its programs replaced by ones that only say what they are asked for. */
function doneBy(script: string): string[] {
  const programs = ["node", "sh", "mkdir"].map(
    (name) => `${name}() { printf '%s\\n' "${name} on '$WGC_TEST_REGISTRY_ROOT'" "$@"; }`,
  );
  const { stdout } = spawnSync("sh", ["-c", [...programs, script].join("\n")], {
    encoding: "utf8",
    env: { PATH },
  });
  return stdout.trimEnd().split("\n");
}

test("the script in the machine runs the chosen tests one after another and leaves jest's report", () => {
  expect(doneBy(jestScript(["tests/lab/nat", "tests/a b"]))).toEqual([
    "node on ''",
    "node_modules/.bin/jest",
    "--runInBand",
    "--json",
    "--outputFile=/run/result",
    "--reporters=default",
    "--reporters=./tests/support/progress.js",
    "--testPathPatterns",
    "tests/lab/nat",
    "tests/a b",
  ]);
});

test("the script takes a pattern of names along", () => {
  expect(doneBy(jestScript(["tests/lab/nat"], { name: /a b/i }))).toContain("--testNamePattern=a b");
});

test("each test is told as it ends: a file takes up to an hour there", () => {
  const reporter = join(__dirname, "..", "support", "progress.js");
  const tests = join(folder, "two.test.js");
  writeFileSync(
    tests,
    'test("good", () => {}); test("bad", () => { throw new Error(); }); test.skip("left out", () => {});',
  );
  const jest = join(__dirname, "../../node_modules/.bin/jest");
  const args = [jest, "--runInBand", "--config={}", `--rootDir=${folder}`, `--reporters=${reporter}`];
  const { stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: folder });
  expect(stderr.replace(/ \(\d+\.\d s\)/g, "").match(/^wgc: .*$/gm)).toEqual([
    expect.stringMatching(/two\.test\.js \.\.\.$/),
    "wgc: passed: good",
    "wgc: failed: bad",
  ]);
});

test("with the file server, the registry's tests are on its mount", () => {
  const steps = doneBy(jestScript(["tests/vm/nfs"], { nfs: true }));
  expect(steps.slice(0, 5)).toEqual(["sh on ''", "vm/nfs", "up", "mkdir on ''", "/efs/control/tests"]);
  expect(steps[5]).toBe("node on '/efs/control/tests'");
  expect(steps.at(-1)).toBe("tests/vm/nfs");
});

test("`nfs` stands for tests that exist", () => {
  for (const name of NFS_TESTS) expect(existsSync(join(__dirname, "..", `${name}.test.ts`))).toBe(true);
});

test("tests that do not exist are refused before anything is made", async () => {
  const { code, stderr } = await wgc(["test", "--vm", "agent/integration", "lab/nothing"]);
  expect(code).toBe(1);
  expect(stderr).toContain("no tests called 'tests/lab/nothing'; name folders or files below tests/, or nfs");
}, 60_000);
