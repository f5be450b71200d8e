/** Where things are on a server. Nothing is written below /usr, which belongs to the system's packages. */
export const PATHS = {
  agentConfig: "/etc/wgc/agent.json",
  nftables: "/etc/wgc/nftables.nft",
  sysctls: "/etc/sysctl.d/90-wgc.conf",
  agent: "/opt/wgc/agent.js",
  node: "/opt/wgc/bin/node",
  boot: "/opt/wgc/boot.sh",
  networkUnit: "/etc/systemd/system/wgc-network.service",
  agentUnit: "/etc/systemd/system/wgc-agent.service",
  rekeyUnit: "/etc/systemd/system/wgc-rekey.service",
  rekeyPathUnit: "/etc/systemd/system/wgc-rekey.path",
  state: "/var/lib/wgc",
  /** Written by cloud-init before it runs anything of ours. */
  instanceId: "/var/lib/cloud/data/instance-id",
  registry: "/mnt/wgc/registry",
  runtime: "/mnt/wgc/runtime",
} as const;

/** The WireGuard interface of a server. */
export const INTERFACE = "wg0";
