import { diffPeers, diffPeersInTurns } from "../../wireguard/diff";
import { parseDump, parseDumpInTurns } from "../../wireguard/dump";
import { TURN } from "../../wireguard/turns";

const COUNT = 3 * TURN + 17;
const key = (number: number): string => Buffer.alloc(32, `key ${number} `).toString("base64");
const address = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}/32`;
const peers = Array.from({ length: COUNT }, (_, number) => ({
  publicKey: key(number),
  presharedKey: undefined,
  allowedIps: [address(number)],
}));
const dump = [
  `(none)\t${key(COUNT)}\t51820\toff`,
  ...peers.map(({ publicKey, allowedIps }) => `${publicKey}\t(none)\t(none)\t${allowedIps}\t0\t0\t0\toff`),
].join("\n");

/** What something gives, and how often others had their turn before. */
async function beside<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
  let [turns, over] = [0, false];
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const result = await work.finally(() => {
    over = true;
  });
  return { result, turns };
}

test("a long dump is parsed in turns, to the same", async () => {
  const { result, turns } = await beside(parseDumpInTurns(dump));
  expect(result).toEqual(parseDump(dump));
  expect(result.peers).toHaveLength(COUNT);
  expect(turns).toBeGreaterThanOrEqual(2);
});

test("many peers are compared in turns, to the same", async () => {
  const observed = peers.slice(5).concat({ ...(peers[0] as (typeof peers)[0]), publicKey: key(COUNT + 1) });
  const { result, turns } = await beside(diffPeersInTurns(peers, observed));
  expect(result).toEqual(diffPeers(peers, observed));
  expect(result).toHaveLength(6);
  expect(turns).toBeGreaterThanOrEqual(5);
});

test("what is wrong with a line far down is told", async () => {
  await expect(parseDumpInTurns(`${dump}\nx`)).rejects.toThrow(
    `wg dump line ${COUNT + 2} has 1 fields, expected 8`,
  );
});
