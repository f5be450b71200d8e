import { join } from "node:path";
import { VpnCluster } from "./components/vpn-cluster";
import { stackSettings } from "./config/stack";

const cluster = new VpnCluster("wgc", {
  ...stackSettings(),
  agentEntry: join(__dirname, "agent", "main.ts"),
  bundleFolder: join(__dirname, ".wgc", "agent"),
});

/** `host:port` for client configurations. */
export const clientEndpoint = cluster.clientEndpoint;
/** The load balancer's addresses, one a zone; they never change. */
export const staticIps = cluster.staticIps;
/** Name of the Auto Scaling group. */
export const groupName = cluster.groupName;
export const fileSystemId = cluster.fileSystemId;
export const registryAccessPointId = cluster.registryAccessPointId;
export const runtimeAccessPointId = cluster.runtimeAccessPointId;
export const agentBucket = cluster.agentBucket;
export const vpcId = cluster.vpcId;
export const launchTemplateId = cluster.launchTemplateId;
