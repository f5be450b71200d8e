/**
 * What stands between a client and the internet. A client's machine plays its own router: it translates what leaves
 * through eth0 and filters what comes in, so WireGuard in it sees nothing of the router, as behind a real one.
 */

/** The kinds, by what they let in (RFC 4787, section 5). */
export const NAT_KINDS = {
  strict: "a router that lets in only what answers the client's own packets (address- and port-dependent)",
  "full-cone": "a router that lets anybody in at the client's external port (endpoint-independent)",
  public: "no router: an address of its own, and nothing filtered",
} as const;

export type NatKind = keyof typeof NAT_KINDS;

export interface Router {
  kind: Exclude<NatKind, "public">;
  /** The client's address on the internet. */
  address: string;
  /** Port that the client's packets leave from, whatever port its programs use. */
  externalPort: number;
  /** WireGuard's own port in the machine, once there is one. */
  innerPort?: number | undefined;
}

/**
 * Renders the router's rules; loading them replaces the former ones. Flows that are known keep their mapping until they
 * are forgotten.
 */
export function renderRouter({ kind, address, externalPort, innerPort }: Router): string {
  const isOpen = kind === "full-cone" && innerPort !== undefined;
  return `table inet router
delete table inet router
table inet router {
  chain leaving { type nat hook postrouting priority srcnat
    oifname "eth0" meta l4proto udp snat ip to ${address}:${externalPort}
  }
  chain arriving { type nat hook prerouting priority dstnat
${isOpen ? `    iifname "eth0" udp dport ${externalPort} redirect to :${innerPort}` : ""}
  }
  chain input { type filter hook input priority filter; policy drop
    iifname { "lo", "wg0" } accept
    ct state established,related accept
${isOpen ? "    ct status dnat accept" : ""}
  }
}
`;
}
