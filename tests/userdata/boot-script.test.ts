import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCH_HOOK } from "../../components/lifecycle";
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
    /** Whether cloud-init wrote down which instance this is. */
    readonly instance?: string;
    /** Tries to tell the group that fail first. */
    readonly failedWords?: number;
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
    `echo "$AWS_DEFAULT_REGION" >>${root}/regions
if [ "$1" = autoscaling ]; then ${failing("word", options.failedWords)}; exit 0; fi
${failing("aws", options.failedDownloads)}\ncp ${root}/object ${root}/opt/wgc/agent.js.new`,
  );
  if (options.instance !== undefined) {
    mkdirSync(join(root, "var/lib/cloud/data"), { recursive: true });
    writeFileSync(join(root, "var/lib/cloud/data/instance-id"), `${options.instance}\n`);
  }
  const agent = { bucket: "b", key: `agent/${sha256}.js`, sha256 };
  const script = renderBootScript({ ...USER_DATA, region: "us-east-1", agent }).replaceAll(
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
  const normal = 180;
  expect(LAUNCH_HOOK.heartbeatSeconds).toBeGreaterThanOrEqual(normal + waited + 60);
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

const ABANDON =
  "aws autoscaling complete-lifecycle-action --auto-scaling-group-name wgc-test-servers " +
  "--lifecycle-hook-name wgc-launch --lifecycle-action-result ABANDON --instance-id i-0123456789abcdef0";

testWith(DASH, "the group is told of a failed boot, whatever failed, without the agent", () => {
  const noAgent = machine({ failedDownloads: 100, instance: "i-0123456789abcdef0" });
  expect(noAgent.boot().code).toBe(1);
  expect(noAgent.calls().filter((call) => call.startsWith("aws autoscaling"))).toEqual([ABANDON]);
  // The command line asks the instance for credentials, but not where it is.
  const regions = readFileSync(join(noAgent.root, "regions"), "utf8").trim().split("\n");
  expect(new Set(regions)).toEqual(new Set(["us-east-1"]));
  expect(noAgent.calls().filter((call) => call.startsWith("node"))).toEqual([]);

  const noSysctl = machine({ instance: "i-0123456789abcdef0" });
  writeFileSync(join(noSysctl.root, "bin/sysctl"), "#!/bin/sh\nexit 7\n");
  expect(noSysctl.boot().code).toBe(7);
  expect(noSysctl.calls().at(-1)).toBe(ABANDON);
});

testWith(
  DASH,
  "the word is said again when it does not arrive, and the boot's own failure stays what is reported",
  () => {
    const deaf = machine({ failures: 100, failedWords: 2, instance: "i-0123456789abcdef0" });
    expect(deaf.boot().code).toBe(1);
    expect(deaf.calls().filter((call) => call === ABANDON)).toHaveLength(3);

    const unreachable = machine({ failures: 100, failedWords: 100, instance: "i-0123456789abcdef0" });
    const result = unreachable.boot();
    expect(result.code).toBe(1);
    expect(result.text).toContain("the group cannot be told");
    expect(unreachable.calls().filter((call) => call === ABANDON)).toHaveLength(4);
  },
);

testWith(
  DASH,
  "a boot that succeeds, and one on a machine that is no instance, tell the group nothing",
  () => {
    const fine = machine({ instance: "i-0123456789abcdef0" });
    expect(fine.boot().code).toBe(0);
    const nobody = machine({ failures: 100 });
    expect(nobody.boot().code).toBe(1);
    for (const { calls } of [fine, nobody])
      expect(calls().filter((call) => call.startsWith("aws autoscaling"))).toEqual([]);
  },
);
