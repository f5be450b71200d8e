import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool, SHELLCHECK, testWith } from "../support/tool";
import { eventually, PROJECT } from "./support";

const guest = (name: string): string => join(PROJECT, "lab/guest", name);
const SCRIPTS = ["aws", "booted-machine", "machine", "mount.efs", "systemctl"];

testWith(SHELLCHECK, "shellcheck finds nothing in the machines' scripts", () => {
  expect(runTool("shellcheck", ["--shell=sh", "--severity=style", ...SCRIPTS.map(guest)])).toEqual({
    code: 0,
    text: "",
  });
});

describe("mount.efs keeps the file system's policy", () => {
  const DENIED = "mount.efs: mount.nfs4: access denied by server while mounting fs-1:/: ";
  test.each([
    [
      "clear text",
      "rw,iam,accesspoint=fsap-1",
      "the file-system policy denies clear text; add the option tls",
    ],
    [
      "an anonymous mount",
      "tls,accesspoint=fsap-1",
      "the file-system policy denies anonymous mounts; add the option iam",
    ],
    [
      "an option that only looks like tls",
      "tlsx,iam,accesspoint=fsap-1",
      "the file-system policy denies clear text; add the option tls",
    ],
    ["no access point", "rw,tls,iam", "no access point named; add the option accesspoint=fsap-..."],
    [
      "an empty access point",
      "tls,iam,accesspoint=",
      "no access point named; add the option accesspoint=fsap-...",
    ],
    ["an unknown access point", "tls,iam,accesspoint=fsap-1", "no access point fsap-1 on file system fs-1"],
  ])("%s is refused", (_, options, reason) => {
    const result = runTool("sh", [guest("mount.efs"), "fs-1:/", "/mnt/x", "-o", options]);
    expect(result).toEqual({ code: 32, text: `${DENIED}${reason}\n` });
  });
});

test("mount.efs refuses what the role of the instance has no right to, before it makes anything", () => {
  const root = mkdtempSync(join(tmpdir(), "wgc-efs-"));
  mkdirSync(join(root, ".points/fs-1"), { recursive: true });
  writeFileSync(join(root, ".points/fs-1/fsap-1"), "none /registry\n");
  const script = readFileSync(guest("mount.efs"), "utf8").replaceAll("/lab/efs", root);
  writeFileSync(join(root, "mount.efs"), script);
  const options = ["-o", "rw,tls,iam,accesspoint=fsap-1"];
  expect(runTool("sh", [join(root, "mount.efs"), "fs-1:/", "/mnt/x", ...options])).toEqual({
    code: 32,
    text: "mount.efs: mount.nfs4: access denied by server while mounting fs-1:/: the role of this instance lacks elasticfilesystem:ClientMount on fsap-1\n",
  });
  expect(existsSync(join(root, "fs-1"))).toBe(false);
});

describe("the AWS command line knows one command", () => {
  test.each([
    [["s3", "ls"], "aws (lab): only 's3 cp' is known here, not 's3 ls'"],
    [[], "aws (lab): only 's3 cp' is known here, not ''"],
    [["ec2", "describe-instances"], "aws (lab): only 's3 cp' is known here, not 'ec2 describe-instances'"],
    [["s3", "cp", "--recursive", "s3://b/k", "/tmp/x"], "aws (lab): option --recursive is not known here"],
    [["s3", "cp", "/etc/passwd", "s3://b/k"], "aws (lab): source must be s3://BUCKET/KEY, not '/etc/passwd'"],
    [
      ["s3", "cp", "--only-show-errors", "s3://bucket/agent/a.js", "/tmp/x"],
      'aws (lab): fatal error: An error occurred (404) when calling the HeadObject operation: Key "agent/a.js" does not exist',
    ],
  ])("%j", (args, message) => {
    expect(runTool("sh", [guest("aws"), ...args])).toEqual({ code: 1, text: `${message}\n` });
  });
});

