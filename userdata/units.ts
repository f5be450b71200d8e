import { PATHS } from "./paths";
import type { UserDataArgs } from "./types";

type Section = readonly (readonly [key: string, value: string])[];

function renderUnit(sections: Readonly<Record<string, Section>>): string {
  const blocks = Object.entries(sections).map(([name, lines]) =>
    [`[${name}]`, ...lines.map(([key, value]) => `${key}=${value}`)].join("\n"),
  );
  return `${blocks.join("\n\n")}\n`;
}

/**
 * The unit that loads the firewall and brings the tunnel interface up, in this order: a client's first packet meets the firewall (its rules
 * name interfaces, which need not exist yet), and without one there is no tunnel. It has no ExecStop and is separate from the agent, so that
 * restarting or updating the agent never touches a session.
 */
export function renderNetworkUnit(): string {
  return renderUnit({
    Unit: [
      ["Description", "wgc firewall and tunnel interface"],
      ["Wants", "network-online.target"],
      // Without the mounts (a reboot while EFS is away) the interface comes up from the local copy of the key.
      ["After", "network-online.target remote-fs.target"],
      ["Before", "wgc-agent.service"],
    ],
    Service: [
      ["Type", "oneshot"],
      ["RemainAfterExit", "yes"],
      ["UMask", "0077"],
      ["ExecStart", `/usr/sbin/nft -f ${PATHS.nftables}`],
      ["ExecStart", `${PATHS.node} ${PATHS.agent} network-up`],
    ],
    Install: [["WantedBy", "multi-user.target"]],
  });
}

/**
 * The units that do what the agent's sandbox forbids when the server key was replaced: give the probe, which lives in a namespace
 * of its own, the new key. The agent replaces its copy of the key by a rename, which the path unit sees (systemd.path(5)).
 */
export function renderRekeyUnits(): { readonly path: string; readonly service: string } {
  return {
    path: renderUnit({
      Unit: [["Description", "wgc server key replaced"]],
      Path: [["PathChanged", `${PATHS.state}/server.key`]],
      Install: [["WantedBy", "multi-user.target"]],
    }),
    service: renderUnit({
      Unit: [
        ["Description", "wgc tunnel interface and probe after the server key was replaced"],
        ["After", "wgc-network.service"],
      ],
      Service: [
        ["Type", "oneshot"],
        ["UMask", "0077"],
        ["ExecStart", `${PATHS.node} ${PATHS.agent} network-up`],
      ],
    }),
  };
}

/** Seconds that the agent gets beyond its drain: to hand its place on first, where one server serves (7), its last clients (4), and to write its last records. */
const STOP_MARGIN_SECONDS = 20;

/**
 * What the agent may do: change the tunnel interface and the firewall, write its own state and its session records.
 * MemoryDenyWriteExecute is missing on purpose: Node's compiler writes code at run time.
 */
const SANDBOX: Section = [
  ["NoNewPrivileges", "yes"],
  // For wg, ip and nft.
  ["CapabilityBoundingSet", "CAP_NET_ADMIN"],
  ["AmbientCapabilities", ""],
  ["ProtectSystem", "strict"],
  ["StateDirectory", "wgc"],
  ["StateDirectoryMode", "0700"],
  ["ReadWritePaths", `${PATHS.state} -${PATHS.runtime}`],
  ["ProtectHome", "yes"],
  ["PrivateTmp", "yes"],
  ["PrivateDevices", "yes"],
  ["ProtectProc", "invisible"],
  ["ProtectClock", "yes"],
  ["ProtectHostname", "yes"],
  ["ProtectKernelLogs", "yes"],
  ["ProtectKernelModules", "yes"],
  ["ProtectKernelTunables", "yes"],
  ["ProtectControlGroups", "yes"],
  ["RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"],
  ["RestrictNamespaces", "yes"],
  ["RestrictRealtime", "yes"],
  ["RestrictSUIDSGID", "yes"],
  ["LockPersonality", "yes"],
  ["KeyringMode", "private"],
  ["RemoveIPC", "yes"],
  ["SystemCallArchitectures", "native"],
  ["SystemCallFilter", "@system-service"],
  ["SystemCallFilter", "~@privileged"],
  ["SystemCallErrorNumber", "EPERM"],
  ["UMask", "0077"],
];

/** The unit of the agent. */
export function renderAgentUnit(args: Pick<UserDataArgs, "drainSeconds">): string {
  return renderUnit({
    Unit: [
      ["Description", "wgc agent"],
      // No firewall, no agent: the server then does not answer health checks and is replaced, rather than passing clients' packets on
      // unfiltered. A restart of the network unit restarts the agent too, which touches no session.
      ["Requires", "wgc-network.service"],
      ["After", "wgc-network.service"],
      ["StartLimitIntervalSec", "0"],
    ],
    Service: [
      ["Type", "exec"],
      ["ExecStart", `${PATHS.node} ${PATHS.agent} run`],
      ["Environment", `WGC_AGENT_CONFIG=${PATHS.agentConfig}`],
      ["Restart", "always"],
      ["RestartSec", "2"],
      // The main process drains and then ends its workers itself; "mixed" keeps systemd from stopping them first.
      ["KillMode", "mixed"],
      // A restart (an upgrade) must not drain, or clients would move twice: the agent ends at once on SIGHUP and drains on SIGTERM, which a
      // stop and a shutdown send (systemd.kill(5), RestartKillSignal=; SIGHUP counts as a clean exit, systemd.service(5)).
      ["RestartKillSignal", "SIGHUP"],
      ["TimeoutStopSec", String(args.drainSeconds + STOP_MARGIN_SECONDS)],
      ...SANDBOX,
    ],
    Install: [["WantedBy", "multi-user.target"]],
  });
}
