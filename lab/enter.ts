/**
 * Starting a lab from outside: checks what this machine allows, makes the run folder, and enters new user, network,
 * mount and process namespaces with the daemon in them. An ordinary user may do this; the kernel takes everything back
 * when the first process in there ends, however it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import type { Plan } from "../plan";
import type { DaemonOptions } from "./daemon";
import { attempt, ended, onLines } from "./process";
import { RpcClient } from "./rpc";

const NAMESPACES = [
  "--user",
  "--map-root-user",
  "--net",
  "--mount",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
];

/** What a started lab is: the connection to it, and the way to end it. */
export interface RunningLab {
  client: RpcClient;
  /** Process on the host's side; the lab ends when its input closes or it is killed. */
  process: ChildProcess;
  end(): Promise<void>;
}

/**
 * Checks that this machine can run a lab.
 *
 * @throws UserError that names what is missing and the command that mends it.
 */
export async function checkMachine(): Promise<void> {
  if (process.platform !== "linux")
    throw new UserError(`the lab needs Linux (namespaces); this is ${process.platform}`);
  const probe = await attempt([
    "unshare",
    ...NAMESPACES,
    "ip",
    "link",
    "add",
    "wgc-probe",
    "type",
    "wireguard",
  ]);
  if (
    /unshare|unshare failed|Operation not permitted.*unshare|cannot open \/proc\/self\/(uid_map|setgroups)/i.test(
      probe.stderr,
    )
  ) {
    throw new UserError(namespaceHelp(probe.stderr.trim()));
  }
  const kernelWireGuard = probe.code === 0;
  if (!kernelWireGuard) checkTun();
}

function namespaceHelp(reason: string): string {
  const settings = [
    [
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
      "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ],
    ["/proc/sys/kernel/unprivileged_userns_clone", "sysctl -w kernel.unprivileged_userns_clone=1"],
    ["/proc/sys/user/max_user_namespaces", "sysctl -w user.max_user_namespaces=15000"],
  ] as const;
  const command =
    settings.find(([file]) => existsSync(file))?.[1] ?? "sysctl -w user.max_user_namespaces=15000";
  return (
    `this machine does not let user ${process.env["USER"] ?? process.getuid?.()} make namespaces (${reason}); ` +
    `allow it with 'sudo ${command}', or run the lab as root: sudo ./wgc demo`
  );
}

function checkTun(): void {
  const device = "/dev/net/tun";
  if (!existsSync(device)) {
    throw new UserError(
      `this kernel has no WireGuard and there is no ${device} for wireguard-go; make one with: ` +
        "sudo modprobe tun || (sudo mkdir -p /dev/net && sudo mknod -m 666 /dev/net/tun c 10 200)",
    );
  }
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch {
    throw new UserError(
      `${device} may not be opened by user ${process.env["USER"] ?? process.getuid?.()}; distributions allow it to everyone. ` +
        `Do the same with 'sudo chmod 666 ${device}', or run the lab as root: sudo ./wgc demo`,
    );
  }
}

/** Folder of a named lab, below the checkout's .wgc/. */
export function runFolder(project: string, name: string): string {
  return join(project, ".wgc", "lab", name);
}

/**
 * Starts a lab from a resolved plan; resolves when its control socket answers. Its servers are not booted yet: call `up`.
 */
export async function enterLab(name: string, plan: Plan, options: DaemonOptions): Promise<RunningLab> {
  await checkMachine();
  const folder = runFolder(options.project, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
  writeFileSync(join(folder, "options.json"), JSON.stringify(options));
  const log = openSync(join(folder, "daemon.log"), "a");
  const node = [process.execPath, "--import", join(options.project, "node_modules/tsx/dist/loader.mjs")];
  // The shell stays as the namespace's first process, because that one must reap orphans; Node.js does not.
  const daemon = [...node, join(options.project, "lab/daemon.ts"), folder];
  // File descriptor 3, because a shell's background commands lose their standard input.
  const shell = ["sh", "-c", 'exec 3<&0; "$@" <&3 3<&- & wait $!', "lab", ...daemon];
  const child = spawn("unshare", [...NAMESPACES, ...shell], {
    stdio: ["pipe", "pipe", log],
    detached: options.detached,
  });
  closeSync(log);
  await started(child, folder);
  writeFileSync(join(folder, "pid"), `${child.pid}\n`);
  const client = await RpcClient.connect(join(folder, "socket"));
  const end = async (): Promise<void> => {
    client.close();
    child.kill("SIGKILL");
    await ended(child);
  };
  return { client, process: child, end };
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
