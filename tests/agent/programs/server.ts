// One server in a namespace of its own: what user data would write, and the boot that would follow.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { initRegistry } from "../../../registry/init";
import type { ClusterFile } from "../../../registry/schema";
import { renderNftables } from "../../../userdata/nftables";
import { parseDump } from "../../../wireguard/dump";
import { health, tool, until } from "./support";

/** The agent's bundle, from the command line. */
export const bundle = process.argv[2] ?? "";
export const root = "/run/wgc";
export const registry = `${root}/registry`;
export const PORT = 8080;
export const config = {
  version: 1,
  cluster: "wgc-test",
  region: "us-east-1",
  interface: "wg0",
  listenPort: 51820,
  healthPort: PORT,
  mtu: 1420,
  tunnelIpv4: "10.100.0.0/16",
  registryPath: registry,
  runtimePath: `${root}/runtime`,
  statePath: `${root}/state`,
  drainSeconds: 2,
  deregistrationDelaySeconds: 2,
  healthCheckSeconds: 5,
  takeover: true,
  addressing: "masquerade",
  topology: "active-active",
  mesh: { port: 51830 },
  monitoring: "none",
};
/** What the control function was told about the cluster. */
export const CLUSTER: ClusterFile = {
  schema: 1,
  cluster: config.cluster,
  endpoint: "vpn.example.org:51820",
  tunnelIpv4: config.tunnelIpv4,
  dns: [],
  routes: ["10.0.0.0/16"],
  mtu: config.mtu,
  persistentKeepalive: 25,
};
export const FORWARDING = "/proc/sys/net/ipv4/ip_forward";
export const FIREWALL = `${root}/nftables.nft`;
export const env = { WGC_AGENT_CONFIG: `${root}/agent.json`, WGC_INSTANCE_ID: "i-test" };

/** The server's clients as `wg` shows them; the probe is not among them. */
export async function peers() {
  const probe = (await fs.readFile(`${config.statePath}/probe.pub`, "utf8")).trim();
  const { peers: all } = parseDump(await tool("wg", "show", "wg0", "dump"));
  return new Map(all.filter(({ publicKey }) => publicKey !== probe).map((peer) => [peer.publicKey, peer]));
}

/** Waits until health has a status. */
export const isStatus = (status: string) =>
  until(status, async () => (await health(PORT)).body.status === status, 15_000);

/**
 * Makes the server's files, its key pair, firewall, interface and probe; returns the public key.
 *
 * @param seenByControl the registry's folder as the control function has it, which makes the key
 */
export async function bootServer(seenByControl = registry): Promise<string> {
  await fs.mkdir(root);
  await fs.writeFile(env.WGC_AGENT_CONFIG, JSON.stringify(config));
  Object.assign(process.env, env);
  await initRegistry(seenByControl, CLUSTER);
  const publicKey = (await tool(process.execPath, bundle, "init")).trim();
  await fs.writeFile(FORWARDING, "1");
  const { tunnelIpv4: tunnelCidr, listenPort, healthPort, takeover, mesh } = config;
  const vpcCidr = "10.0.0.0/16";
  await fs.writeFile(
    FIREWALL,
    renderNftables({ tunnelCidr, listenPort, healthPort, vpcCidr, takeover, meshPort: mesh.port }),
  );
  await tool("nft", "-f", FIREWALL);
  await tool(process.execPath, bundle, "network-up");
  assert.match(publicKey, /^\S{44}$/);
  return publicKey;
}
