import { SESSION_SECONDS } from "../../registry/sessions";
import type { Lane } from "./flow-events";

/**
 * How many different stray packets of each family (IPv4, IPv6) are looked at: a flood of made-up indices must not keep the agent busy, and a router with
 * hundreds of clients behind it must still get through after a crash.
 */
const STRAY_LIMITS = {
  all: "5000/second burst 10000 packets",
  source: "500/second burst 2000 packets",
} as const;
/** The same stray packet is reported again after this time, for as long as it keeps coming. */
const STRAY_REPEAT_SECONDS = 2;

/**
 * Who has not spoken for so long is not spoken to by a server that flows may not be led to any more: out of touch, or out of service. When
 * the load balancer has moved a client, packets would leave from this server's own address, and a client without a strict NAT would
 * follow them there, past the load balancer, and be lost with this server. The client's next packet makes it heard, wherever it is led.
 */
const HEARD_SECONDS = 5;
/**
 * Flows are led here while the agent says so (touch.ts). Then it hears at once of clients that have moved, and WireGuard says to
 * the others what it wants to: a client whose last packet got no keepalive would start a handshake 15 s later (whitepaper,
 * section 6.5), after each pause, and one that is silent could not be reached from behind.
 */
export const TOUCH_SECONDS = 5;
/** Where the agent says so, as a datagram that nobody receives: the kernel must know it too when there is no agent any more. */
export const TOUCH = { address: "127.0.0.1", port: 61904 } as const;
/** So many addresses and ports of each family are remembered; then nobody is kept silent, until there is room again. */
const MOST_HEARD = 262_144;
/** In the packet: UDP payload byte 0 is the type, bytes 4 to 7 the sender's index (types 1, 2) or the receiver's (type 4). */
const TYPE = "@th,64,8";
const INDEX = "@th,96,32";

/**
 * Renders the table for `nft -f`. WireGuard's messages: https://www.wireguard.com/papers/wireguard.pdf, section 5.4.
 *
 * How an event is made: the connection-tracking mark of a packet's entry becomes the index. The kernel tells listeners of
 * each change of a mark, so `conntrack -E` prints one line for each handshake of ours and for each stray packet, with the
 * client's address in it and within a millisecond, and nothing while nothing happens. Sets alone would have to be polled:
 * the kernel does not report elements that packets add.
 *
 * INVARIANTS: loading it again keeps the sets (sessions that began before an agent's restart are not strays afterwards) and
 * replaces the rules. What arrives is never dropped here, nor any answer to a handshake; only what a server says that flows may not be
 * led to any more, to a client that is silent, and not even that while a flood has filled the sets of who was heard (a rule ends where
 * its set takes nothing more).
 *
 * @param mostHeard size of these sets
 */
export function renderSessionsTable({ table, zones, port }: Lane, mostHeard = MOST_HEARD): string {
  const families = [
    { ip: "ip", family: 4 },
    { ip: "ip6", family: 6 },
  ] as const;
  const sets = families.flatMap(({ ip, family }) => [
    set(table, `heard${family}`, `${ip} saddr . udp sport`, HEARD_SECONDS, mostHeard),
    set(table, `issued${family}`, `${ip} daddr . udp dport . ${INDEX}`, SESSION_SECONDS, 262_144),
    set(table, `seen${family}`, `${ip} saddr . udp sport . ${INDEX}`, STRAY_REPEAT_SECONDS, 65_536),
    set(table, `sources${family}`, `${ip} saddr`, 10, 65_536),
  ]);
  const single = [
    set(table, "own", INDEX, SESSION_SECONDS, 524_288),
    set(table, "deaf", "meta l4proto", HEARD_SECONDS, 1),
    set(table, "touch", "meta l4proto", TOUCH_SECONDS, 1),
  ];
  const isHandshake = `udp sport ${port} ${TYPE} { 1, 2 }`;
  return `add table ${table}
${[...single, ...sets].join("\n")}
${chain(table, "stray")}
${families.map(({ ip, family }) => strayRules(table, zones, ip, family)).join("\n")}
${chain(table, "hear")}
${families.map(({ ip, family }) => `add rule ${table} hear update @heard${family} { ${ip} saddr . udp sport } return`).join("\n")}
add rule ${table} hear update @deaf { meta l4proto }
${chain(table, "sort_in", "type filter hook prerouting priority raw; policy accept;")}
add rule ${table} sort_in udp dport ${port} jump hear
add rule ${table} sort_in udp dport ${port} ${TYPE} 4 ${INDEX} != @own jump stray
${chain(table, "mark_in", "type filter hook prerouting priority mangle; policy accept;")}
add rule ${table} mark_in udp dport ${port} ct zone ${zones.stray} ct mark set 0 ct mark set ${INDEX}
${chain(table, "sort_out", "type filter hook output priority raw; policy accept;")}
add rule ${table} sort_out ip daddr ${TOUCH.address} udp dport ${TOUCH.port} update @touch { meta l4proto }
${families.map(({ ip, family }) => silenceRules(table, port, ip, family)).join("\n")}
add rule ${table} sort_out ${isHandshake} ct zone set ${zones.own}
${chain(table, "mark_out", "type filter hook output priority mangle; policy accept;")}
add rule ${table} mark_out ${isHandshake} update @own { ${INDEX} } ct mark set ${INDEX}
${families
  .map(
    ({ ip, family }) =>
      `add rule ${table} mark_out ${isHandshake} update @issued${family} { ${ip} daddr . udp dport . ${INDEX} }`,
  )
  .join("\n")}
`;
}

function set(table: string, name: string, key: string, seconds: number, size: number): string {
  return `add set ${table} ${name} { typeof ${key}; flags dynamic,timeout; timeout ${seconds}s; size ${size}; }`;
}

function chain(table: string, name: string, hook = ""): string {
  const body = hook === "" ? "" : ` { ${hook} }`;
  return `add chain ${table} ${name}${body}\nflush chain ${table} ${name}`;
}

function silenceRules(table: string, port: number, ip: "ip" | "ip6", family: 4 | 6): string {
  const silent = `meta l4proto != @touch meta l4proto != @deaf ${ip} daddr . udp dport != @heard${family} counter drop`;
  return `add rule ${table} sort_out udp sport ${port} ${TYPE} { 1, 4 } ${silent}`;
}

/** Known ones are passed over, then the limits, then the packet is remembered and gets its zone. */
function strayRules(table: string, zones: Lane["zones"], ip: "ip" | "ip6", family: 4 | 6): string {
  const packet = `${ip} saddr . udp sport . ${INDEX}`;
  // One host has a whole /64 of IPv6 (RFC 4291, section 2.5.1).
  const source = family === 4 ? "ip saddr" : "ip6 saddr and ffff:ffff:ffff:ffff::";
  const rules = [
    `${packet} @seen${family} return`,
    `update @sources${family} { ${source} limit rate over ${STRAY_LIMITS.source} } return`,
    `${ip} saddr != ${family === 4 ? "0.0.0.0" : "::"} limit rate over ${STRAY_LIMITS.all} return`,
    `add @seen${family} { ${packet} } ct zone set ${zones.stray}`,
  ];
  return rules.map((rule) => `add rule ${table} stray ${rule}`).join("\n");
}
