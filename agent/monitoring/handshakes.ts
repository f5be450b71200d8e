import type { Peer } from "../../wireguard/dump";

/**
 * Counts handshakes of clients by what the interface says of each peer's last one. Two of one client between two looks (they are
 * seconds apart, WireGuard's handshakes of a session two minutes) count as one.
 */
export class HandshakeCounter {
  private seen: ReadonlyMap<string, number> | undefined;
  private count = 0;

  /** @param probeKey the probe's peer, which is no client */
  constructor(private readonly probeKey: string) {}

  /** Handshakes since the first look. */
  get total(): number {
    return this.count;
  }

  observe(peers: readonly Peer[]): void {
    const now = new Map<string, number>();
    for (const { publicKey, latestHandshake } of peers) {
      if (publicKey === this.probeKey) continue;
      now.set(publicKey, latestHandshake);
      if (this.seen !== undefined && latestHandshake > (this.seen.get(publicKey) ?? 0)) this.count++;
    }
    this.seen = now;
  }
}
