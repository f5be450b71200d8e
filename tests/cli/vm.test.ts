import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireVmPrograms } from "../../cli/system-packages";
import { jestScript } from "../../cli/vm";
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

test("the script in the machine runs the chosen tests one after another and leaves jest's report", () => {
  const { stdout } = spawnSync(
    "sh",
    ["-c", `node() { printf '%s\\n' "$@"; }\n${jestScript(["tests/lab/nat", "tests/a b"])}`],
    {
      encoding: "utf8",
    },
  );
  expect(stdout.trimEnd().split("\n")).toEqual([
    "node_modules/.bin/jest",
    "--runInBand",
    "--json",
    "--outputFile=/run/result",
    "--testPathPatterns",
    "tests/lab/nat",
    "tests/a b",
  ]);
});

test("tests that do not exist are refused before anything is made", async () => {
  const { code, stderr } = await wgc(["test", "--vm", "agent/integration", "lab/nothing"]);
  expect(code).toBe(1);
  expect(stderr).toContain("no tests called 'tests/lab/nothing'; name folders or files below tests/");
}, 60_000);
