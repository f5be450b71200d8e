import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEALTH_GRACE_SECONDS, WARMUP_SECONDS } from "../../components/servers";
import { BOOT_RETRY_SECONDS, renderBootScript } from "../../userdata/boot-script";
import { DASH, runTool, SHELLCHECK, testWith } from "../support/tool";
import { USER_DATA } from "../support/user-data";

const AGENT = "console.log('agent')\n";
const sha256 = createHash("sha256").update(AGENT).digest("hex");

/** A machine in a folder: absolute paths of the script lead there, and its commands are small scripts that write down their use. */
function machine(
  options: {
    readonly downloaded?: string;
    readonly mounted?: boolean;
    /** Tries that fail first, of each mount and of the download. */
    readonly failures?: number;
    readonly failedDownloads?: number;
  } = {},
) {
  const root = mkdtempSync(join(tmpdir(), "wgc-boot-"));
  const bin = join(root, "bin");
  mkdirSync(bin);
  mkdirSync(join(root, "opt/wgc"), { recursive: true });
  const log = join(root, "calls");
  writeFileSync(log, "");
  const command = (name: string, body = "") => {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>${log}\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  command("node-24");
  command("sleep");
  command("systemctl");
  command("sysctl");
  command("mountpoint", `exit ${options.mounted === true ? 0 : 1}`);
  const failing = (file: string, times = 0) =>
    `f=${root}/tries-${file}; n=$(cat $f 2>/dev/null || echo 0); echo $((n + 1)) >$f; [ "$n" -ge ${times} ] || exit 1`;
  command("mount", failing('$(basename "$1")', options.failures));
  writeFileSync(join(root, "object"), options.downloaded ?? AGENT);
  command(
    "aws",
    `${failing("aws", options.failedDownloads)}\ncp ${root}/object ${root}/opt/wgc/agent.js.new`,
  );
  const agent = { bucket: "b", key: `agent/${sha256}.js`, sha256 };
  const script = renderBootScript({ region: "us-east-1", agent }).replaceAll(
    /\/(opt|mnt|etc|var)\//g,
    `${root}/$1/`,
  );
  const boot = () => runTool("env", [`PATH=${bin}:/usr/bin:/bin`, "dash", "-c", script]);
  const calls = () => readFileSync(log, "utf8").replaceAll(root, "").trim().split("\n");
  return { root, boot, calls };
}

testWith(SHELLCHECK, "shellcheck finds nothing, not even a remark", () => {
  const result = runTool(
    "shellcheck",
    ["--shell=sh", "--severity=style", "--enable=all", "--exclude=SC2250,SC2310,SC2312,SC2248", "-"],
    renderBootScript(USER_DATA),
  );
  expect(result).toEqual({ code: 0, text: "" });
});

testWith(DASH, "boots in the order of the contract", () => {
  const fresh = machine();
  const result = fresh.boot();
  expect(result.code).toBe(0);
  expect(fresh.calls()).toEqual([
    "mountpoint -q /mnt/wgc/registry",
    "mount /mnt/wgc/registry",
    "mountpoint -q /mnt/wgc/runtime",
    "mount /mnt/wgc/runtime",
    `aws s3 cp --only-show-errors s3://b/agent/${sha256}.js /opt/wgc/agent.js.new`,
    "sysctl -p /etc/sysctl.d/90-wgc.conf",
    "node-24 /opt/wgc/agent.js init",
    "systemctl daemon-reload",
    "systemctl enable --now wgc-network.service wgc-agent.service wgc-rekey.path",
  ]);
  expect(readFileSync(join(fresh.root, "opt/wgc/agent.js"), "utf8")).toBe(AGENT);
  expect(statSync(join(fresh.root, "var/lib/wgc")).mode & 0o777).toBe(0o700); // the server key will be in it
  for (const line of result.text.trim().split("\n"))
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ wgc-boot: /);
});

testWith(DASH, "running it again mounts nothing twice and succeeds", () => {
  const running = machine({ mounted: true });
  expect(running.boot().code).toBe(0);
  expect(running.boot().code).toBe(0);
  expect(running.calls().filter((call) => call.startsWith("mount "))).toEqual([]);
});

testWith(DASH, "a mount that comes late is waited for, with growing pauses", () => {
  const late = machine({ failures: 3 });
  expect(late.boot().code).toBe(0);
  const pauses = ["sleep 1", "sleep 2", "sleep 4"];
  expect(late.calls().filter((call) => call.startsWith("sleep"))).toEqual([...pauses, ...pauses]);
});

testWith(DASH, "the group waits for the slowest boot that still succeeds", () => {
  const slow = machine({ failures: 9, failedDownloads: 5 });
  expect(slow.boot().code).toBe(0);
  const waited = slow
    .calls()
    .flatMap((call) => (call.startsWith("sleep ") ? [Number(call.slice("sleep ".length))] : []))
    .reduce((sum, pause) => sum + pause, 0);
  expect(waited).toBe(BOOT_RETRY_SECONDS);
  expect(HEALTH_GRACE_SECONDS).toBeGreaterThanOrEqual(WARMUP_SECONDS + waited + 60);
});

testWith(DASH, "a mount that never comes ends the boot with its name", () => {
  const never = machine({ failures: 100 });
  const result = never.boot();
  expect(result.code).toBe(1);
  expect(result.text).toMatch(/FAILED: \S*\/mnt\/wgc\/registry cannot be mounted/);
  expect(never.calls().filter((call) => call.startsWith("mount "))).toHaveLength(10);
  expect(never.calls().some((call) => call.startsWith("systemctl"))).toBe(false);
});

testWith(DASH, "a truncated agent is refused and never put in place", () => {
  const broken = machine({ downloaded: AGENT.slice(0, 10) });
  const result = broken.boot();
  const found = createHash("sha256").update(AGENT.slice(0, 10)).digest("hex");
  expect(result.code).toBe(1);
  expect(result.text).toContain(`is not the one that was deployed: its SHA-256 is ${found}`);
  expect(() => readFileSync(join(broken.root, "opt/wgc/agent.js"))).toThrow(/ENOENT/);
  expect(broken.calls().some((call) => call.startsWith("systemctl"))).toBe(false);
});
