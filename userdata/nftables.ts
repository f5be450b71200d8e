import { probeAddress } from "../wireguard/addresses";
import { secondPort } from "../wireguard/generations";
import { MESH_MEMBERS, OVERLAY } from "../wireguard/overlay";
import { PROBE } from "../wireguard/probe";
import { type Chain, TUNNEL } from "./nftables-chain";
import { routedChains, routedForward, routedNat, routedSets } from "./nftables-routed";
import type { UserDataArgs } from "./types";

const TABLE = "inet wgc";
const NFS_PORT = 2049;

/** What the rules are made of. */
export type FirewallArgs = Pick<
  UserDataArgs,
  "listenPort" | "healthPort" | "tunnelCidr" | "vpcCidr" | "takeover" | "meshPort" | "routed"
>;

/**
 * The firewall of a server as one table. Interfaces are matched by name (`iifname`), so the file loads before wg0 exists.
 *
 * INVARIANTS: loading it again gives the same ruleset (the table is added, deleted and made anew in one transaction, nft(8)
 * "the whole file is applied atomically"), but for the members of the mesh, which the agent knows; the instance metadata service and
 * the shared file system are refused before anything from the tunnel is accepted.
 */
export function renderNftables(args: FirewallArgs): string {
  const { routed } = args;
  const sets = [
    ...(args.takeover ? [`set ${MESH_MEMBERS} { type ipv4_addr; }`] : []),
    ...(routed === undefined ? [] : routedSets(routed)),
  ].map((set) => `  ${set}`);
  const chains = [
    linkLocalChain(args),
    forwardChain(args),
    inputChain(args),
    natChain(args),
    ...(routed === undefined ? [] : routedChains(args.tunnelCidr, routed)),
  ];
  const body = chains.map(({ name, hook, rules }) =>
    [
      `  chain ${name} {`,
      ...(hook === undefined ? rules : [hook, ...rules]).map((line) => `    ${line}`),
      "  }",
    ].join("\n"),
  );
  return [
    "#!/usr/sbin/nft -f",
    "# Made by wgc; changes here are lost at the next boot.",
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    ...(sets.length === 0 ? [] : [...sets, ""]),
    body.join("\n\n"),
    "}",
    "",
  ].join("\n");
}

/**
 * What the tunnel sends to link-local addresses. Only the probe's own packet goes on, to the rules that clients' packets pass; its source
 * cannot be forged, because WireGuard takes each peer's addresses from that peer only.
 */
function linkLocalChain(args: Pick<UserDataArgs, "tunnelCidr">): Chain {
  const probe = `ip saddr ${probeAddress(args.tunnelCidr)} ip daddr ${PROBE.target} udp dport ${PROBE.ports.target}`;
  return {
    name: "link_local",
    rules: [
      `${probe} oifname "${PROBE.outside.interface}" counter return comment "probe"`,
      // The role's credentials live at these addresses (EC2 user guide, "Limit access to the IMDS"). All of link-local goes with them.
      'counter drop comment "instance metadata, link-local"',
    ],
  };
}

function forwardChain({ meshPort, tunnelCidr, routed, vpcCidr }: FirewallArgs): Chain {
  return {
    name: "forward",
    hook: "type filter hook forward priority filter; policy drop;",
    rules: [
      `iifname ${TUNNEL} ip daddr 169.254.0.0/16 jump link_local`,
      `iifname ${TUNNEL} ip6 daddr { fd00:ec2::254, fe80::/10 } counter drop comment "instance metadata, link-local"`,
      // Clients leave with the server's address, which the shared file system's security group lets in; server key and registry are there.
      // NFS, and EFS with it, listens on 2049 only (https://docs.aws.amazon.com/efs/latest/ug/network-access.html).
      `iifname ${TUNNEL} meta l4proto { tcp, udp } th dport ${NFS_PORT} counter drop comment "shared file system"`,
      // Other servers take what comes from here for this server's word: with its address a client could speak to their agents, and put
      // packets with any source into the overlay. Also where there is none yet, for the others may have one already.
      `iifname ${TUNNEL} ip daddr ${vpcCidr} udp dport { ${meshPort}, ${OVERLAY.port} } counter drop comment "tunnel to the servers' own ports"`,
      // The tunnel's MTU is below the path's; where "packet too big" is filtered, only the clamp keeps TCP going (RFC 4459, 3.2).
      `iifname ${TUNNEL} tcp flags syn tcp option maxseg size set rt mtu`,
      `oifname ${TUNNEL} tcp flags syn tcp option maxseg size set rt mtu`,
      ...(routed === undefined ? masqueradedForward(tunnelCidr) : routedForward(tunnelCidr, routed)),
    ],
  };
}

function masqueradedForward(tunnelCidr: string): readonly string[] {
  return [
    `iifname ${TUNNEL} oifname ${TUNNEL} counter drop comment "client to client"`,
    `iifname ${TUNNEL} ip saddr ${tunnelCidr} accept`,
    `oifname ${TUNNEL} ct state established,related accept`,
  ];
}

function inputChain(args: FirewallArgs): Chain {
  return {
    name: "input",
    hook: "type filter hook input priority filter; policy drop;",
    rules: [
      'iifname "lo" accept',
      `iifname ${TUNNEL} ip daddr 169.254.0.0/16 counter drop comment "tunnel to the probe's cable"`,
      // A client has no business with the server itself; the rule stands before "established" so that it also ends old flows.
      `iifname ${TUNNEL} icmp type echo-request accept`,
      `iifname ${TUNNEL} counter drop comment "tunnel to server"`,
      ...meshInput(args),
      "ct state established,related accept",
      // The probe's packet at the end of its way through tunnel, forwarding and masquerade.
      `iifname "${PROBE.outside.interface}" ip saddr ${PROBE.inside.address} ip daddr ${PROBE.outside.address} udp dport ${PROBE.ports.echo} accept`,
      "meta l4proto { icmp, ipv6-icmp } accept",
      `udp dport { ${args.listenPort}, ${secondPort(args.listenPort)} } accept`,
      `ip saddr ${args.vpcCidr} tcp dport ${args.healthPort} accept comment "health checks of the load balancer"`,
    ],
  };
}

/**
 * Servers among themselves: whoever is not one is dropped here as well as by the security group, and before "established", so that one that
 * has left is dropped when the agent forgets it: a minute after its last record, ten minutes after its last word while no record can be read.
 */
function meshInput({ takeover, meshPort, routed }: FirewallArgs): readonly string[] {
  if (!takeover) return [];
  const ports = routed === undefined ? meshPort : `{ ${meshPort}, ${OVERLAY.port} }`;
  return [
    // What comes out of the overlay is for clients.
    ...(routed === undefined
      ? []
      : [`iifname "${OVERLAY.interface}" counter drop comment "overlay to server"`]),
    `udp dport ${ports} ip saddr @${MESH_MEMBERS} accept`,
    `udp dport ${ports} counter drop comment "no member of the mesh"`,
  ];
}

function natChain({ tunnelCidr, vpcCidr, routed }: FirewallArgs): Chain {
  return {
    name: "postrouting",
    hook: "type nat hook postrouting priority srcnat; policy accept;",
    rules:
      routed === undefined
        ? [`ip saddr ${tunnelCidr} oifname != ${TUNNEL} masquerade`]
        : routedNat(tunnelCidr, vpcCidr),
  };
}
