import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";

/** Keys of one old server and four of its clients, new in each run. */
export const server = generateKeyPair();
export const clients = Array.from({ length: 4 }, () => ({
  ...generateKeyPair(),
  presharedKey: generatePresharedKey(),
}));

/** The client of this number. */
export function client(number: number) {
  const found = clients[number];
  if (found === undefined) throw new Error(`there are ${clients.length} clients`);
  return found;
}

/** Every secret that such a file can hold. */
export const secrets: readonly string[] = [server.privateKey, ...clients.map(({ privateKey }) => privateKey)];

export const NOW = new Date("2026-06-01T00:00:00Z");
