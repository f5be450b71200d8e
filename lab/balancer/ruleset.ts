/**
 * The load balancer's data path as one nftables table, rendered from what the balancer knows. The kernel's connection
 * tracking is the flow table: a packet of a known flow never looks at these rules again, only a new flow is hashed.
 */
import { INTERNET, METADATA_ADDRESS } from "../addresses";
import type { LabPortRule } from "../model";
import { portSet } from "../vpc/gateway-rules";

export interface Frontend {
  /** The load balancer's static address in one zone. */
  publicIp: string;
  /** Addresses of the targets that a new flow to this address may go to. */
  targets: string[];
}

export interface Ruleset {
  listeners: { port: number; targetPort: number }[];
  frontends: Frontend[];
  /** Changes with every change of health: an NLB rebuilds its hash map then, so new flows may pick other targets. */
  seed: number;
  /** Server's private address → public address, as the internet gateway translates. */
  publicAddresses: Record<string, string>;
  /** What the servers' security group lets in from the load balancer. */
  allowed: LabPortRule[];
  /** Addresses whose packets vanish in both directions (black hole, lost zone). */
  cut: string[];
}

const set = (elements: readonly string[]): string =>
  elements.length > 0 ? `elements = { ${elements.join(", ")} }` : "";

function frontendRule(
  rules: Ruleset,
  frontend: Frontend,
  { port, targetPort }: Ruleset["listeners"][number],
): string {
  const match = `iifname "${INTERNET.bridge}" ip daddr ${frontend.publicIp} udp dport ${port}`;
  if (frontend.targets.length === 0) return `${match} drop`;
  const choices = frontend.targets.map((target, index) => `${index} : ${target} . ${targetPort}`).join(", ");
  const hash = `jhash ip saddr . udp sport . ip daddr mod ${frontend.targets.length} seed ${rules.seed}`;
  return `${match} dnat ip addr . port to ${hash} map { ${choices} }`;
}

/** Renders the whole table; loading it replaces the former one in one transaction and leaves known flows alone. */
export function renderRuleset(rules: Ruleset): string {
  const tcp = portSet(rules.allowed, "tcp");
  const servers = Object.keys(rules.publicAddresses);
  const translations = Object.entries(rules.publicAddresses).map(
    ([inside, outside]) => `${inside} : ${outside}`,
  );
  return `table ip lab
delete table ip lab
table ip lab {
  set servers { type ipv4_addr; ${set(servers)}
  }
  set cut { type ipv4_addr; ${set(rules.cut)}
  }

  # Faults: nothing reaches or leaves these addresses. The metadata service is the host's own and stays.
  chain cut_in { type filter hook prerouting priority raw; ip saddr @cut ip daddr != ${METADATA_ADDRESS} drop; ip daddr @cut drop
  }
  chain cut_forward { type filter hook forward priority filter - 10; ip daddr @cut drop
  }
  chain cut_out { type filter hook output priority raw; ip daddr @cut ip saddr != ${METADATA_ADDRESS} drop
  }

  # The listener: a new flow goes to a healthy target, chosen by the hash of its addresses and ports.
  chain listener { type nat hook prerouting priority dstnat
${rules.listeners
  .flatMap((listener) => rules.frontends.map((frontend) => `    ${frontendRule(rules, frontend, listener)}`))
  .join("\n")}
  }

  # The servers' security group: what the plan's rules let in from the load balancer itself; see also vpc/gateway-rules.ts.
  chain health_checks { type filter hook output priority filter
    ct state established,related accept
${tcp ? `    ip daddr @servers tcp dport ${tcp} accept` : ""}
    ip daddr @servers drop
  }

  # The internet gateway: each server's own public address for what it sends by itself.
  chain internet_gateway { type nat hook postrouting priority srcnat
${translations.length > 0 ? `    oifname "${INTERNET.bridge}" snat to ip saddr map { ${translations.join(", ")} }` : ""}
  }
}
`;
}
