/**
 * The system programs that a lab needs, and getting them: installed by the package manager when this is root or sudo
 * may be used, otherwise unpacked below .wgc/ without any privilege (Debian and its relatives).
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { UserError } from "../config/errors";
import { VM_PROGRAMS } from "../vm/recipe";
import { say } from "./output";

interface Program {
  program: string;
  apt: string;
  dnf: string;
  /** Needed only by `wgc test` (checks of the user data) or by single faults; what it is for. */
  optional?: string;
}

const PROGRAMS: readonly Program[] = [
  { program: "wg", apt: "wireguard-tools", dnf: "wireguard-tools" },
  { program: "wireguard-go", apt: "wireguard-go", dnf: "wireguard-go" },
  { program: "nft", apt: "nftables", dnf: "nftables" },
  { program: "conntrack", apt: "conntrack", dnf: "conntrack-tools" },
  { program: "ip", apt: "iproute2", dnf: "iproute" },
  { program: "unshare", apt: "util-linux", dnf: "util-linux" },
  { program: "pkill", apt: "procps", dnf: "procps-ng" },
  { program: "curl", apt: "curl", dnf: "curl", optional: "tests that ask a server for its health" },
  { program: "ping", apt: "iputils-ping", dnf: "iputils", optional: "tests that send pings" },
  { program: "bindfs", apt: "bindfs", dnf: "bindfs", optional: "the fault efs-hang" },
  {
    program: "systemd-nspawn",
    apt: "systemd-container",
    dnf: "systemd-container",
    optional: "servers that boot (lab up --boot)",
  },
  { program: "debootstrap", apt: "debootstrap", dnf: "debootstrap", optional: "the booted servers' image" },
  { program: "cloud-init", apt: "cloud-init", dnf: "cloud-init", optional: "tests of the user data" },
  { program: "shellcheck", apt: "shellcheck", dnf: "ShellCheck", optional: "tests of shell scripts" },
  {
    program: "promtool",
    apt: "prometheus",
    dnf: "golang-github-prometheus",
    optional: "tests of alert rules and dashboards",
  },
  { program: "systemd-analyze", apt: "systemd", dnf: "systemd", optional: "tests of systemd units" },
  { program: "zbarimg", apt: "zbar-tools", dnf: "zbar", optional: "tests that read QR codes" },
  {
    program: "rsvg-convert",
    apt: "librsvg2-bin",
    dnf: "librsvg2-tools",
    optional: "tests that read QR codes",
  },
];

/** Where programs live, also for users whose PATH lacks the administrator's folders. */
const ADMIN_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

