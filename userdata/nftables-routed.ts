import { formatRange, parseRange } from "../config/cidr";
import { INTERFACES } from "../wireguard/generations";
import { OVERLAY } from "../wireguard/overlay";
import { anyOf, type Chain, TUNNEL } from "./nftables-chain";
import type { RoutedArgs } from "./types";

/*
 * The rules of routed addressing. A backend's packet to a client arrives at the server that the VPC's route names; where another server holds
 * the client, it goes on to that one over the overlay. Neither server need have seen the flow before:
 *
 *   backend -> next hop:  eth0 -> overlay    stateless, the next hop keeps nothing in mind
 *              holder:    overlay -> tunnel  here it is decided what a client gets
 *   client  -> holder:    tunnel -> eth0     to the routed prefixes as it is, to all else with the server's address
 */

const MESH = `"${OVERLAY.interface}"`;
/** Everything that leads to clients, here or at another server. */
const INSIDE = anyOf([...Object.values(INTERFACES), OVERLAY.interface]);
const INSIDE_OR_OWN = anyOf(["lo", ...Object.values(INTERFACES), OVERLAY.interface]);

/** Named sets, because they may hold ranges that contain each other, which an anonymous set refuses. */
export function routedSets({ prefixes, backendPrefixes }: RoutedArgs): readonly string[] {
  const set = (name: string, ranges: readonly string[]) =>
    `set ${name} { type ipv4_addr; flags interval; auto-merge; elements = { ${ranges.join(", ")} }; }`;
  return [
    set("routed", prefixes),
    ...(backendPrefixes.length === 0 ? [] : [set("backends", backendPrefixes)]),
  ];
}

/** Forwarding, after what is the same in both modes. */
export function routedForward(tunnelCidr: string, { clientToClient }: RoutedArgs): readonly string[] {
  return [
    // Two servers that each take the other for a client's holder would send its packets to and fro.
    `iifname ${MESH} oifname ${MESH} counter drop comment "overlay to overlay"`,
    ...(clientToClient
      ? [`iifname ${INSIDE} oifname ${INSIDE} ip saddr ${tunnelCidr} ip daddr ${tunnelCidr} accept`]
      : [
          `iifname ${TUNNEL} oifname ${INSIDE} counter drop comment "client to client"`,
          `iifname ${MESH} ip saddr ${tunnelCidr} counter drop comment "client to client"`,
        ]),
    `iifname ${TUNNEL} ip saddr ${tunnelCidr} accept`,
    `oifname ${MESH} ip saddr @routed ip daddr ${tunnelCidr} accept`,
    `oifname ${TUNNEL} ct state established,related accept`,
    `oifname ${TUNNEL} jump to_client`,
  ];
}

/**
 * Translation of sources. The VPC's resolver, at the VPC's base plus two, answers only addresses of the VPC
 * (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-DSN-queries-to-vpc.html), so it sees the server's.
 */
export function routedNat(tunnelCidr: string, vpcCidr: string): readonly string[] {
  const resolver = formatRange((parseRange(vpcCidr)?.first ?? 0) + 2, 32);
  return [
    `ip saddr ${tunnelCidr} ip daddr ${resolver} masquerade comment "the VPC's resolver"`,
    `ip saddr ${tunnelCidr} ip daddr @routed accept`,
    `ip saddr ${tunnelCidr} oifname != ${INSIDE} masquerade`,
  ];
}

/** The chains that only routed addressing has. */
export function routedChains(tunnelCidr: string, args: RoutedArgs): readonly Chain[] {
  return [arrivingChain(tunnelCidr), overlaySendingChain(), toClientChain(args), leavingChain(tunnelCidr)];
}

/** Before connection tracking: forged sources go, and what only passes through is not tracked. */
function arrivingChain(tunnelCidr: string): Chain {
  return {
    name: "arriving",
    hook: "type filter hook prerouting priority raw; policy accept;",
    rules: [
      // Clients' packets come out of WireGuard, which knows each one's addresses; from anywhere else they are forged.
      `iifname != ${INSIDE_OR_OWN} ip saddr ${tunnelCidr} counter drop comment "forged client address"`,
      // Only another server's clients are behind the overlay's route; their connections are the other server's business.
      `iifname != ${INSIDE_OR_OWN} ip daddr ${tunnelCidr} fib daddr oifname ${MESH} notrack`,
      `fib daddr type local udp dport ${OVERLAY.port} notrack`,
    ],
  };
}

function overlaySendingChain(): Chain {
  return {
    name: "sending",
    hook: "type filter hook output priority raw; policy accept;",
    rules: [`udp dport ${OVERLAY.port} notrack`],
  };
}

/**
 * What backends may send to a client of this server without an entry in connection tracking. A connection outlives the server that it began
 * at, and the next one has no entry for it: so every TCP segment passes that opens no connection, like with a router's filter "established".
 * Who answers such a segment of a connection that does not exist says so with a reset, no more (RFC 9293, 3.10.7.1).
 */
function toClientChain({ backendPrefixes }: RoutedArgs): Chain {
  return {
    name: "to_client",
    rules: [
      "ip saddr @routed tcp flags & (syn | ack) != syn accept",
      ...(backendPrefixes.length === 0 ? [] : ["ip saddr @backends accept"]),
      'counter drop comment "new connection to a client"',
    ],
  };
}

/**
 * After translation. What connection tracking finds invalid is not translated (nf_nat(4) looks at tracked packets only), and would leave with
 * the client's address for where nobody knows the way back.
 */
function leavingChain(tunnelCidr: string): Chain {
  return {
    name: "leaving",
    hook: "type filter hook postrouting priority srcnat + 10; policy accept;",
    rules: [
      `ip saddr ${tunnelCidr} oifname != ${INSIDE_OR_OWN} ip daddr != @routed counter drop comment "client address to the internet"`,
    ],
  };
}
