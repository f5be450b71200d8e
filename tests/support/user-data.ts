import type { UserDataArgs } from "../../userdata/types";

/** Arguments of a plausible server, for tests of what it boots with. */
export const USER_DATA: UserDataArgs = {
  cluster: "wgc-test",
  region: "eu-central-1",
  listenPort: 51820,
  healthPort: 8080,
  mtu: 1420,
  tunnelCidr: "10.100.0.0/16",
  vpcCidr: "10.0.0.0/16",
  drainSeconds: 20,
  deregistrationDelaySeconds: 30,
  healthCheckSeconds: 5,
  takeover: true,
  topology: "active-active",
  meshPort: 51830,
  lifecycle: {
    group: "wgc-test-servers",
    launchHook: "wgc-launch",
    terminateHook: "wgc-terminate",
    heartbeatSeconds: 90,
  },
  monitoring: "none",
  fileSystemId: "fs-0123456789abcdef0",
  registryAccessPointId: "fsap-0aaaaaaaaaaaaaaaa",
  runtimeAccessPointId: "fsap-0bbbbbbbbbbbbbbbb",
  agent: { bucket: "wgc-test-agent-0badcafe", key: `agent/${"ab".repeat(32)}.js`, sha256: "ab".repeat(32) },
};

/** The same server with routed addressing. */
export const ROUTED: UserDataArgs = {
  ...USER_DATA,
  routed: {
    prefixes: ["10.0.0.0/16", "172.20.0.0/16"],
    backendPrefixes: ["10.0.3.0/24"],
    clientToClient: false,
    routeTables: [
      { id: "rtb-0aaaaaaaaaaaaaaaa", zone: "eu-central-1a" },
      { id: "rtb-0bbbbbbbbbbbbbbbb", zone: "eu-central-1b" },
    ],
  },
};