/** systemctl in a folder of its own: its absolute paths lead there. */
function host(units: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), "wgc-systemctl-"));
  mkdirSync(join(root, "etc/systemd/system"), { recursive: true });
  for (const [name, text] of Object.entries(units)) {
    writeFileSync(join(root, "etc/systemd/system", name), text.replaceAll("ROOT", root));
  }
  const script = readFileSync(guest("systemctl"), "utf8")
    .replace("units=/etc/", `units=${root}/etc/`)
    .replace("state=/run/", `state=${root}/run/`)
    .replace("logs=/var/", `logs=${root}/var/`);
  expect(script.split(root)).toHaveLength(4);
  const path = join(root, "systemctl");
  writeFileSync(path, script);
  const systemctl = (...args: string[]) => runTool("sh", [path, ...args]);
  const read = (name: string) => (existsSync(join(root, name)) ? readFileSync(join(root, name), "utf8") : "");
  hosts.push(() => {
    for (const name of Object.keys(units)) systemctl("stop", name);
    rmSync(root, { recursive: true, force: true });
  });
  return { root, systemctl, read };
}

const hosts: (() => void)[] = [];
afterEach(() => {
  for (const clear of hosts.splice(0)) clear();
});

const SERVICE = `[Service]
Type=exec
Environment="GREETING=good day"
ExecStart=sh -c 'echo "$$ started" >>ROOT/log; trap "sleep 0.2; echo stopped >>ROOT/log; exit 0" TERM; while :; do sleep 0.05; done'
Restart=always
RestartSec=0.1
TimeoutStopSec=10
`;

