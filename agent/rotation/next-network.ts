import { UserError } from "../../config/errors";
import { INTERFACES, secondPort } from "../../wireguard/generations";
import { PROBE } from "../../wireguard/probe";
import type { AgentConfig } from "../config";
import { ensure } from "../ensure";
import { type Exec, ExecError } from "../exec";
import type { LocalCopy } from "../local-copy";

const options = { timeoutMs: 10_000 };

/** The table that belongs to the agent, and stands only while the current key is served at the second port. */
export const PORTS_TABLE = "inet wgc_ports";

/**
 * Renders the exchange of the two ports for `nft -f`: on a server the current key is always behind the first port, and outside
 * it is behind the one that clients' configurations say.
 *
 * INVARIANTS: what comes in is changed before, and what goes out after connection tracking and the takeover's tables have seen it
 * (raw is -300, conntrack -200, mangle -150), so to both a packet and its answer have the same ports. Without state: a
 * packet's port says all. The probe's packets come by its own cable and mean the first port.
 */
export function renderPortExchange(listenPort: number, isExchanged: boolean): string {
  const none = `add table ${PORTS_TABLE}\ndelete table ${PORTS_TABLE}\n`;
  if (!isExchanged) return none;
  const [first, second] = [listenPort, secondPort(listenPort)];
  const map = `{ ${first} : ${second}, ${second} : ${first} }`;
  const ports = `{ ${first}, ${second} }`;
  const others = (direction: string) => `${direction} != { "lo", "${PROBE.outside.interface}" }`;
  return `${none}table ${PORTS_TABLE} {
  chain in {
    type filter hook prerouting priority -350; policy accept;
    ${others("iifname")} udp dport ${ports} udp dport set udp dport map ${map}
  }
  chain out {
    type filter hook output priority 350; policy accept;
    ${others("oifname")} udp sport ${ports} udp sport set udp sport map ${map}
  }
}
`;
}

/** What the network of this server is to be: which key counts, and which one follows. */
export interface Generations {
  readonly publicKey: string;
  /** The port at which clients find the current key. */
  readonly port: number;
  readonly next: { readonly publicKey: string; readonly port: number } | undefined;
}

/** As this server's own copy says. */
export async function readGenerations(
  local: LocalCopy,
  config: AgentConfig,
): Promise<Generations | undefined> {
  const publicKey = await local.publicKey();
  if (publicKey === undefined) return undefined;
  return {
    publicKey,
    port: (await local.ports()).get(publicKey) ?? config.listenPort,
    next: await local.next(),
  };
}

/**
 * Gives the tunnel interface the current key where it still has an older one of this cluster, and the ports their meaning.
 * Safe to repeat; an interface that has the key keeps its sessions.
 */
export async function alignCurrent(config: AgentConfig, local: LocalCopy, exec: Exec): Promise<void> {
  const wanted = await readGenerations(local, config);
  if (wanted === undefined) return;
  const has = await publicKeyOf(config.interface, exec);
  if (has !== undefined && has !== wanted.publicKey && has !== "(none)") {
    if (!(await local.ports()).has(has)) {
      throw new UserError(
        `${config.interface} exists with the public key ${has}, but this cluster's is ${wanted.publicKey}; remove the interface (\`ip link del ${config.interface}\`) and run the command again`,
      );
    }
    // The file's name, not the key: arguments are visible to every user of the machine.
    await exec("wg", ["set", config.interface, "private-key", local.keyPath], options);
  }
  const rules = renderPortExchange(config.listenPort, wanted.port !== config.listenPort);
  await exec("nft", ["-f", "/dev/stdin"], { ...options, stdin: rules });
}

/** Makes the interface of the next key, or brings it to what it is to be. Its sessions stay. */
export async function nextUp(
  config: AgentConfig,
  local: LocalCopy,
  create: (name: string, exec: Exec) => Promise<unknown>,
  exec: Exec,
): Promise<void> {
  const name = INTERFACES.next;
  const wanted = (await local.next())?.publicKey;
  const has = await publicKeyOf(name, exec);
  if (has !== undefined && has !== "(none)" && has !== wanted) await nextDown(exec);
  await ensure(
    async () => (await publicKeyOf(name, exec)) !== undefined,
    () => create(name, exec),
  );
  await exec("wg", ["set", name, "private-key", local.nextKeyPath], options);
  await exec("wg", ["set", name, "listen-port", String(secondPort(config.listenPort))], options);
  // No address of its own: the other interface has it, and answers leave by the routes of the clients that are here.
  await exec("ip", ["link", "set", "dev", name, "mtu", String(config.mtu), "up"], options);
}

/** Takes the interface of the next key away, and all routes to it with it; nothing happens when there is none. */
export async function nextDown(exec: Exec): Promise<void> {
  await ensure(
    async () => (await publicKeyOf(INTERFACES.next, exec)) === undefined,
    () => exec("ip", ["link", "del", "dev", INTERFACES.next], options),
  );
}

/** The interface's public key as `wg` prints it ("(none)" before it has one), or undefined when there is no interface. */
export async function publicKeyOf(name: string, exec: Exec): Promise<string | undefined> {
  try {
    return (await exec("wg", ["show", name, "public-key"], options)).trim();
  } catch (error) {
    // Without the kernel's module `wg` says "Protocol not supported" about every interface that it finds no socket for.
    if (error instanceof ExecError && /No such device|Protocol not supported/i.test(error.message))
      return undefined;
    throw error;
  }
}
