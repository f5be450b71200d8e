/** The servers that the benchmark of the mesh plays: names, addresses, and which of them holds which client. */

/** Network namespace in the measured server's machine in which the others live, and the address of the way there. */
export const PLAYERS = { namespace: "players", here: "10.0.240.1", prefixLength: 20 } as const;
/** More do not fit into one octet; a cluster of so many servers has other worries. */
export const MOST_OTHERS = 200;

/** One of them. */
export interface Other {
  readonly instance: string;
  readonly address: string;
}

/** So many other servers. */
export function others(count: number): Other[] {
  return Array.from({ length: count }, (_, index) => ({
    instance: `i-other${String(index).padStart(3, "0")}`,
    address: `10.0.241.${index + 1}`,
  }));
}

/** Which of them holds the n-th client at first. */
export const holderOf = (client: number, count: number): number => client % count;