describe("systemctl", () => {
  test("a oneshot's lines run in order, once, with its environment", () => {
    const unit = `[Service]
Type=oneshot
RemainAfterExit=yes
Environment="WORD=one two"
ExecStartPre=sh -c 'echo pre >>ROOT/log'
ExecStart=sh -c 'echo "first $WORD" >>ROOT/log'
ExecStart=-false
ExecStart=sh -c 'echo last >>ROOT/log'
`;
    const { systemctl, read } = host({ "a.service": unit });
    expect(systemctl("is-active", "a.service")).toEqual({ code: 3, text: "inactive\n" });
    expect(systemctl("start", "a.service")).toEqual({ code: 0, text: "" });
    expect(systemctl("is-active", "a.service")).toEqual({ code: 0, text: "active\n" });
    systemctl("start", "a.service");
    expect(read("log")).toBe("pre\nfirst one two\nlast\n");
  });

  test("a line that fails ends the start with its code and the end of its log; later lines do not run", () => {
    const unit = `[Service]
Type=oneshot
ExecStart=sh -c 'echo reason; exit 7'
ExecStart=touch ROOT/later
`;
    const { systemctl, root } = host({ "a.service": unit });
    const result = systemctl("start", "a.service");
    expect(result.code).toBe(1);
    expect(result.text).toBe(
      "reason\nsystemctl (lab): a.service: 'sh -c 'echo reason; exit 7'' failed with code 7\n",
    );
    expect(existsSync(join(root, "later"))).toBe(false);
    expect(systemctl("is-active", "a.service").code).toBe(3);
  });

  test("what a failed line says is told from its first word, without what the unit said before", () => {
    const unit = `[Service]
Type=oneshot
ExecStart=sh -c 'echo earlier'
ExecStart=sh -c 'echo reason; for line in 1 2 3 4 5 6 7 8; do echo "at $line"; done; exit 1'
`;
    const said = host({ "a.service": unit }).systemctl("start", "a.service").text.split("\n");
    expect(said.slice(0, 2)).toEqual(["reason", "at 1"]);
  });

  const NEEDS = "[Unit]\nRequires=b.service\n[Service]\nType=oneshot\nExecStart=sh -c 'echo a >>ROOT/log'\n";
  const needed = (code: number) =>
    `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=sh -c 'echo b >>ROOT/log; exit ${code}'\n`;

  test("at boot and by hand a unit starts after what it requires, which is started once", () => {
    const { systemctl, read } = host({ "a.service": NEEDS, "b.service": needed(0) });
    systemctl("enable", "a.service", "b.service");
    expect(systemctl("boot")).toEqual({ code: 0, text: "" });
    expect(read("log")).toBe("b\na\n");
  });

  test("a unit is not started when what it requires cannot be", () => {
    const { systemctl, read } = host({ "a.service": NEEDS, "b.service": needed(1) });
    expect(systemctl("start", "a.service").code).toBe(1);
    expect(read("log")).toBe("b\n");
  });

  test("a unit that is not there and a verb that is not known are errors", () => {
    const { systemctl, root } = host({});
    expect(systemctl("start", "b.service").text).toBe(
      `systemctl (lab): Unit b.service could not be found in ${root}/etc/systemd/system.\n`,
    );
    expect(systemctl("mask", "b.service")).toEqual({
      code: 1,
      text: "systemctl (lab): 'mask' is not known here\n",
    });
  });

  test("a service that dies is started again; a stop waits until it has ended and it stays so", async () => {
    const { systemctl, read } = host({ "a.service": SERVICE });
    expect(systemctl("enable", "--now", "a.service").code).toBe(0);
    const starts = () => read("log").match(/started/g)?.length;
    await eventually(() => (starts() === 1 ? true : undefined), "the first start");
    systemctl("kill", "--kill-whom=main", "--signal=KILL", "a.service");
    await eventually(() => (starts() === 2 ? true : undefined), "the second start");
    expect(systemctl("stop", "a.service").code).toBe(0);
    expect(read("log").trim().split("\n").at(-1)).toBe("stopped");
    expect(systemctl("is-active", "a.service").code).toBe(3);
    expect(read("run/units/a.service.main")).toBe("");
  });

  test("a restart ends the old process and starts another", async () => {
    const { systemctl, read } = host({ "a.service": SERVICE });
    systemctl("start", "a.service");
    await eventually(() => (read("log").includes("started") ? true : undefined), "the start");
    expect(systemctl("restart", "a.service").code).toBe(0);
    expect(systemctl("is-active", "a.service").code).toBe(0);
    await eventually(
      () => (read("log").match(/started\nstopped\n\d+ started/) ? true : undefined),
      "the restart",
    );
  });

  test("a stop during the pause before a restart is a stop", async () => {
    const unit = "[Service]\nExecStart=sh -c 'echo run >>ROOT/log'\nRestart=always\nRestartSec=0.5\n";
    const { systemctl, read } = host({ "a.service": unit });
    systemctl("start", "a.service");
    await eventually(() => (read("log") === "run\n" ? true : undefined), "the first run");
    systemctl("stop", "a.service");
    expect(read("log")).toBe("run\n");
    expect(read("run/units/a.service.keeper")).toBe("");
  });

  test("a path unit starts its service each time the file is replaced, until it is stopped", async () => {
    const { systemctl, read, root } = host({
      "a.path": "[Path]\nPathChanged=ROOT/watched\n",
      "a.service": "[Service]\nType=oneshot\nExecStart=sh -c 'cat ROOT/watched >>ROOT/log'\n",
    });
    const replace = (text: string) => {
      writeFileSync(join(root, "new"), text);
      renameSync(join(root, "new"), join(root, "watched"));
    };
    replace("before\n");
    expect(systemctl("start", "a.path")).toEqual({ code: 0, text: "" });
    expect(systemctl("is-active", "a.path").code).toBe(0);
    replace("first\n");
    await eventually(() => (read("log") === "first\n" ? true : undefined), "the first start");
    replace("second\n");
    await eventually(() => (read("log") === "first\nsecond\n" ? true : undefined), "the second start");
    systemctl("stop", "a.path");
  }, 30_000);

  test("boot starts what is enabled, and nothing else", () => {
    const once = (name: string) => `[Service]\nType=oneshot\nExecStart=sh -c 'echo ${name} >>ROOT/log'\n`;
    const { systemctl, read } = host({ "a.service": once("a"), "b.service": once("b") });
    systemctl("enable", "b.service");
    expect(read("log")).toBe("");
    expect(systemctl("boot").code).toBe(0);
    expect(read("log")).toBe("b\n");
  });
});
