/**
 * Packages of Amazon Linux 2023 that a server needs and its image lacks, each with its reason. The AWS command line
 * (which fetches the agent) and the SSM agent (operator sessions) are in the image already.
 */
export const PACKAGES = {
  "wireguard-tools": "wg, which reads and changes the kernel's WireGuard interface",
  nftables: "nft, which loads the firewall and keeps its counters",
  "conntrack-tools": "conntrack, which tells the agent of handshakes and stray packets as they happen",
  "amazon-efs-utils": "mount.efs: EFS over TLS with the instance role as identity",
  nodejs24: "runs the agent",
} as const;

/** The package names in a fixed order, so that the same inputs give the same user data. */
export const packageNames: readonly string[] = Object.keys(PACKAGES);
