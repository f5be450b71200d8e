import { canonicalCidr } from "./addresses";
import { atOnce, inTurns, TURN } from "./turns";

/** What this cluster decides about a peer. Endpoint and keepalive belong to the running session and are never compared. */
export interface PeerSpec {
  readonly publicKey: string;
  readonly presharedKey?: string | undefined;
  readonly allowedIps: readonly string[];
}

/** One step towards the desired peers. */
export type PeerChange =
  | { readonly kind: "remove"; readonly publicKey: string }
  | {
      readonly kind: "set";
      readonly publicKey: string;
      /** The complete list: it replaces what the peer has. */
      readonly allowedIps: readonly string[];
      /** Present only when it changes; null takes the preshared key away. */
      readonly presharedKey?: string | null;
    };

/** Two desired peers that cannot both be true. */
export class PeerConflictError extends Error {
  override readonly name = "PeerConflictError";
}

/**
 * The smallest list of changes that turns the observed peers into the desired ones.
 *
 * INVARIANTS: a peer that is as desired is not mentioned, so its session is not touched. Removals come first, then peers
 * that give addresses up, then peers that only gain: the kernel moves an address to whoever is given it last (wg(8),
 * allowed-ips), so with this order no step ever takes an address from the peer that shall have it.
 */
export function diffPeers(desired: Iterable<PeerSpec>, observed: Iterable<PeerSpec>): PeerChange[] {
  return atOnce(diffing(desired, observed));
}

/** The same, in turns; both lists have to stay as they are meanwhile. */
export function diffPeersInTurns(
  desired: readonly PeerSpec[],
  observed: readonly PeerSpec[],
): Promise<PeerChange[]> {
  return inTurns(diffing(desired, observed));
}

function* diffing(desired: Iterable<PeerSpec>, observed: Iterable<PeerSpec>): Generator<void, PeerChange[]> {
  let done = 0;
  const wanted = new Map<string, PeerSpec>();
  const owners = new Map<string, string>();
  for (const peer of desired) {
    if (++done % TURN === 0) yield;
    if (wanted.has(peer.publicKey))
      throw new PeerConflictError(`public key ${peer.publicKey} is desired twice`);
    const allowedIps = canonicalSet(peer.allowedIps);
    for (const ip of allowedIps) {
      const owner = owners.get(ip);
      if (owner !== undefined)
        throw new PeerConflictError(`${ip} is desired by ${owner} and ${peer.publicKey}`);
      owners.set(ip, peer.publicKey);
    }
    wanted.set(peer.publicKey, { publicKey: peer.publicKey, presharedKey: peer.presharedKey, allowedIps });
  }
  const removals: PeerChange[] = [];
  const shrinking: PeerChange[] = [];
  const growing: PeerChange[] = [];
  for (const peer of observed) {
    if (++done % TURN === 0) yield;
    const want = wanted.get(peer.publicKey);
    if (want === undefined) {
      removals.push({ kind: "remove", publicKey: peer.publicKey });
      continue;
    }
    wanted.delete(peer.publicKey);
    const has = canonicalSet(peer.allowedIps);
    const change = changeOf(want, peer, has);
    if (change === undefined) continue;
    const gives = has.some((ip) => !want.allowedIps.includes(ip));
    (gives ? shrinking : growing).push(change);
  }
  for (const want of wanted.values()) {
    const preshared = want.presharedKey === undefined ? {} : { presharedKey: want.presharedKey };
    growing.push({ kind: "set", publicKey: want.publicKey, allowedIps: want.allowedIps, ...preshared });
  }
  return [...removals, ...shrinking, ...growing];
}

function changeOf(want: PeerSpec, has: PeerSpec, hasIps: readonly string[]): PeerChange | undefined {
  const sameKey = want.presharedKey === has.presharedKey;
  const sameIps =
    want.allowedIps.length === hasIps.length && want.allowedIps.every((ip, i) => ip === hasIps[i]);
  if (sameKey && sameIps) return undefined;
  const preshared = sameKey ? {} : { presharedKey: want.presharedKey ?? null };
  return { kind: "set", publicKey: want.publicKey, allowedIps: want.allowedIps, ...preshared };
}

/**
 * What the kernel holds after the changes: the model of `wg` that the tests compare with the real tool, and what the agent
 * goes on from without asking again. An address that is given to one peer leaves the peer that had it.
 */
export function applyChanges<P extends PeerSpec>(
  changes: readonly PeerChange[],
  observed: ReadonlyMap<string, P>,
): Map<string, P | PeerSpec> {
  const peers = new Map<string, P | PeerSpec>(observed);
  const owners = new Map<string, string>();
  for (const peer of observed.values())
    for (const ip of peer.allowedIps) owners.set(canonicalCidr(ip), peer.publicKey);
  for (const change of changes) {
    const before = peers.get(change.publicKey);
    for (const ip of before?.allowedIps ?? []) owners.delete(canonicalCidr(ip));
    if (change.kind === "remove") {
      peers.delete(change.publicKey);
      continue;
    }
    for (const ip of change.allowedIps) {
      const loser = peers.get(owners.get(ip) ?? "");
      if (loser !== undefined && loser.publicKey !== change.publicKey) {
        peers.set(loser.publicKey, {
          ...loser,
          allowedIps: loser.allowedIps.filter((x) => canonicalCidr(x) !== ip),
        });
      }
      owners.set(ip, change.publicKey);
    }
    const presharedKey =
      change.presharedKey === undefined ? before?.presharedKey : (change.presharedKey ?? undefined);
    peers.set(change.publicKey, {
      ...before,
      publicKey: change.publicKey,
      presharedKey,
      allowedIps: change.allowedIps,
    });
  }
  return peers;
}

function canonicalSet(ranges: readonly string[]): string[] {
  if (ranges.length === 1) return ranges.map(canonicalCidr);
  return [...new Set(ranges.map(canonicalCidr))].sort();
}
