import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timedScript } from "../../bench/detection/bench";
import { SERVER_FAULTS } from "../../bench/detection/faults";
import { DETECTION_HEAD, detectionRows } from "../../bench/detection/report";
import { runTool } from "../support/tool";

const folder = mkdtempSync(join(tmpdir(), "wgc-detection-"));
afterAll(() => rmSync(folder, { recursive: true }));

const check = { port: 8080, path: "/healthz", timeout: 2 };

/** A `curl` that prints the status in a file, which changes to another one with its third call. */
function host(first: string, then: string) {
  const [bin, calls] = [mkdtempSync(join(folder, "host-")), join(folder, "calls")];
  writeFileSync(calls, "");
  const path = join(bin, "curl");
  writeFileSync(
    path,
    `#!/bin/sh\necho "$@" >>${calls}\nif [ "$(wc -l <${calls})" -lt 3 ]; then printf ${first}; else printf ${then}; fi\n`,
  );
  chmodSync(path, 0o755);
  const run = (doing: string, wanted: "pass" | "fail") =>
    runTool("sh", ["-c", `PATH=${bin}:$PATH; ${timedScript(check, doing, wanted)}`]);
  return { calls, run };
}

test.each([
  ["fail", "200", "503"],
  ["fail", "200", "000"],
  ["pass", "503", "200"],
] as const)("time runs until a health check did %s: %s, then %s", (wanted, first, then) => {
  const { calls, run } = host(first, then);
  const { code, text } = run(":", wanted);
  expect(code).toBe(0);
  expect(text).toMatch(/^\d+\n$/);
  const asked = runTool("sort", ["-u", calls]).text;
  expect(asked).toBe("-s -o /dev/null -m 2 -w %{http_code} http://127.0.0.1:8080/healthz\n");
  expect(runTool("wc", ["-l", calls]).text.split(" ")[0]).toBe("3");
});

test("what cannot be broken is an error, not a time", () => {
  const { run } = host("200", "503");
  const { code, text } = run("exit 4", "fail");
  expect([code, text]).toEqual([4, ""]);
});

test("a row for each fault, in seconds", () => {
  const result = {
    fault: "key",
    runs: 20,
    detected_ms: { p50: 1500, p95: 1951, max: 2004 },
    back_ms: { p50: 6400, p95: 6500, max: 7000 },
  };
  expect(detectionRows([result])).toEqual([
    ["key", "20", "1.50 s", "1.95 s", "2.00 s", "6.40 s", "6.50 s", "7.00 s"],
  ]);
  expect(DETECTION_HEAD).toHaveLength(8);
  expect(new Set(SERVER_FAULTS.map(({ name }) => name)).size).toBe(SERVER_FAULTS.length);
});