function isThere(program: string, folders: readonly string[]): boolean {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Folders of unpacked packages, below .wgc/tools. */
function toolFolders(tools: string): string[] {
  return [join(tools, "usr/sbin"), join(tools, "usr/bin"), join(tools, "sbin"), join(tools, "bin")];
}

/** Folders with shared libraries of unpacked packages. */
function libraryFolders(tools: string): string[] {
  const machine = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  return [join(tools, "usr/lib", machine), join(tools, "lib", machine)];
}

/**
 * Makes sure that the programs are there that make and run a virtual machine; they are no part of what a lab needs, so they are
 * named and not installed.
 *
 * @throws UserError with the command that installs them.
 */
export function requireVmPrograms(project: string): void {
  extendPath(join(project, ".wgc", "tools"));
  const folders = (process.env["PATH"] ?? "").split(":");
  const missing = VM_PROGRAMS.filter(({ program }) => !isThere(program, folders));
  if (missing.length === 0) return;
  throw new UserError(
    `this machine lacks ${missing.map(({ program }) => program).join(", ")}, which the virtual machine needs; install them ` +
      `with 'sudo apt-get install --no-install-recommends ${missing.map(({ apt }) => apt).join(" ")}' and try again`,
  );
}

/** The programs that are missing, the optional ones only when asked for. */
export function missingPrograms(tools: string, withOptional: boolean): Program[] {
  const folders = [...(process.env["PATH"] ?? "").split(":"), ...ADMIN_FOLDERS, ...toolFolders(tools)];
  const kernelHasWireGuard = existsSync("/sys/module/wireguard");
  return PROGRAMS.filter((entry) => withOptional || !entry.optional)
    .filter((entry) => !(entry.program === "wireguard-go" && kernelHasWireGuard))
    .filter((entry) => !isThere(entry.program, folders));
}

/** Puts unpacked programs and the administrator's folders on this process's PATH. */
function extendPath(tools: string): void {
  const unpacked = existsSync(tools) ? toolFolders(tools) : [];
  process.env["PATH"] = [process.env["PATH"], ...ADMIN_FOLDERS, ...unpacked].join(":");
  if (unpacked.length === 0) return;
  process.env["LD_LIBRARY_PATH"] = libraryFolders(tools).join(":");
  process.env["PYTHONPATH"] = join(tools, "usr/lib/python3/dist-packages"); // where Debian's cloud-init looks
}

export interface SetupOptions {
  /** Folder of the checkout. */
  project: string;
  /** Install without asking. */
  yes: boolean;
  /** Also what only tests and single faults need; a failure to get those is reported, not an error. */
  optional: boolean;
}

/**
 * Makes sure that the lab's programs are there; returns the folder of unpacked packages when one is in use.
 *
 * @throws UserError that names the missing packages and the command that installs them.
 */
export async function ensurePrograms(options: SetupOptions): Promise<string | undefined> {
  const tools = join(options.project, ".wgc", "tools");
  const needed = missingPrograms(tools, options.optional);
  if (needed.length > 0) await install(needed, tools, options);
  extendPath(tools);
  const still = missingPrograms(tools, false);
  if (still.length > 0) throw new UserError(manualHelp(still));
  return existsSync(tools) ? tools : undefined;
}

type Manager = "apt" | "dnf";

/** Each package once: one may have several of the programs. */
function packagesOf(programs: readonly Program[], manager: Manager): string[] {
  return [...new Set(programs.map((entry) => entry[manager]))];
}

function manualHelp(missing: readonly Program[]): string {
  const apt = packagesOf(missing, "apt").join(" ");
  const dnf = packagesOf(missing, "dnf").join(" ");
  const programs = missing.map((entry) => entry.program).join(", ");
  return (
    `this machine lacks ${programs}, which the lab needs; install them with ` +
    `'sudo apt-get install ${apt}' (Debian, Ubuntu) or 'sudo dnf install ${dnf}' (Fedora, Amazon Linux) and try again`
  );
}

async function install(missing: readonly Program[], tools: string, options: SetupOptions): Promise<void> {
  const has = (program: string): boolean => isThere(program, (process.env["PATH"] ?? "").split(":"));
  const manager = has("apt-get") ? "apt" : has("dnf") ? "dnf" : undefined;
  if (!manager) return; // whatever stays missing is reported by the caller
  if (process.getuid?.() === 0) return installAs([], manager, missing);
  const mayAsk = process.stdin.isTTY && process.stderr.isTTY;
  const packages = packagesOf(missing, manager).join(" ");
  if (has("sudo") && (options.yes || (mayAsk && (await confirm(`install ${packages} with sudo?`))))) {
    return installAs(options.yes && !mayAsk ? ["sudo", "-n"] : ["sudo"], manager, missing);
  }
  if (manager === "apt") unpackDebian(missing, tools);
}

/**
 * Gets what is needed first and by itself, then all that is optional at once, and where that fails each of it alone: a package that
 * a distribution does not have makes the package manager refuse all that it was asked for.
 */
function getInTurn(
  missing: readonly Program[],
  manager: Manager,
  get: (packages: readonly string[]) => boolean,
): void {
  const needed = packagesOf(
    missing.filter((entry) => entry.optional === undefined),
    manager,
  );
  const optional = packagesOf(missing, manager).filter((name) => !needed.includes(name));
  if (needed.length > 0) get(needed);
  if (optional.length === 0 || get(optional) || optional.length === 1) return;
  for (const one of optional) get([one]);
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`wgc: the lab needs system packages: ${question} [Y/n] `);
  terminal.close();
  return /^(y|yes|)$/i.test(answer.trim());
}

function quietly(command: readonly string[], env: NodeJS.ProcessEnv = process.env): boolean {
  const [program = "", ...args] = command;
  const result = spawnSync(program, args, { env, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  if (result.status !== 0)
    say(`'${command.join(" ")}' failed: ${(result.stderr ?? "").trim().split("\n").at(-1)}`);
  return result.status === 0;
}

function installAs(prefix: readonly string[], manager: Manager, missing: readonly Program[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const command =
    manager === "apt"
      ? [...prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
      : [...prefix, "dnf", "install", "-y", "-q"];
  if (manager === "apt") quietly([...prefix, "apt-get", "update", "-qq"], env);
  getInTurn(missing, manager, (packages) => {
    say(`installing system packages: ${packages.join(" ")} ...`);
    return quietly([...command, ...packages], env);
  });
}

/**
 * Downloads the packages with everything they depend on that is not installed, and unpacks them below `tools`: apt works
 * without privilege when its state lives in a folder of the caller's (apt.conf(5), Dir::State and Dir::Cache).
 */
function unpackDebian(missing: readonly Program[], tools: string): void {
  const state = join(tools, "apt");
  for (const folder of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(state, folder), { recursive: true });
  const settings = [
    `Dir::State::lists=${join(state, "lists")}`,
    `Dir::Cache=${join(state, "cache")}`,
    "Dir::State::status=/var/lib/dpkg/status",
    "Debug::NoLocking=true",
  ].flatMap((setting) => ["-o", setting]);
  quietly(["apt-get", ...settings, "update", "-qq"]);
  const download = ["install", "-qq", "-y", "--download-only", "--no-install-recommends"];
  getInTurn(missing, "apt", (packages) => {
    say(`unpacking system packages into .wgc/tools (no root needed): ${packages.join(" ")} ...`);
    return quietly(["apt-get", ...settings, ...download, ...packages]);
  });
  const archives = join(state, "cache/archives");
  for (const file of readdirSync(archives).filter((name) => name.endsWith(".deb"))) {
    quietly(["dpkg-deb", "-x", join(archives, file), tools]);
  }
}
