/**
 * The listener's hash, computed as nftables' `jhash` does, to know beforehand which target a new flow would go to.
 * The kernel's own choice is what counts; whoever asks here checks it in the flow table afterwards.
 */
import { Address4 } from "ip-address";

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** The key `ip saddr . udp sport . ip daddr` as nftables lays it out: registers of 4 bytes, the port padded behind. */
function hashKey(client: string, port: number, via: string): Buffer {
  const key = Buffer.alloc(12);
  key.writeUInt32BE(Number(new Address4(client).bigInt()), 0);
  key.writeUInt16BE(port, 4);
  key.writeUInt32BE(Number(new Address4(via).bigInt()), 8);
  return key;
}

/** Bob Jenkins' lookup3 over 12 bytes, as in the kernel's include/linux/jhash.h, on a little-endian machine. */
function jhash12(key: Buffer, seed: number): number {
  const start = (0xdeadbeef + key.length + seed) | 0;
  let [a, b, c] = [0, 4, 8].map((at) => (start + key.readUInt32LE(at)) | 0) as [number, number, number];
  const mix = (x: number, y: number, bits: number): number => ((x ^ y) - rotate(y, bits)) | 0;
  c = mix(c, b, 14);
  a = mix(a, c, 11);
  b = mix(b, a, 25);
  c = mix(c, b, 16);
  a = mix(a, c, 4);
  b = mix(b, a, 14);
  c = mix(c, b, 24);
  return c >>> 0;
}

/** Index of the target, of so many, that a flow from this address and port to this frontend goes to. */
export function targetIndex(
  client: string,
  port: number,
  via: string,
  targets: number,
  seed: number,
): number {
  // The kernel scales instead of dividing: reciprocal_scale() in include/linux/kernel.h.
  return Number((BigInt(jhash12(hashKey(client, port, via), seed)) * BigInt(targets)) >> 32n);
}
