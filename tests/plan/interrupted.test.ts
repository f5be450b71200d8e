import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../agent/programs/support";
import { root } from "./support";

jest.setTimeout(60_000);

/** True when there is no such process; one that has ended and was not waited for counts as none. */
function hasEnded(pid: number): true | undefined {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return true;
  return / [ZX] /.test(readFileSync(file, "utf8")) || undefined;
}

test("the program ends with whoever planned, even if that one is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wgc-endless-"));
  const file = join(folder, "pid");
  const loader = join(root, "node_modules/tsx/dist/loader.mjs");
  const planner = spawn(process.execPath, ["--import", loader, join(__dirname, "programs/endless.ts")], {
    cwd: root,
    stdio: "ignore",
    env: { ...process.env, WGC_TEST_PID_FILE: file },
  });
  try {
    const pid = await until(
      "the program to run",
      async () => {
        const text = existsSync(file) ? readFileSync(file, "utf8") : "";
        return text === "" ? undefined : Number(text);
      },
      40_000,
    );
    expect(hasEnded(pid)).toBeUndefined();
    planner.kill("SIGKILL");
    await once(planner, "exit");
    expect(await until("the program to end", async () => hasEnded(pid), 40_000)).toBe(true);
  } finally {
    planner.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
