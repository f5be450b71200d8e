/**
 * The kinds of connection-tracking zones that WireGuard's packets are sorted into, so that `conntrack -E -w ZONE` tells of nothing
 * else: our own handshake packets, and transport packets with a receiver index that this server never handed out. Ordinary
 * packets stay in zone 0.
 */
export type Zone = "own" | "stray";

/** Where the packets of one of the server's interfaces are sorted: a table, its zones, and the interface's port. */
export interface Lane {
  /** nftables family and name of the table that belongs to the agent. */
  readonly table: string;
  readonly zones: Readonly<Record<Zone, number>>;
  readonly port: number;
}

/** The interface with the current server key, and the one with the next key while the key is replaced. */
export const LANES = {
  current: { table: "inet wgc_sessions", zones: { own: 51821, stray: 51822 } },
  next: { table: "inet wgc_sessions_next", zones: { own: 51823, stray: 51824 } },
} as const;

/** A handshake packet of ours, or a stray packet: which client address, and which index. */
export interface FlowEvent {
  /** The client's address as `wg` prints it: `192.0.2.1:4500` or `[2001:db8::1]:4500`. */
  readonly endpoint: string;
  readonly index: number;
}

const TUPLE = /\bsrc=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/;
const MARK = /\bmark=(\d+)/;

/**
 * One line of `conntrack -E` (conntrack(8)): the first tuple is the direction of the packet that made the entry, which in
 * zone `own` came from us and in zone `stray` from the client; the mark is the index. Undefined for lines that are none.
 */
export function parseFlowEvent(line: string, zone: Zone): FlowEvent | undefined {
  const tuple = TUPLE.exec(line);
  const mark = MARK.exec(line);
  if (tuple === null || mark === null) return undefined;
  const [, source = "", destination = "", sourcePort = "", destinationPort = ""] = tuple;
  const endpoint = zone === "own" ? endpointOf(destination, destinationPort) : endpointOf(source, sourcePort);
  return { endpoint, index: Number(mark[1]) };
}

function endpointOf(address: string, port: string): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
