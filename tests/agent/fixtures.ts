import pino from "pino";
import type { AgentConfig } from "../../agent/config";
import type { DeviceState } from "../../agent/device";
import type { ClientFile } from "../../registry/schema";
import type { PeerSpec } from "../../wireguard/diff";

/** A logger that says nothing. */
export const silent = pino({ level: "silent" });

/** Thirty-two times the same byte, as a key. */
export const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");

/** The agent's configuration as the contract with user data has it. */
export const CONFIG: AgentConfig = {
  version: 1,
  cluster: "wgc-dev",
  region: "us-east-1",
  interface: "wg0",
  listenPort: 51820,
  healthPort: 8080,
  mtu: 1420,
  tunnelIpv4: "10.100.0.0/16",
  registryPath: "/mnt/wgc/registry",
  runtimePath: "/mnt/wgc/runtime",
  statePath: "/var/lib/wgc",
  drainSeconds: 20,
  deregistrationDelaySeconds: 30,
  healthCheckSeconds: 5,
  takeover: true,
  addressing: "masquerade",
  topology: "active-active",
  mesh: { port: 51830 },
  monitoring: "none",
};

/** A client file. */
export function client(name: string, byte: number, more: Partial<ClientFile> = {}): ClientFile {
  return {
    schema: 1,
    name,
    publicKey: key(byte),
    addresses: [`10.100.0.${byte}/32`],
    createdAt: "2025-01-01T00:00:00Z",
    tags: {},
    ...more,
  };
}

/** An interface as the kernel would show it. */
export function device(peers: Iterable<PeerSpec>, more: Partial<DeviceState> = {}): DeviceState {
  return {
    up: true,
    firewallProblem: undefined,
    forwardingProblem: undefined,
    dump: {
      interface: { publicKey: key(1), listenPort: 51820, fwmark: undefined },
      peers: [...peers].map((peer) => ({
        presharedKey: undefined,
        ...peer,
        endpoint: undefined,
        latestHandshake: 0,
        rxBytes: 0,
        txBytes: 0,
        persistentKeepalive: 0,
      })),
    },
    ...more,
  };
}
