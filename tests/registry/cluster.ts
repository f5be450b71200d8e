import type { ClusterFile } from "../../registry/schema";

/** A cluster description for tests. */
export const CLUSTER: ClusterFile = {
  schema: 1,
  cluster: "wgc-test",
  endpoint: "vpn.example.org:51820",
  tunnelIpv4: "10.100.0.0/16",
  dns: ["10.0.0.2"],
  routes: ["10.0.0.0/16"],
  mtu: 1420,
  persistentKeepalive: 25,
};
