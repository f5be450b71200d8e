import type { PeerChange } from "./diff";
import { ZERO_KEY } from "./keys";

/** One call of the `wg` tool. `stdin`, where present, may hold preshared keys; `args` never holds a secret. */
export interface WgCommand {
  readonly args: readonly string[];
  readonly stdin?: string;
}

/** Removals for each call: 57 bytes each, far below the kernel's limit for one argument list (execve(2), ARG_MAX). */
const REMOVALS_PER_CALL = 1000;

/**
 * The `wg` calls that carry changes out, in order. All additions and updates of a run go through one `wg addconf`, because
 * a process for each peer would make 10,000 clients take a minute; `addconf` cannot remove, so removals are arguments.
 */
export function wgCommands(device: string, changes: readonly PeerChange[]): WgCommand[] {
  const commands: WgCommand[] = [];
  const removals = changes.filter((change) => change.kind === "remove");
  for (let at = 0; at < removals.length; at += REMOVALS_PER_CALL) {
    const chunk = removals.slice(at, at + REMOVALS_PER_CALL);
    commands.push({
      args: ["set", device, ...chunk.flatMap(({ publicKey }) => ["peer", publicKey, "remove"])],
    });
  }
  const sections = changes.flatMap((change) => (change.kind === "set" ? [peerSection(change)] : []));
  if (sections.length > 0)
    commands.push({ args: ["addconf", device, "/dev/stdin"], stdin: sections.join("\n") });
  return commands;
}

/** One `[Peer]` section. `wg addconf` replaces the allowed IPs of a peer it names and keeps a key that it does not name. */
function peerSection(change: Extract<PeerChange, { kind: "set" }>): string {
  const lines = ["[Peer]", `PublicKey = ${change.publicKey}`];
  if (change.presharedKey !== undefined) lines.push(`PresharedKey = ${change.presharedKey ?? ZERO_KEY}`);
  if (change.allowedIps.length > 0) lines.push(`AllowedIPs = ${change.allowedIps.join(", ")}`);
  return `${lines.join("\n")}\n`;
}
