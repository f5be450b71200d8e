/** What a result was measured on: numbers mean nothing without it. */
import { cpus, release, totalmem } from "node:os";
import { VERSION } from "../agent/version";
import { attempt } from "../lab/process";

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly kernel: string;
  /** The kernel's WireGuard, or wireguard-go and its version. */
  readonly wireguard: string;
  readonly node: string;
  readonly wgc: string;
}

/** Looks at this machine. @param project the checkout @param wireguard what the lab says that it uses */
export async function machineFacts(project: string, wireguard: string): Promise<MachineFacts> {
  const [first] = cpus();
  return {
    cpu: (first?.model ?? "unknown").trim(),
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    wireguard: wireguard === "wireguard-go" ? await wireguardGo() : wireguard,
    node: process.versions.node,
    wgc: await revision(project),
  };
}

async function wireguardGo(): Promise<string> {
  const { stdout } = await attempt(["wireguard-go", "--version"]).catch(() => ({ stdout: "" }));
  return /^wireguard-go v?(\S+)/.exec(stdout) ? (stdout.split("\n")[0] ?? "").trim() : "wireguard-go";
}

const revisions = new Map<string, Promise<string>>();

/**
 * Version of the program, with the commit where there is one: as it was when this was first asked, which a benchmark does when it
 * begins, since the checkout may move on while it runs.
 */
export function revision(project: string): Promise<string> {
  const known = revisions.get(project) ?? readRevision(project);
  revisions.set(project, known);
  return known;
}

async function readRevision(project: string): Promise<string> {
  const { code, stdout } = await attempt(["git", "-C", project, "rev-parse", "--short", "HEAD"]).catch(
    () => ({ code: 1, stdout: "" }),
  );
  return code === 0 ? `${VERSION} (${stdout.trim()})` : VERSION;
}
