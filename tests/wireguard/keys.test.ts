import { execFileSync } from "node:child_process";
import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import {
  generateKeyPair,
  generatePresharedKey,
  isKey,
  isUsablePublicKey,
  publicKeyOf,
  ZERO_KEY,
} from "../../wireguard/keys";
import { anyKey } from "./arbitraries";

const wg = (args: string[], input?: string) => execFileSync("wg", args, { input, encoding: "utf8" }).trim();

test("public keys are those of `wg pubkey`", () => {
  for (let i = 0; i < 20; i++) {
    const theirs = wg(["genkey"]);
    expect(publicKeyOf(theirs)).toBe(wg(["pubkey"], theirs));
    const ours = generateKeyPair();
    expect(ours.publicKey).toBe(wg(["pubkey"], ours.privateKey));
  }
});

test("public keys of unclamped private keys are those of `wg pubkey` too", () => {
  fc.assert(
    fc.property(anyKey, (key) => publicKeyOf(key) === wg(["pubkey"], key)),
    { numRuns: 20 },
  );
});

test("private keys are clamped as `wg genkey` does it", () => {
  for (let i = 0; i < 50; i++) {
    const bytes = Buffer.from(generateKeyPair().privateKey, "base64");
    expect(bytes.readUInt8(0) & 7).toBe(0);
    expect(bytes.readUInt8(31) & 0xc0).toBe(0x40);
  }
});

test.each([
  ["empty", ""],
  ["31 bytes", Buffer.alloc(31, 1).toString("base64")],
  ["33 bytes", Buffer.alloc(33, 1).toString("base64")],
  ["not canonical (unused bits set)", `${"A".repeat(42)}B=`],
  ["a newline at the end", `${ZERO_KEY}\n`],
  ["URL alphabet", `${"_".repeat(42)}8=`],
])("%s is no key", (_, text) => {
  expect(isKey(text)).toBe(false);
  expect(() => publicKeyOf(text)).toThrow("32 bytes in base64 (44 characters)");
});

// The points of small order on Curve25519 and their non-canonical forms that node:crypto has to see through.
test.each([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
])("low-order point %s is refused", (hex) => {
  const key = Buffer.from(hex, "hex").toString("base64");
  expect(isKey(key)).toBe(true);
  expect(isUsablePublicKey(key)).toBe(false);
  expect(derives(key)).toBe(false);
  const bytes = Buffer.from(hex, "hex");
  bytes.writeUInt8(bytes.readUInt8(31) | 0x80, 31); // the highest bit is ignored, so this is the same point
  expect(isUsablePublicKey(bytes.toString("base64"))).toBe(false);
});

/** Whether node:crypto finds a shared secret with this public key: OpenSSL refuses one that is all zero. */
function derives(key: string): boolean {
  const der = Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), Buffer.from(key, "base64")]);
  const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
  try {
    return diffieHellman({ privateKey: generateKeyPairSync("x25519").privateKey, publicKey }).some(
      (byte) => byte !== 0,
    );
  } catch {
    return false;
  }
}

test("any other key below p is usable, as node:crypto says too", () => {
  const below = anyKey.map((key) => {
    const bytes = Buffer.from(key, "base64");
    bytes.writeUInt8(bytes.readUInt8(31) & 0x7f, 31);
    return bytes.toString("base64");
  });
  fc.assert(fc.property(below, (key) => isUsablePublicKey(key) === derives(key)));
});

const P = 2n ** 255n - 19n;
const spelled = (number: bigint): string =>
  Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse().toString("base64");

test("a second spelling of a point is refused: it would be a second client with the same key", () => {
  const { publicKey } = generateKeyPair();
  const point = BigInt(`0x${Buffer.from(publicKey, "base64").reverse().toString("hex")}`);
  expect([isUsablePublicKey(spelled(point)), isUsablePublicKey(spelled(point + 2n ** 255n))]).toEqual([
    true,
    false,
  ]);
  // node:crypto takes all of them for points.
  for (const second of [P + 9n, P + 18n, P + 2n]) {
    expect([derives(spelled(second)), isUsablePublicKey(spelled(second))]).toEqual([true, false]);
    expect(isUsablePublicKey(spelled(second + 2n ** 255n))).toBe(false);
  }
  for (const first of [9n, 18n, 2n, P - 2n, 2n ** 248n - 1n])
    expect(isUsablePublicKey(spelled(first))).toBe(true);
  expect(isUsablePublicKey("9v///////////////////////////////////////38=")).toBe(false);
});

test("generated keys are usable and preshared keys are keys", () => {
  expect(isUsablePublicKey(generateKeyPair().publicKey)).toBe(true);
  expect(isKey(generatePresharedKey())).toBe(true);
  expect(generatePresharedKey()).not.toBe(generatePresharedKey());
});
