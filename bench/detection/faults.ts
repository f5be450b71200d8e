/** What breaks one server so that its health must see it: as scripts that run on the server. */
import { INTERFACE, PATHS } from "../../userdata/paths";

export interface ServerFault {
  readonly name: string;
  /** For a person. */
  readonly what: string;
  readonly breaks: string;
  readonly mends: string;
}

const LOAD_FIREWALL = `nft -f ${PATHS.nftables}`;
const signal = (name: string): string => `systemctl kill --kill-whom=main --signal=${name} wgc-agent.service`;
const flush = (chain: string): string => `nft flush chain inet wgc ${chain}`;

/** A fault for each thing that a server needs to pass a client's packets on, and for what looks after it. */
export const SERVER_FAULTS: readonly ServerFault[] = [
  {
    name: "forwarding",
    what: "the kernel forwards no packet",
    breaks: "sysctl -qw net.ipv4.ip_forward=0",
    mends: "sysctl -qw net.ipv4.ip_forward=1",
  },
  {
    name: "firewall",
    what: "all tables of nft are gone",
    breaks: "nft flush ruleset",
    mends: LOAD_FIREWALL,
  },
  {
    name: "forward-rules",
    what: "the chain of forwarded packets is empty: they are dropped",
    breaks: flush("forward"),
    mends: LOAD_FIREWALL,
  },
  {
    name: "masquerade",
    what: "packets leave with the client's tunnel address, and no answer comes back",
    breaks: flush("postrouting"),
    mends: LOAD_FIREWALL,
  },
  {
    name: "interface",
    what: "the WireGuard interface is down",
    breaks: `ip link set ${INTERFACE} down`,
    mends: `ip link set ${INTERFACE} up`,
  },
  {
    name: "key",
    what: "the interface has another private key",
    breaks: `umask 077; wg genkey >/run/other.key; wg set ${INTERFACE} private-key /run/other.key`,
    mends: `wg set ${INTERFACE} private-key ${PATHS.state}/server.key`,
  },
  {
    name: "wg",
    what: "the program wg never answers",
    breaks: `printf '#!/bin/sh\\nexec sleep 1000\\n' >/run/hanging; chmod 755 /run/hanging; mount --bind /run/hanging "$(command -v wg)"`,
    mends: `umount "$(command -v wg)"`,
  },
  {
    name: "agent",
    what: "the agent's process stands still",
    breaks: signal("STOP"),
    mends: signal("CONT"),
  },
];
