import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { controlGroup } from "../../lab/boot/control-group";
import type { BootImage } from "../../lab/boot/image";
import { runFolder } from "../../lab/enter";
import { ended, onLines } from "../../lab/process";
import { eventually, PROJECT } from "./support";

/** A lab that is started to be killed. */
export interface Doomed {
  readonly name: string;
  /** File with its plan. */
  readonly planFile: string;
  readonly boot?: BootImage;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process ended meanwhile
  }
};

interface Process {
  readonly pid: string;
  readonly parent: string;
  /** Tells a process from a later one with the same id. */
  readonly started: string;
}

/** All processes of this machine, of every namespace below this one. */
function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      // proc_pid_stat(5): the command may hold spaces, so fields are counted after its closing parenthesis.
      const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
      const [state, parent = "", started = ""] = [fields[0], fields[1], fields[19]];
      return state === undefined || state === "" || state === "Z" ? [] : [{ pid, parent, started }];
    });
}

/** A process and everything that descends from it. */
function familyOf(pid: string): Process[] {
  const all = processes();
  const family = all.filter((entry) => entry.pid === pid);
  for (const member of family) family.push(...all.filter((entry) => entry.parent === member.pid));
  return family;
}

const mentions = (text: string): string[] =>
  processes()
    .map(({ pid }) => pid)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(text));

const interfaces = (): string[] =>
  read("/proc/net/dev")
    .split("\n")
    .slice(2)
    .flatMap((line) => line.split(":")[0]?.trim() || []);
/** The lab's own, in all hierarchies; another lab may run beside it. */
const controlGroups = (name: string): string[] =>
  ["", "systemd", "unified"]
    .map((hierarchy) => join("/sys/fs/cgroup", hierarchy, controlGroup(runFolder(PROJECT, name))))
    .filter((folder) => existsSync(folder));
const mounts = (): string[] => read("/proc/mounts").trim().split("\n");

/** Starts a lab in a process of its own; resolves with that process and the lab's outermost process. */
async function startLab({
  name,
  planFile,
  boot,
}: Doomed): Promise<{ starter: ChildProcess; outermost: string }> {
  const loader = join(PROJECT, "node_modules/tsx/dist/loader.mjs");
  const program = join(__dirname, "programs/start-lab.ts");
  const args = [
    "--import",
    loader,
    program,
    PROJECT,
    name,
    planFile,
    ...(boot ? [JSON.stringify(boot)] : []),
  ];
  const starter = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const outermost = await new Promise<string>((resolve, reject) => {
    onLines(starter.stdout, resolve);
    starter.once("close", (code) => reject(new Error(`the starter ended with code ${code}`)));
  });
  return { starter, outermost };
}

/** Starts a lab, ends it by `kill`, and expects that no process, interface, mount or control group stays. */
export async function nothingStaysAfter(
  doomed: Doomed,
  kill: (starter: ChildProcess, outermost: string) => void,
): Promise<void> {
  const { name } = doomed;
  const before = { interfaces: interfaces(), mounts: mounts() };
  const { starter, outermost } = await startLab(doomed);
  try {
    const family = familyOf(outermost);
    // Shell and daemon, and for each of five machines (three servers, backend, internet) its init and what runs in it.
    expect(family.length).toBeGreaterThan(12);
    expect(mentions(name).length).toBeGreaterThan(1);
    expect({ interfaces: interfaces(), mounts: mounts() }).toEqual(before);
    expect(controlGroups(name).length > 0).toBe(doomed.boot !== undefined);
    kill(starter, outermost);
    const alive = () => {
      const now = new Set(processes().map(({ pid, started }) => `${pid}/${started}`));
      return family.filter(({ pid, started }) => now.has(`${pid}/${started}`));
    };
    await eventually(() => (alive().length === 0 ? true : undefined), "every process of the lab to be gone");
    starter.kill("SIGKILL");
    await ended(starter);
    expect(mentions(name)).toEqual([]);
    await eventually(
      () => (controlGroups(name).length === 0 ? true : undefined),
      "the lab's control groups to be gone",
    );
    expect({ interfaces: interfaces(), mounts: mounts() }).toEqual(before);
  } finally {
    starter.kill("SIGKILL");
    rmSync(runFolder(PROJECT, name), { recursive: true, force: true });
  }
}
