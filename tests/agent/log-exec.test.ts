import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../agent/exec";
import { redactLine } from "../../agent/log";
import { generateKeyPair } from "../../wireguard/keys";
import { bundle, temporaryFolder } from "./namespace";

const folder = temporaryFolder();

test("keys are taken out of log lines wherever they are, except public ones that are named so", () => {
  const { privateKey, publicKey } = generateKeyPair();
  const line = JSON.stringify({
    publicKey,
    privateKey,
    msg: `PresharedKey = ${privateKey}`,
    deep: { list: [privateKey], peer: publicKey },
    serverPublicKey: publicKey,
  });
  const redacted = redactLine(line);
  expect(redacted).not.toContain(privateKey);
  expect(JSON.parse(redacted)).toEqual({
    publicKey,
    privateKey: "[redacted]",
    msg: "PresharedKey = [redacted]",
    deep: { list: ["[redacted]"], peer: publicKey },
    serverPublicKey: publicKey,
  });
});

test("a tool gets its standard input as a file that it can open by name, and nothing stays behind", async () => {
  const text = "x".repeat(300_000);
  expect(await exec("cat", ["/dev/stdin"], { timeoutMs: 5000, stdin: text })).toBe(text);
  expect(readdirSync("/dev/shm").filter((name) => name.startsWith(".wgc-"))).toEqual([]);
});

test("a tool that hangs is killed in time", async () => {
  const started = performance.now();
  await expect(exec("sleep", ["60"], { timeoutMs: 100 })).rejects.toThrow(
    "sleep 60: gave no answer within 100 ms",
  );
  expect(performance.now() - started).toBeLessThan(5000);
});

test("a failed tool says which call it was and why, without keys", async () => {
  const { privateKey } = generateKeyPair();
  const call = exec("sh", ["-c", `echo "bad key ${privateKey}" >&2; exit 3`], { timeoutMs: 5000 });
  await expect(call).rejects.toThrow(/exit code 3: bad key \[redacted\]/);
  await expect(call).rejects.not.toThrow(privateKey);
  // EACCES where a folder of the caller's PATH may not be searched
  await expect(exec("no-such-tool", [], { timeoutMs: 100 })).rejects.toThrow(
    /^no-such-tool: spawn no-such-tool (ENOENT|EACCES)$/,
  );
  const controller = new AbortController();
  const aborted = exec("sleep", ["60"], { timeoutMs: 60_000, signal: controller.signal });
  controller.abort();
  await expect(aborted).rejects.toThrow("sleep 60: called off");
});

test("the logger itself redacts, whatever the field is called, and writes one JSON line each", () => {
  const { privateKey, publicKey } = generateKeyPair();
  const library = bundle("agent/log.ts", join(folder, "log.js"));
  const program = `const log = require(${JSON.stringify(library)}).createLog(1, { instance: "i-1" });
    log.info({ privateKey: process.argv[1], publicKey: process.argv[2], err: new Error(process.argv[1]) }, "key " + process.argv[1]);`;
  const out = execFileSync(process.execPath, ["-e", program, privateKey, publicKey], { encoding: "utf8" });
  expect(out).not.toContain(privateKey);
  expect(out.trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(out)).toMatchObject({
    level: "info",
    instance: "i-1",
    privateKey: "[redacted]",
    publicKey,
    msg: "key [redacted]",
  });
});
