// A WireGuard initiator in user space, without a preshared key: for asking a server from a machine where nothing may be set up, and
// for tests that give a handshake any timestamp. Follows https://www.wireguard.com/papers/wireguard.pdf, section 5.4.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from "node:crypto";

const hash = (...parts: Buffer[]) => createHash("blake2s256").update(Buffer.concat(parts)).digest();
const hmac = (key: Buffer, ...parts: Buffer[]) =>
  createHmac("blake2s256", key).update(Buffer.concat(parts)).digest();
const CONSTRUCTION = Buffer.from("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s");
const IDENTIFIER = Buffer.from("WireGuard v1 zx2c4 Jason@zx2c4.com");
const LABEL_MAC1 = Buffer.from("mac1----");
const NO_NONCE = Buffer.alloc(12);
const EMPTY = Buffer.alloc(0);

/** `count` keys from one (section 5.4, KDF). */
function derive(key: Buffer, input: Buffer, count: number): Buffer[] {
  const secret = hmac(key, input);
  const keys: Buffer[] = [];
  for (let i = 1; i <= count; i++) keys.push(hmac(secret, keys.at(-1) ?? EMPTY, Buffer.from([i])));
  return keys;
}

function seal(key: Buffer, plain: Buffer, additional: Buffer): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, NO_NONCE, { authTagLength: 16 });
  cipher.setAAD(additional, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, sealed: Buffer, additional: Buffer): Buffer {
  const decipher = createDecipheriv("chacha20-poly1305", key, NO_NONCE, { authTagLength: 16 });
  decipher.setAAD(additional, { plaintextLength: sealed.length - 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const privateKeyOf = (raw: Buffer) =>
  createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });
const publicKeyOf = (raw: Buffer) =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
const rawOf = (key: ReturnType<typeof createPublicKey>) =>
  key.export({ format: "der", type: "spki" }).subarray(-32);
const dh = (own: ReturnType<typeof createPrivateKey>, their: Buffer) =>
  diffieHellman({ privateKey: own, publicKey: publicKeyOf(their) });

/** TAI64N (https://cr.yp.to/libtai/tai64.html): seconds since 1970 plus 2^62 and ten, then nanoseconds. */
function timestamp(ms: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE((1n << 62n) + 10n + BigInt(Math.floor(ms / 1000)));
  bytes.writeUInt32BE((ms % 1000) * 1_000_000, 8);
  return bytes;
}

/** A handshake that was begun: its first message, and what finishes it. */
export interface Handshake {
  readonly initiation: Buffer;
  /** Takes the answer; returns the first packet of the session, an empty one, which confirms it. */
  finish(answer: Buffer): Buffer;
}

/** Begins a handshake with a peer, as of a time. `mac` is keyed BLAKE2s with 16 bytes of output. */
export function begin(
  what: { readonly privateKey: Buffer; readonly peer: Buffer; readonly index: number; readonly at: number },
  mac: (key: Buffer, message: Buffer) => Buffer,
): Handshake {
  const own = privateKeyOf(what.privateKey);
  const ephemeral = generateKeyPairSync("x25519");
  const ephemeralPublic = rawOf(ephemeral.publicKey);
  let chain: Buffer = hash(CONSTRUCTION);
  let digest: Buffer = hash(hash(chain, IDENTIFIER), what.peer);
  const mix = (part: Buffer) => {
    digest = hash(digest, part);
    return part;
  };
  const turn = (input: Buffer, count: 1 | 2): Buffer => {
    const [next = EMPTY, key = EMPTY] = derive(chain, input, count);
    chain = next;
    return key;
  };
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32LE(what.index, 4);
  turn(ephemeralPublic, 1);
  mix(ephemeralPublic);
  const sealedStatic = mix(
    seal(turn(dh(ephemeral.privateKey, what.peer), 2), rawOf(createPublicKey(own)), digest),
  );
  const sealedTime = mix(seal(turn(dh(own, what.peer), 2), timestamp(what.at), digest));
  const message = Buffer.concat([header, ephemeralPublic, sealedStatic, sealedTime]);
  const initiation = Buffer.concat([message, mac(hash(LABEL_MAC1, what.peer), message), Buffer.alloc(16)]);
  return {
    initiation,
    finish(answer) {
      const their = answer.subarray(12, 44);
      mix(their);
      turn(their, 1);
      turn(dh(ephemeral.privateKey, their), 1);
      turn(dh(own, their), 1);
      const [next = EMPTY, temporary = EMPTY, key = EMPTY] = derive(chain, Buffer.alloc(32), 3);
      chain = next;
      mix(temporary);
      open(key, answer.subarray(44, 60), digest); // throws unless the peer means us
      const [sending = EMPTY] = derive(chain, EMPTY, 2);
      const packet = Buffer.alloc(16);
      packet[0] = 4;
      answer.copy(packet, 4, 4, 8);
      return Buffer.concat([packet, seal(sending, EMPTY, EMPTY)]);
    },
  };
}
