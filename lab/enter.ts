/**
 * Starting a lab from outside: checks what this machine allows, makes the run folder, and enters new user, network,
 * mount and process namespaces with the daemon in them. An ordinary user may do this; the kernel takes everything back
 * when the first process in there ends, however it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../config/errors";
import type { Plan } from "../plan";
import { errorCode } from "../registry/errors";
import { controlGroup, startTidier } from "./boot/control-group";
import type { DaemonOptions } from "./daemon";
import { NAMESPACES, USER_NAMESPACE } from "./machine-check";
import { ended, onLines, type RunOptions, run } from "./process";
import { RpcClient } from "./rpc";

/** What a started lab is: the connection to it, and the way to end it. */
export interface RunningLab {
  client: RpcClient;
  /** Process on the host's side; the lab ends when its input closes or it is killed. */
  process: ChildProcess;
  /** Runs a program where the load balancer and the shared folders are: in the lab's own namespaces, outside of all machines. */
  inside(command: readonly string[], options?: RunOptions): Promise<string>;
  end(): Promise<void>;
}

/** Folder of a named lab, below the checkout's .wgc/. */
export function runFolder(project: string, name: string): string {
  return join(project, ".wgc", "lab", name);
}

/**
 * Makes the run folder, owned by this process. The folder appears with its owner in it at once (by rename), so of two
 * that start a lab of one name only one gets it.
 */
function claimRunFolder(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const mine = mkdtempSync(`${folder}.`);
  writeFileSync(join(mine, "owner"), String(process.pid));
  try {
    if (existsSync(folder) && !isOwned(folder)) rmSync(folder, { recursive: true });
    renameSync(mine, folder);
  } catch (error) {
    rmSync(mine, { recursive: true });
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    throw new UserError(
      "a lab is running already; see it with './wgc lab status', end it with './wgc lab down'",
    );
  }
}

/** Whether the process that the folder belongs to lives: the one that starts the lab, then the lab itself. */
function isOwned(folder: string): boolean {
  const owner = join(folder, "owner");
  return existsSync(owner) && existsSync(`/proc/${readFileSync(owner, "utf8")}`);
}

/** Removes the run folder of a lab that has ended, unless its daemon complained of something. */
export function tidyRunFolder(folder: string): void {
  if (statSync(join(folder, "daemon.log")).size === 0) rmSync(folder, { recursive: true });
}

/**
 * Starts a lab from a resolved plan; resolves when its control socket answers. Its servers are not booted yet: call `up`.
 */
export async function enterLab(name: string, plan: Plan, options: DaemonOptions): Promise<RunningLab> {
  const folder = runFolder(options.project, name);
  claimRunFolder(folder);
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
  writeFileSync(join(folder, "options.json"), JSON.stringify(options));
  const log = openSync(join(folder, "daemon.log"), "a");
  const node = [process.execPath, "--import", join(options.project, "node_modules/tsx/dist/loader.mjs")];
  // The shell stays as the namespace's first process, because that one must reap orphans; Node.js does not.
  const daemon = [...node, join(options.project, "lab/daemon.ts"), folder];
  // File descriptor 3, because a shell's background commands lose their standard input.
  const shell = ["sh", "-c", 'exec 3<&0; "$@" <&3 3<&- & wait $!', "lab", ...daemon];
  // Booted machines need root's own rights: a device node or a control group belongs to nobody else.
  const namespaces = options.boot ? NAMESPACES.filter((name) => !USER_NAMESPACE.includes(name)) : NAMESPACES;
  const tidier = options.boot && startTidier(controlGroup(folder));
  const child = spawn("unshare", [...namespaces, ...shell], {
    stdio: ["pipe", "pipe", log, "ignore", ...(tidier ? [tidier.pipe] : [])],
    detached: options.detached,
  });
  closeSync(log);
  tidier?.pipe.destroy(); // the lab holds it now
  writeFileSync(join(folder, "owner"), String(child.pid));
  await started(child, folder);
  const client = await RpcClient.connect(join(folder, "socket"));
  const end = async (): Promise<void> => {
    client.close();
    child.kill("SIGKILL");
    await ended(child);
    tidier?.process.ref(); // it may be all that this process still waits for
    if (tidier) await ended(tidier.process);
    tidyRunFolder(folder);
  };
  const inside = (command: readonly string[], more?: RunOptions): Promise<string> => {
    const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    const user = options.boot ? [] : ["--user", "--preserve-credentials"];
    return run(["nsenter", "--target", first, ...user, "--net", "--mount", "--pid", "--", ...command], more);
  };
  return { client, process: child, inside, end };
}

function started(child: ChildProcess, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    onLines(child.stdout as NodeJS.ReadableStream, (line) => {
      if (line === "ready") return resolve();
      const problem = JSON.parse(line) as { error: string; user: boolean; stack?: string };
      const error = problem.user ? new UserError(problem.error) : new Error(problem.error);
      if (problem.stack) error.stack = problem.stack;
      reject(error);
    });
    child.once("error", reject);
    child.once("close", (code) =>
      reject(
        new Error(
          `the lab ended with code ${code} before it was ready; its log: ${join(folder, "daemon.log")}`,
        ),
      ),
    );
  });
}
