/**
 * How servers pass on packets for clients that another one holds, with routed addressing. Shared by the firewall and the security groups,
 * which let it through, and by the agent, which makes it.
 */
export const OVERLAY = {
  interface: "wgc-mesh",
  /** UDP port of VXLAN-GPE (IANA's registry of service names and port numbers). */
  port: 4790,
} as const;

/** The nftables set in the firewall's table that holds the addresses of the other servers; the agent fills it. */
export const MESH_MEMBERS = "mesh_members";
