/**
 * What the VPC's internet gateway and the servers' security group do with packets that come to the router, as one nftables
 * table. What stays inside of a subnet is the business of port-rules.ts. Pure.
 */
import { INTERNET } from "../addresses";
import type { LabPortRule } from "../model";
import type { LabSecurity } from "../network-model";

export interface GatewayRules {
  readonly vpcCidr: string;
  readonly tunnelCidr: string;
  /** Addresses of the servers' network interfaces. */
  readonly servers: readonly string[];
  /** What the servers' security group lets in from the load balancer. */
  readonly allowedFromBalancer: readonly LabPortRule[];
  readonly security: LabSecurity;
}

/** Never on the internet: private (RFC 1918), shared (RFC 6598) and link-local (RFC 3927) addresses. */
const NOT_PUBLIC = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
] as const;

/** Matches of what rules for ranges let in. */
function openings({ fromRanges }: LabSecurity): string[] {
  return fromRanges.flatMap(({ cidr, protocol, from, to }) => {
    if (protocol === "-1") return [`ip saddr ${cidr} accept`];
    if (protocol === "icmp") return [`ip saddr ${cidr} meta l4proto icmp accept`];
    return protocol === "udp" || protocol === "tcp"
      ? [`ip saddr ${cidr} ${protocol} dport ${from}-${to} accept`]
      : [];
  });
}

/** Ports of the rules for one protocol, as a set; empty without any. */
export function portSet(rules: readonly LabPortRule[], protocol: string): string {
  const ranges = rules.filter((rule) => rule.protocol === protocol).map(({ from, to }) => `${from}-${to}`);
  return ranges.length > 0 ? `{ ${ranges.join(", ")} }` : "";
}

/**
 * Renders the whole table; loading it replaces the former one in one transaction.
 *
 * INVARIANTS: what is for the tunnel's range reaches a server by a rule or not at all, answers too. AWS tracks connections at each interface
 * (EC2 user guide, "Security group connection tracking"): a server that a connection did not leave through sees its answers as
 * new, and any server may become the next hop.
 */
export function renderGatewayRules(rules: GatewayRules): string {
  const inside = [...new Set([...NOT_PUBLIC, rules.vpcCidr, rules.tunnelCidr])].join(", ");
  const servers = rules.servers.length > 0 ? `elements = { ${rules.servers.join(", ")} }` : "";
  const udp = portSet(rules.allowedFromBalancer, "udp");
  const security = [
    ...openings(rules.security).map((line) => `ip daddr @tunnel ${line}`),
    "ip daddr @tunnel drop",
    "ct state established,related accept",
    ...(udp ? [`ip daddr @servers ct status dnat udp dport ${udp} accept`] : []),
    "ip saddr @servers ip daddr @servers accept", // judged at the port
    ...openings(rules.security).map((line) => `ip daddr @servers ${line}`),
    "ip daddr @servers drop",
  ];
  return `table ip lab_gateway
delete table ip lab_gateway
table ip lab_gateway {
  set inside { type ipv4_addr; flags interval; auto-merge; elements = { ${inside} }
  }
  set tunnel { type ipv4_addr; flags interval; elements = { ${rules.tunnelCidr} }
  }
  set servers { type ipv4_addr; ${servers}
  }

  # The internet gateway: an address of the inside is nobody's out there, neither as a source nor as a destination.
  chain from_internet { type filter hook prerouting priority raw - 10
    iifname "${INTERNET.bridge}" ip saddr @inside drop
    iifname "${INTERNET.bridge}" ip daddr @inside drop
  }
  # After the gateway's translation: what has none of its public addresses does not leave.
  chain to_internet { type filter hook postrouting priority srcnat + 10
    oifname "${INTERNET.bridge}" ip saddr @inside drop
  }

  # The servers' security group.
  chain security_group { type filter hook forward priority filter
${security.map((line) => `    ${line}`).join("\n")}
  }
}
`;
}
