import type { Peer } from "../../wireguard/dump";

/**
 * At which of the two interfaces each client is: where its newest handshake was. Pure.
 *
 * The kernel tells of handshakes in whole seconds. Of two in one second the one with the next key counts: clients go over to that
 * key; one that goes back within the second is found at its next handshake.
 */
export class Whereabouts {
  private current = new Map<string, number>();
  private next = new Map<string, number>();

  /** The peers as one of the interfaces has them; returns whether some client is elsewhere than before. */
  see(where: "current" | "next", peers: readonly Peer[]): boolean {
    const before = this.moved;
    this[where] = new Map(
      peers.flatMap(({ publicKey, latestHandshake }) =>
        latestHandshake > 0 ? [[publicKey, latestHandshake] as const] : [],
      ),
    );
    this.moved = new Set(
      [...this.next].flatMap(([publicKey, at]) =>
        at >= (this.current.get(publicKey) ?? 0) ? publicKey : [],
      ),
    );
    return before.size !== this.moved.size || [...before].some((publicKey) => !this.moved.has(publicKey));
  }

  /** Public keys of the clients that are at the next key's interface. */
  moved: ReadonlySet<string> = new Set();
}
