/** One WireGuard hop without a cluster around it: the lab's client and its internet host, on one bridge. */
import { INTERNET } from "../../lab/addresses";
import { generateKeyPair } from "../../wireguard/keys";
import type { Cluster } from "../cluster";

const PORT = 51_821;
/** RFC 2544's range for benchmarks: nobody else in the lab uses it. */
const ENDS = { client: "198.18.0.2", host: "198.18.0.1" } as const;

/** The address that the host has inside the bare tunnel. */
export const BARE_HOST = ENDS.host;

interface End {
  readonly privateKey: string;
  readonly address: string;
  readonly peer: { readonly publicKey: string; readonly address: string; readonly endpoint?: string };
}

/** Commands that make one end: the kernel's WireGuard where there is one, as the servers do. */
function script({ privateKey, address, peer }: End, mtu: number): string {
  const endpoint = peer.endpoint ? `endpoint ${peer.endpoint}` : "";
  return [
    "set -e",
    "ip link add bare type wireguard 2>/dev/null || wireguard-go bare >/dev/null 2>&1",
    `printf '%s\\n' '${privateKey}' >/run/bare.key`,
    `wg set bare listen-port ${PORT} private-key /run/bare.key peer ${peer.publicKey} allowed-ips ${peer.address}/32 ${endpoint}`,
    `ip address add ${address}/30 dev bare`,
    `ip link set bare mtu ${mtu} up`,
  ].join("\n");
}

/** Lays the tunnel between a client of the lab and the lab's internet host. */
export async function layBareHop(cluster: Cluster, client: string, mtu: number): Promise<void> {
  const [here, there] = [generateKeyPair(), generateKeyPair()];
  const host = { publicKey: there.publicKey, address: ENDS.host, endpoint: `${INTERNET.host}:${PORT}` };
  await cluster.sh(
    "internet",
    script(
      {
        privateKey: there.privateKey,
        address: ENDS.host,
        peer: { publicKey: here.publicKey, address: ENDS.client },
      },
      mtu,
    ),
  );
  await cluster.sh(client, script({ privateKey: here.privateKey, address: ENDS.client, peer: host }, mtu));
}
