import { promises as fs } from "node:fs";
import { networkInterfaces } from "node:os";
import type { WgCommand } from "../wireguard/commands";
import { type Dump, parseDumpInTurns } from "../wireguard/dump";
import type { Exec, ExecOptions } from "./exec";
import { messageOf } from "./log";

/** The WireGuard interface, and what else in this machine's kernel clients depend on, as it is. */
export interface DeviceState {
  readonly up: boolean;
  readonly dump: Dump;
  /** What is wrong with the firewall; undefined when it is loaded. */
  readonly firewallProblem: string | undefined;
  /** What is wrong with IPv4 forwarding; undefined when it is on. */
  readonly forwardingProblem: string | undefined;
}

/** What the agent does with its WireGuard interface; tests bring their own. */
export interface Device {
  /** @param thorough whether to look at the firewall too, which costs a process; else its problem is undefined */
  observe(signal?: AbortSignal, thorough?: boolean): Promise<DeviceState>;
  /** The peers with their endpoints and handshakes, and nothing else. */
  dump(signal?: AbortSignal): Promise<Dump>;
  apply(commands: readonly WgCommand[], signal?: AbortSignal): Promise<void>;
}

/** Asking takes milliseconds for thousands of peers; the limit leaves room for a hundred times as many. */
const OBSERVE_LIMIT_MS = 5000;
/**
 * A change takes milliseconds, one with 100,000 peers (15 MB) some seconds: ten times as long. Whoever hangs holds up all other changes,
 * so a small one may not take as long as a large one.
 */
const APPLY_LIMIT = { ms: 5000, msPerKiB: 4 } as const;

/** The interface through `wg`. @param interfaces names of the interfaces that are up and have an address */
export function wgDevice(
  name: string,
  exec: Exec,
  interfaces: () => readonly string[] = upInterfaces,
): Device {
  const dumpOf = async (options: ExecOptions) =>
    parseDumpInTurns(await exec("wg", ["show", name, "dump"], options));
  return {
    async observe(signal, thorough = true) {
      const options = { timeoutMs: OBSERVE_LIMIT_MS, signal };
      const [dump, firewallProblem, forwardingProblem] = await Promise.all([
        dumpOf(options),
        thorough ? lookAtFirewall(exec, options) : undefined,
        lookAtForwarding(),
      ]);
      return { up: interfaces().includes(name), dump, firewallProblem, forwardingProblem };
    },
    dump: (signal) => dumpOf({ timeoutMs: OBSERVE_LIMIT_MS, signal }),
    async apply(commands, signal) {
      for (const { args, stdin } of commands) {
        const kib = (stdin?.length ?? 0) / 1024;
        const timeoutMs = APPLY_LIMIT.ms + Math.ceil(kib * APPLY_LIMIT.msPerKiB);
        await exec("wg", args, { timeoutMs, stdin, signal });
      }
    },
  };
}

const REPAIR = "run `systemctl restart wgc-network`";

/** Lists the names only, not the rules. Never fails: that a firewall is gone must not keep a revoked client in. */
async function lookAtFirewall(exec: Exec, options: ExecOptions): Promise<string | undefined> {
  try {
    const tables = await exec("nft", ["list", "tables", "inet"], options);
    if (tables.split("\n").some((line) => line.trim() === "table inet wgc")) return undefined;
    return `the firewall is not loaded (there is no nftables table inet wgc); ${REPAIR}`;
  } catch (error) {
    return `the firewall cannot be looked at: ${messageOf(error)}`;
  }
}

/** The kernel's switch for packets that are not its own (Documentation/networking/ip-sysctl); without it no client gets anywhere. */
const FORWARDING = "/proc/sys/net/ipv4/ip_forward";

async function lookAtForwarding(): Promise<string | undefined> {
  try {
    if ((await fs.readFile(FORWARDING, "utf8")).trim() === "1") return undefined;
    return "IPv4 forwarding is off (net.ipv4.ip_forward); run `sysctl -p /etc/sysctl.d/90-wgc.conf`";
  } catch (error) {
    return `IPv4 forwarding cannot be looked at: ${messageOf(error)}`;
  }
}

/** Asked of the kernel directly, without a process: Node leaves out interfaces that are down (getifaddrs(3), IFF_UP and IFF_RUNNING). */
function upInterfaces(): readonly string[] {
  return Object.keys(networkInterfaces());
}
