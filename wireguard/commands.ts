import type { PeerChange, PeerSpec } from "./diff";
import { ZERO_KEY } from "./keys";

/** One call of the `wg` tool. `stdin`, where present, may hold preshared keys; `args` never holds a secret. */
export interface WgCommand {
  readonly args: readonly string[];
  readonly stdin?: string;
}

/** Peers named as arguments of one call: some 80 bytes each, far below the kernel's limit for one argument list (execve(2), ARG_MAX). */
const PEERS_PER_CALL = 1000;

/**
 * The `wg` calls that carry changes out, in order. All additions and updates of a run go through one `wg addconf`, because
 * a process for each peer would make 10,000 clients take a minute; `addconf` cannot remove, so removals are arguments.
 *
 * INVARIANTS: an address that passes from a peer that goes to another one (a client's new key takes over from the former one)
 * does so within one call, where none of the changes brings a preshared key: in between it would be nobody's.
 */
export function wgCommands(device: string, changes: readonly PeerChange[]): WgCommand[] {
  if (isHandover(changes)) return [{ args: ["set", device, ...changes.flatMap(peerWords)] }];
  const commands: WgCommand[] = [];
  const removals = changes.filter((change) => change.kind === "remove");
  for (let at = 0; at < removals.length; at += PEERS_PER_CALL) {
    const chunk = removals.slice(at, at + PEERS_PER_CALL);
    commands.push({
      args: ["set", device, ...chunk.flatMap(({ publicKey }) => ["peer", publicKey, "remove"])],
    });
  }
  const sections = changes.flatMap((change) => (change.kind === "set" ? [peerSection(change)] : []));
  if (sections.length > 0)
    commands.push({ args: ["addconf", device, "/dev/stdin"], stdin: sections.join("\n") });
  return commands;
}

/** Whether something is taken from peers that go and given to others, and all of it can be said in arguments. */
function isHandover(changes: readonly PeerChange[]): boolean {
  const removes = changes.some(({ kind }) => kind === "remove");
  const sets = changes.filter((change) => change.kind === "set");
  if (!removes || sets.length === 0 || changes.length > PEERS_PER_CALL) return false;
  return sets.every(({ presharedKey }) => presharedKey === undefined);
}

/** A change as arguments of `wg set`, which carries them out in their order (wg(8)). */
function peerWords(change: PeerChange): string[] {
  if (change.kind === "remove") return ["peer", change.publicKey, "remove"];
  return ["peer", change.publicKey, "allowed-ips", change.allowedIps.join(",")];
}

/** One `[Peer]` section. `wg addconf` replaces the allowed IPs of a peer it names and keeps a key that it does not name. */
function peerSection(change: Extract<PeerChange, { kind: "set" }>): string {
  const lines = ["[Peer]", `PublicKey = ${change.publicKey}`];
  if (change.presharedKey !== undefined) lines.push(`PresharedKey = ${change.presharedKey ?? ZERO_KEY}`);
  if (change.allowedIps.length > 0) lines.push(`AllowedIPs = ${change.allowedIps.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

/** A peer that shall begin anew: without a session, and where an endpoint is given, calling it at once. */
export interface RenewedPeer extends PeerSpec {
  /** `address:port`; with it the kernel starts a handshake now, because the keepalive is turned on (wg(8)). */
  readonly endpoint?: string | undefined;
  /** Seconds between keepalives; given together with the endpoint. */
  readonly persistentKeepalive?: number | undefined;
}

/**
 * The calls that take peers away and add them again. The kernel forgets their sessions, endpoints and timers with that, and
 * says nothing to the other side.
 */
export function renewCommands(device: string, peers: readonly RenewedPeer[]): WgCommand[] {
  const removals = peers.map(({ publicKey }): PeerChange => ({ kind: "remove", publicKey }));
  const sections = peers.map(({ endpoint, persistentKeepalive, ...spec }) => {
    const { publicKey, allowedIps, presharedKey } = spec;
    const preshared = presharedKey === undefined ? {} : { presharedKey };
    const lines = [peerSection({ kind: "set", publicKey, allowedIps, ...preshared }).trimEnd()];
    if (endpoint !== undefined) lines.push(`Endpoint = ${endpoint}`);
    if (persistentKeepalive !== undefined) lines.push(`PersistentKeepalive = ${persistentKeepalive}`);
    return `${lines.join("\n")}\n`;
  });
  if (peers.length === 0) return [];
  return [
    ...wgCommands(device, removals),
    { args: ["addconf", device, "/dev/stdin"], stdin: sections.join("\n") },
  ];
}

/** The calls that set the keepalive of peers that exist (`0` is off); a peer that is gone meanwhile would be created by this. */
export function keepaliveCommands(
  device: string,
  publicKeys: readonly string[],
  seconds: number,
): WgCommand[] {
  const commands: WgCommand[] = [];
  for (let at = 0; at < publicKeys.length; at += PEERS_PER_CALL) {
    const chunk = publicKeys.slice(at, at + PEERS_PER_CALL);
    const words = chunk.flatMap((key) => ["peer", key, "persistent-keepalive", String(seconds)]);
    commands.push({ args: ["set", device, ...words] });
  }
  return commands;
}
