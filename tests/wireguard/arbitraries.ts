import fc from "fast-check";
import type { PeerSpec } from "../../wireguard/diff";

/** Thirty-two arbitrary bytes in base64: good for preshared keys and for peers of the pure diff. */
export const anyKey = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("base64"));

/** A small pool, so that keys and addresses often meet each other. */
const POOL = Array.from({ length: 6 }, (_, i) => Buffer.alloc(32, i + 1).toString("base64"));
const IPS = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32", "10.0.1.0/24", "fd00::1/128", "fd00:1::/64"];

/** Peers as a registry or a kernel may hold them: distinct keys, every range owned once. */
export const peerSet: fc.Arbitrary<PeerSpec[]> = fc
  .record({
    keys: fc.subarray(POOL),
    owners: fc.array(fc.nat(), { minLength: IPS.length, maxLength: IPS.length }),
    preshared: fc.array(fc.option(fc.constantFrom(...POOL), { nil: undefined }), {
      minLength: 6,
      maxLength: 6,
    }),
  })
  .map(({ keys, owners, preshared }) =>
    keys.map((publicKey, index) => ({
      publicKey,
      presharedKey: preshared[index],
      // One owner too many: some ranges belong to nobody.
      allowedIps: IPS.filter((_, ip) => (owners[ip] ?? 0) % (keys.length + 1) === index),
    })),
  );

/** Peers in a form that can be compared. */
export function canonical(peers: Iterable<PeerSpec>): unknown {
  return [...peers]
    .map((peer) => ({
      publicKey: peer.publicKey,
      presharedKey: peer.presharedKey ?? null,
      allowedIps: [...peer.allowedIps].sort(),
    }))
    .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
}
