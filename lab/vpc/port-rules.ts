/**
 * What the VPC does at each network interface, as one nftables table of the bridges: it also sees what stays inside of a
 * subnet and never comes to the router. Pure.
 */
import { METADATA_ADDRESS } from "../addresses";
import type { LabRule } from "../network-model";

/** Two servers that do not hear each other on a UDP port. */
export interface Silence {
  readonly between: readonly [string, string];
  readonly port: number;
}

export interface PortRules {
  /** The router's end of each cable of the VPC, and the address of the interface at the other. */
  readonly ports: ReadonlyMap<string, string>;
  /** Addresses of the interfaces whose source/destination check is off. */
  readonly unchecked: readonly string[];
  /** Addresses of the servers; what goes from one to another is subject to their security group. */
  readonly servers: readonly string[];
  readonly amongServers: readonly LabRule[];
  /** Addresses of the interfaces whose packets vanish in both directions, whatever addresses they have (black hole, lost zone). */
  readonly cut: readonly string[];
  readonly silences: readonly Silence[];
}

const set = (elements: readonly string[]): string =>
  elements.length > 0 ? `elements = { ${elements.join(", ")} }` : "";

/** Matches of the servers' rules; a rule for all protocols matches everything. */
function matches(rules: readonly LabRule[]): string[] {
  return rules.flatMap(({ protocol, from, to }) => {
    if (protocol === "-1") return [""];
    return protocol === "udp" || protocol === "tcp" ? [`${protocol} dport ${from}-${to} `] : [];
  });
}

/**
 * Renders the whole table; loading it replaces the former one in one transaction.
 *
 * INVARIANTS: a packet from or to an address that is not the interface's own passes only where its check is off
 * (https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html#EIP_Disable_SrcDestCheck).
 */
export function renderPortRules(rules: PortRules): string {
  const own = [...rules.ports].map(([port, address]) => `"${port}" . ${address}`);
  const checked = [...rules.ports]
    .filter(([, address]) => !rules.unchecked.includes(address))
    .map(([port]) => `"${port}"`);
  const cut = [...rules.ports]
    .filter(([, address]) => rules.cut.includes(address))
    .map(([port]) => `"${port}"`);
  const silent = rules.silences.flatMap(({ between: [a, b], port }) => [
    `${a} . ${b} . ${port}`,
    `${b} . ${a} . ${port}`,
  ]);
  const allowed = matches(rules.amongServers).map(
    (match) => `    ip saddr @servers ip daddr @servers ${match}accept`,
  );
  return `table bridge lab_ports
delete table bridge lab_ports
table bridge lab_ports {
  set checked { type ifname; ${set(checked)}
  }
  set own { type ifname . ipv4_addr; ${set(own)}
  }
  set servers { type ipv4_addr; ${set(rules.servers)}
  }
  set cut { type ifname; ${set(cut)}
  }
  set silent { type ipv4_addr . ipv4_addr . inet_service; ${set(silent)}
  }

  # Source check, and faults: what a server sends. The metadata service is the host's own and stays.
  chain arriving { type filter hook prerouting priority filter
    iifname @checked ether type ip iifname . ip saddr != @own drop
    iifname @cut ip daddr != ${METADATA_ADDRESS} drop
    ip saddr . ip daddr . udp dport @silent drop
  }

  # Destination check, faults and the servers' security group: what reaches a server.
  chain leaving { type filter hook postrouting priority filter
    oifname @checked ether type ip oifname . ip daddr != @own drop
    oifname @cut ip saddr != ${METADATA_ADDRESS} drop
${allowed.join("\n")}
    ip saddr @servers ip daddr @servers drop
  }
}
`;
}
