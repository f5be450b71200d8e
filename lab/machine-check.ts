/** Whether this machine can run a lab: facts are gathered in one place and judged by a pure function. */
import { accessSync, constants, existsSync } from "node:fs";
import { UserError } from "../config/errors";
import { attempt } from "./process";

/** The namespaces of a lab, as arguments of unshare(1). */
export const NAMESPACES = [
  "--user",
  "--map-root-user",
  "--net",
  "--mount",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
] as const;

/** Those of them that let somebody run a lab who is not root. */
export const USER_NAMESPACE: readonly string[] = ["--user", "--map-root-user"];

const TUN = "/dev/net/tun";

/** Kernel settings that forbid user namespaces, each with what allows them; the first one that exists is the likely cause. */
const SETTINGS: Readonly<Record<string, string>> = {
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns":
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  "/proc/sys/kernel/unprivileged_userns_clone": "sysctl -w kernel.unprivileged_userns_clone=1",
  "/proc/sys/user/max_user_namespaces": "sysctl -w user.max_user_namespaces=15000",
};

/** What decides whether a lab can run here. */
export interface MachineFacts {
  readonly platform: NodeJS.Platform;
  /** Who runs this: a user's name, or `root`. */
  readonly user: string;
  /** Why namespaces cannot be made; undefined when they can. */
  readonly namespaceError: string | undefined;
  /** Files of kernel settings that exist here. */
  readonly settings: readonly string[];
  readonly kernelWireGuard: boolean;
  readonly tun: "usable" | "missing" | "forbidden";
}

/** What keeps this machine from running a lab and how to mend it; undefined when nothing does. */
export function machineProblem(facts: MachineFacts): string | undefined {
  if (facts.platform !== "linux") return `the lab needs Linux (namespaces); this is ${facts.platform}`;
  if (facts.namespaceError !== undefined) return namespaceHelp(facts, facts.namespaceError);
  if (facts.kernelWireGuard || facts.tun === "usable") return undefined;
  if (facts.tun === "missing") {
    return (
      `this kernel has no WireGuard and there is no ${TUN} for wireguard-go; make one with: ` +
      `sudo modprobe tun || (sudo mkdir -p /dev/net && sudo mknod -m 666 ${TUN} c 10 200)`
    );
  }
  return (
    `${TUN} may not be opened by user ${facts.user}; distributions allow it to everyone. ` +
    `Do the same with 'sudo chmod 666 ${TUN}', or run the lab as root: sudo ./wgc demo`
  );
}

function namespaceHelp(facts: MachineFacts, reason: string): string {
  const problem = `this machine does not let user ${facts.user} make namespaces (${reason})`;
  if (facts.user === "root") {
    return `${problem}; a container needs --privileged for it, elsewhere see 'sysctl user.max_user_namespaces'`;
  }
  const cause = Object.keys(SETTINGS).find((file) => facts.settings.includes(file));
  const command = SETTINGS[cause ?? "/proc/sys/user/max_user_namespaces"];
  return `${problem}; allow it with 'sudo ${command}', or run the lab as root: sudo ./wgc demo`;
}

async function namespaceError(): Promise<string | undefined> {
  try {
    const { code, stderr } = await attempt(["unshare", ...NAMESPACES, "true"]);
    return code === 0 ? undefined : stderr.trim() || `unshare ended with code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function tunState(): MachineFacts["tun"] {
  if (!existsSync(TUN)) return "missing";
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
    return "usable";
  } catch {
    return "forbidden";
  }
}

/** Looks at this machine; nothing of what is tried stays. */
export async function machineFacts(): Promise<MachineFacts> {
  const failed = process.platform === "linux" ? await namespaceError() : undefined;
  const device = ["ip", "link", "add", "wgc-probe", "type", "wireguard"];
  const probe = failed === undefined ? await attempt(["unshare", ...NAMESPACES, ...device]) : undefined;
  const uid = process.getuid?.();
  return {
    platform: process.platform,
    user: uid === 0 ? "root" : (process.env["USER"] ?? String(uid)),
    namespaceError: failed,
    settings: Object.keys(SETTINGS).filter((file) => existsSync(file)),
    kernelWireGuard: probe?.code === 0,
    tun: tunState(),
  };
}

/**
 * Checks that this machine can run a lab.
 *
 * @throws UserError that names what is missing and the command that mends it.
 */
export async function checkMachine(): Promise<void> {
  const problem = machineProblem(await machineFacts());
  if (problem !== undefined) throw new UserError(problem);
}
