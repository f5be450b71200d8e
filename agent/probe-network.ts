import { UserError } from "../config/errors";
import { probeAddress } from "../wireguard/addresses";
import { PROBE } from "../wireguard/probe";
import type { AgentConfig } from "./config";
import type { Exec } from "./exec";
import { LocalCopy } from "./local-copy";
import { messageOf } from "./log";

const options = { timeoutMs: 10_000 };
const { namespace, outside, inside, tunnel, target, ports } = PROBE;
const TABLE = "ip wgc_probe";

/**
 * Makes the probe: a namespace whose WireGuard interface is a client of this server, and a cable to the server. Nothing runs
 * in it (only wireguard-go where the kernel has no WireGuard): its kernel sends what comes in by the cable through the tunnel
 * to the server, and what then comes out of the server's masquerade back to the agent; see docs/decisions/0012.
 *
 * INVARIANTS: safe to repeat; what stands is kept, and the server's own interface is never touched. The namespace forwards
 * only what one of its two rules has redirected, so nothing can go around in circles.
 */
export async function probeUp(
  config: AgentConfig,
  serverPublicKey: string,
  createInterface: (name: string, run: Exec) => Promise<void>,
  exec: Exec,
): Promise<void> {
  try {
    const privateKey = await new LocalCopy(config.statePath).probeKey();
    await namespaceUp(exec);
    await cableUp(exec);
    const inNamespace = within(exec);
    await settings(inNamespace);
    if (!(await exists(inNamespace, tunnel))) await createInterface(tunnel, inNamespace);
    await tunnelUp(config, privateKey, serverPublicKey, exec);
    await inNamespace("nft", ["-f", "/dev/stdin"], { ...options, stdin: redirections(config) });
  } catch (error) {
    throw new UserError(
      `the probe that health needs cannot be made: ${messageOf(error)}; \`ip netns delete ${namespace}\` and running the command again makes it anew`,
      { cause: error },
    );
  }
}

/** Runs tools in the namespace. `ip -n` and `ip netns exec` would also mount a new /sys, which not every container may do. */
export function within(exec: Exec): Exec {
  return (file, args, how) => exec("nsenter", [`--net=/run/netns/${namespace}`, file, ...args], how);
}

async function exists(exec: Exec, name: string): Promise<boolean> {
  return exec("ip", ["link", "show", "dev", name], options).then(
    () => true,
    () => false,
  );
}

async function namespaceUp(exec: Exec): Promise<void> {
  if (await exists(within(exec), "lo")) return;
  // A name that is left of an interrupted start: ip(8) cannot add over it.
  await exec("ip", ["netns", "delete", namespace], options).catch(() => undefined);
  await exec("ip", ["netns", "add", namespace], options);
}

async function cableUp(exec: Exec): Promise<void> {
  const there = (await exists(exec, outside.interface)) && (await exists(within(exec), inside.interface));
  if (!there) {
    // One end without the other: the kernel takes the namespace's end down a moment after the namespace itself.
    await exec("ip", ["link", "delete", outside.interface], options).catch(() => undefined);
    const peer = ["peer", "name", inside.interface, "netns", namespace];
    await exec("ip", ["link", "add", outside.interface, "type", "veth", ...peer], options);
  }
  for (const [run, end] of [
    [exec, outside],
    [within(exec), inside],
  ] as const) {
    await run("ip", ["address", "replace", `${end.address}/${PROBE.prefix}`, "dev", end.interface], options);
    await run("ip", ["link", "set", "dev", end.interface, "up"], options);
  }
  const way = [target, "via", inside.address, "dev", outside.interface];
  await exec("ip", ["route", "replace", ...way], options);
}

/** The namespace passes packets on, and says nothing about packets that leave where they came in. */
async function settings(inNamespace: Exec): Promise<void> {
  const quiet = ["all", "default", inside.interface].map((name) => `net.ipv4.conf.${name}.send_redirects=0`);
  await inNamespace("sysctl", ["-qw", "net.ipv4.ip_forward=1", ...quiet], options);
}

async function tunnelUp(
  config: AgentConfig,
  privateKey: string,
  serverPublicKey: string,
  exec: Exec,
): Promise<void> {
  const text = [
    "[Interface]",
    `PrivateKey = ${privateKey}`,
    `ListenPort = ${PROBE.tunnelPort}`,
    "[Peer]",
    `PublicKey = ${serverPublicKey}`,
    `Endpoint = ${outside.address}:${config.listenPort}`,
    `AllowedIPs = ${target}/32`,
    "",
  ].join("\n");
  // syncconf and not setconf: a session that goes on is kept (wg(8)).
  await within(exec)("wg", ["syncconf", tunnel, "/dev/stdin"], { ...options, stdin: text });
  const ip = (...args: string[]) => within(exec)("ip", args, options);
  await ip("address", "replace", `${probeAddress(config.tunnelIpv4)}/32`, "dev", tunnel);
  await ip("link", "set", "dev", tunnel, "mtu", String(config.mtu), "up");
  await ip("route", "replace", target, "dev", tunnel);
}

/** The namespace's two redirections, the way back being the kernel's own doing (connection tracking). */
function redirections(config: AgentConfig): string {
  const cable = `iifname "${inside.interface}" ip saddr ${outside.address}`;
  return `add table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    # out of the agent: into the tunnel
    ${cable} ip daddr ${inside.address} udp dport ${ports.entry} dnat to ${target}:${ports.target}
    # out of the server's masquerade: to the agent
    ${cable} ip daddr ${target} udp dport ${ports.target} dnat to ${outside.address}:${ports.echo}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct status dnat accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname "${tunnel}" snat to ${probeAddress(config.tunnelIpv4)}
    ct status dnat oifname "${inside.interface}" snat to ${inside.address}
  }
}
`;
}
