// Keyed BLAKE2s with 16 bytes of output, WireGuard's MAC; node:crypto has the hash without a key only.
// https://www.rfc-editor.org/rfc/rfc7693, sections 2.6, 2.7 and 3.

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
/** Which words a step mixes: the columns, then the diagonals. */
const STEPS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const BLOCK = 64;

const rotate = (word: number, by: number) => (word >>> by) | (word << (32 - by));

/** A block into the state. */
function compress(state: Uint32Array, block: Buffer, count: number, last: boolean): void {
  const word = (at: number) => block.readUInt32LE(4 * at);
  const v = new Uint32Array([...state, ...IV]);
  const at = (i: number) => v[i] ?? 0;
  v[12] = at(12) ^ count;
  if (last) v[14] = ~at(14);
  for (const order of SIGMA) {
    for (const [step, [a, b, c, d]] of STEPS.entries()) {
      for (const [half, [first, second]] of [
        [16, 12],
        [8, 7],
      ].entries()) {
        v[a] = at(a) + at(b) + word(order[2 * step + half] ?? 0);
        v[d] = rotate(at(d) ^ at(a), first ?? 0);
        v[c] = at(c) + at(d);
        v[b] = rotate(at(b) ^ at(c), second ?? 0);
      }
    }
  }
  for (let i = 0; i < 8; i++) state[i] = (state[i] ?? 0) ^ at(i) ^ at(i + 8);
}

/** The MAC of a message below 4 GiB. */
export function blake2sMac(key: Buffer, message: Buffer): Buffer {
  const state = new Uint32Array(IV);
  state[0] = (state[0] ?? 0) ^ 0x01010000 ^ (key.length << 8) ^ 16;
  const padded = Buffer.concat([key, Buffer.alloc(BLOCK - key.length), message]);
  for (let from = 0; from < padded.length; from += BLOCK) {
    const block = Buffer.alloc(BLOCK);
    padded.copy(block, 0, from, from + BLOCK);
    const end = Math.min(from + BLOCK, padded.length);
    compress(state, block, end, end === padded.length);
  }
  return Buffer.from(state.buffer, 0, 16);
}
