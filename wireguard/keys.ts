import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";

/** A WireGuard key pair; both halves are 32 bytes in base64, 44 characters, as `wg genkey` and `wg pubkey` print them. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Length of a key in bytes (Curve25519, RFC 7748; preshared keys are as long). */
const KEY_BYTES = 32;

/** Thirty-two zero bytes: `wg` reads this as "no key", so it can clear a preshared key but never be a peer. */
export const ZERO_KEY = Buffer.alloc(KEY_BYTES).toString("base64");

// node:crypto takes keys as DER only; these are the fixed headers for X25519 (RFC 8410 section 7).
const PKCS8_HEADER = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_HEADER_BYTES = 12;

/** Whether the text is the canonical base64 of 32 bytes, the only form that `wg` takes. */
export function isKey(text: string): boolean {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return false;
  return Buffer.from(text, "base64").toString("base64") === text;
}

/**
 * The points of small order on Curve25519 and its twist (orders 1, 2, 4 and 8). A table, because this is asked for every client that
 * is read, and the test lets node:crypto confirm each of them.
 */
const LOW_ORDER_POINTS: ReadonlySet<string> = new Set([
  `00${"00".repeat(31)}`,
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
]);

/** What a key that a peer can be known by is, for messages. */
export const UNUSABLE_PUBLIC_KEY =
  "32 bytes in base64, not a low-order point, in the one spelling that `wg pubkey` prints";

/**
 * Whether the text is a key that a peer can be known by. Low-order points (all zero among them) make every shared secret
 * zero (RFC 7748 section 6.1), so nobody who uses one can complete a handshake, and accepting one hides a mistake. Other
 * spellings of a point (RFC 7748 section 5 ignores the highest bit and reads numbers from p on modulo p) would let one key be two
 * clients, or a client the servers; no tool prints them.
 */
export function isUsablePublicKey(text: string): boolean {
  if (!isKey(text)) return false;
  const bytes = Buffer.from(text, "base64");
  return isReduced(bytes) && !LOW_ORDER_POINTS.has(bytes.toString("hex"));
}

/** Whether 32 bytes, the lowest first, are a number below p = 2^255 - 19. */
function isReduced(bytes: Buffer): boolean {
  const highest = bytes.readUInt8(31);
  if (highest !== 0x7f) return highest < 0x7f;
  return bytes.readUInt8(0) < 0xed || bytes.subarray(1, 31).some((byte) => byte !== 0xff);
}

/** The public key of a private key: what `wg pubkey` prints. Throws a TypeError that does not repeat the key. */
export function publicKeyOf(privateKey: string): string {
  if (!isKey(privateKey)) throw new TypeError("a private key is 32 bytes in base64 (44 characters)");
  const der = createPublicKey(privateKeyObject(Buffer.from(privateKey, "base64"))).export({
    type: "spki",
    format: "der",
  });
  return der.subarray(SPKI_HEADER_BYTES).toString("base64");
}

/** A new key pair, clamped as `wg genkey` does it. */
export function generateKeyPair(): KeyPair {
  const bytes = randomBytes(KEY_BYTES);
  // RFC 7748 section 5: clear the three low bits and the highest one, set the second highest.
  bytes.writeUInt8(bytes.readUInt8(0) & 0xf8, 0);
  bytes.writeUInt8((bytes.readUInt8(31) & 0x7f) | 0x40, 31);
  const privateKey = bytes.toString("base64");
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** A new preshared key: 32 random bytes, what `wg genpsk` prints. */
export function generatePresharedKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}

function privateKeyObject(bytes: Buffer) {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, bytes]), format: "der", type: "pkcs8" });
}
