import { join } from "node:path";
import { VpnCluster } from "./components/vpn-cluster";
import { stackSettings } from "./config/stack";

const cluster = new VpnCluster("wgc", {
  ...stackSettings(),
  agentEntry: join(__dirname, "agent", "main.ts"),
  controlEntry: join(__dirname, "control", "lambda.ts"),
  bundleFolder: join(__dirname, ".wgc", "bundles"),
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
/** The servers' public key when `init` last ran; a rotation of the server key later does not show here. */
export const serverPublicKey = cluster.serverPublicKey;
/** Topic that alarms are told to; undefined where the stack has none. */
export const alarmTopicArn = cluster.alarmTopicArn;
/** Name of the function that changes the registry; operators invoke it with their IAM identity. */
export const controlFunctionName = cluster.controlFunctionName;
/** The role that operators take, with MFA; none where `wgc:operatorPrincipals` names nobody. */
export const operatorRoleArn = cluster.operatorRoleArn;
