import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "./support";

jest.setTimeout(60_000);

async function eventually<T>(what: string, look: () => T | undefined): Promise<T> {
  const late = performance.now() + 40_000;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (performance.now() > late) throw new Error(`waited 40 s for ${what}`);
    await pause(50);
  }
}

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
    const pid = await eventually("the program to run", () => {
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      return text === "" ? undefined : Number(text);
    });
    expect(hasEnded(pid)).toBeUndefined();
    planner.kill("SIGKILL");
    await once(planner, "exit");
    expect(await eventually("the program to end", () => hasEnded(pid))).toBe(true);
  } finally {
    planner.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
