// Two servers with the firewall of routed addressing, a client behind each, and a VPC: run inside its own namespaces.
//
//   c --- wg0 [s] eth0 --- [vpc] --- eth0 [o] wg0 --- d        s, o: servers with an overlay between them
//
// The VPC routes all clients to s. Tunnels are cables, since the rules know interfaces by name only.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs/promises";
import { agentConfigSchema } from "../../../agent/config";
import { overlayUp } from "../../../agent/routed/overlay-network";
import { renderAgentConfig } from "../../../userdata/agent-config";
import { renderNftables } from "../../../userdata/nftables";
import { renderSysctls } from "../../../userdata/sysctls";
import { tool } from "../../agent/programs/support";
import { ROUTED } from "../../support/user-data";
import type { Hosts } from "./host";

export const CLIENT = { c: "10.100.0.2", d: "10.100.0.7" } as const;
export const SERVER = { s: "10.0.0.10", o: "10.0.1.20" } as const;
/** Hosts of the VPC namespace: one that may open connections to clients, one that may not, the resolver, and one outside. */
export const HOST = {
  backend: "10.0.3.9",
  other: "10.0.9.9",
  resolver: "10.0.0.2",
  peered: "172.20.0.9",
  internet: "198.51.100.9",
} as const;
export const ROUTER = "10.0.0.1";
const NAMESPACES = ["s", "o", "c", "d", "vpc"] as const;
export type Name = (typeof NAMESPACES)[number];

/** A command in a namespace. */
export const at = (name: Name, ...command: string[]): Promise<string> =>
  tool("ip", "netns", "exec", name, ...command);

const script = (name: Name, text: string): Promise<string> => at(name, "sh", "-ec", text);

/** Loads the firewall of routed addressing, and makes the servers members of each other's mesh. */
export async function loadFirewalls(routed: Partial<typeof ROUTED.routed> = {}): Promise<void> {
  if (ROUTED.routed === undefined) throw new Error("the example has no routed addressing");
  const text = renderNftables({ ...ROUTED, routed: { ...ROUTED.routed, ...routed } });
  await fs.writeFile("/run/firewall.nft", text);
  for (const [name, member] of [
    ["s", SERVER.o],
    ["o", SERVER.s],
  ] as const) {
    await at(name, "nft", "-f", "/run/firewall.nft");
    await at(name, "nft", "add", "element", "inet", "wgc", "mesh_members", `{ ${member} }`);
  }
}

/** Where a server looks for a client: at the other server, or (undefined) here. */
export async function holder(of: keyof typeof CLIENT, server: "s" | "o", elsewhere: boolean): Promise<void> {
  const other = SERVER[server === "s" ? "o" : "s"];
  const route = `${CLIENT[of]}/32 encap ip id 51820 dst ${other} dev wgc-mesh table 119`;
  await script(server, elsewhere ? `ip route replace ${route}` : `ip route del ${CLIENT[of]}/32 table 119`);
}

/** What a server's agent knows, as far as the overlay goes. */
const AGENT = agentConfigSchema.parse(JSON.parse(renderAgentConfig(ROUTED)));

/** The overlay as the agent makes it. */
export const overlayIn = (name: Name): Promise<unknown> =>
  overlayUp(AGENT, async (file, args) => at(name, file, ...args));

async function makeServer(name: "s" | "o", own: { address: string; router: string; peer: string }) {
  await script(
    name,
    `ip link set lo up; sysctl -qp /run/sysctl.conf
     ip link add wg0 type veth peer name wg0 netns ${own.peer}
     ip link add eth0 type veth peer name ${name} netns vpc
     ip address add ${own.address}/24 dev eth0; ip link set eth0 up; ip route add default via ${own.router}
     ip address add 10.100.0.1/16 dev wg0; ip link set wg0 mtu 1420 up`,
  );
  await overlayIn(name);
  await script("vpc", `ip address add ${own.router}/24 dev ${name}; ip link set ${name} up`);
}

/** Makes it all, with each client at its own server. */
export async function makeNetwork(): Promise<void> {
  await fs.mkdir("/run/netns", { recursive: true });
  await fs.writeFile("/run/sysctl.conf", renderSysctls());
  for (const name of NAMESPACES) await tool("ip", "netns", "add", name);
  await makeServer("s", { address: SERVER.s, router: ROUTER, peer: "c" });
  await makeServer("o", { address: SERVER.o, router: "10.0.1.1", peer: "d" });
  for (const name of ["c", "d"] as const)
    await script(
      name,
      `ip link set lo up; ip address add ${CLIENT[name]}/16 dev wg0; ip link set wg0 mtu 1420 up
       ip route add default via 10.100.0.1`,
    );
  const addresses = Object.values(HOST).map((address) => `ip address add ${address}/32 dev lo`);
  await script(
    "vpc",
    `ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
     ${addresses.join("; ")}; ip route add 10.100.0.0/16 via ${SERVER.s}`,
  );
  // Clients' neighbours in the tunnel's range are behind their server, as in WireGuard.
  for (const name of ["c", "d"] as const)
    await script(name, "ip route replace 10.100.0.0/16 via 10.100.0.1 dev wg0 onlink");
  await holder("d", "s", true);
  await holder("c", "o", true);
}

/** Packets that a server's rule with this comment has counted; over all rules of that comment. */
export async function counted(name: "s" | "o", comment: string): Promise<number> {
  const rules = await at(name, "nft", "list", "table", "inet", "wgc");
  const found = [...rules.matchAll(new RegExp(`packets (\\d+) .*comment "${comment}"`, "g"))];
  if (found.length === 0) throw new Error(`no rule says ${comment}`);
  return found.reduce((sum, [, packets]) => sum + Number(packets), 0);
}

/** The programs of one namespace. */
export async function hostIn(name: Name, program: string): Promise<Hosts> {
  const child = spawn("ip", ["netns", "exec", name, process.execPath, program], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await new Promise((resolve) => child.once("message", resolve));
  const calls = [
    "serve",
    "heard",
    "send",
    "ask",
    "dial",
    "knock",
    "giveUp",
    "push",
    "hear",
    "reset",
  ] satisfies (keyof Hosts)[];
  return Object.fromEntries(
    calls.map((call) => [call, (...args: unknown[]) => ask(child, call, args)]),
  ) as unknown as Hosts;
}

let asked = 0;

function ask(child: ChildProcess, call: string, args: readonly unknown[]): Promise<unknown> {
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    const listen = (message: { id: number; value?: unknown; error?: string }) => {
      if (message.id !== id) return;
      child.off("message", listen);
      if (message.error === undefined) resolve(message.value);
      else reject(new Error(`${call}: ${message.error}`));
    };
    child.on("message", listen);
    child.send({ id, call, args });
  });
}
