import { OVERLAY } from "../wireguard/overlay";
import { INTERFACE, PATHS } from "./paths";
import type { RoutedArgs, UserDataArgs } from "./types";

/** Renders the agent's configuration file. */
export function renderAgentConfig(args: UserDataArgs): string {
  const config = {
    version: 1,
    cluster: args.cluster,
    region: args.region,
    interface: INTERFACE,
    listenPort: args.listenPort,
    healthPort: args.healthPort,
    mtu: args.mtu,
    tunnelIpv4: args.tunnelCidr,
    registryPath: PATHS.registry,
    runtimePath: PATHS.runtime,
    statePath: PATHS.state,
    drainSeconds: args.drainSeconds,
    deregistrationDelaySeconds: args.deregistrationDelaySeconds,
    healthCheckSeconds: args.healthCheckSeconds,
    takeover: args.takeover,
    addressing: args.routed === undefined ? "masquerade" : "routed",
    topology: args.topology,
    mesh: { port: args.meshPort },
    ...(args.routed === undefined ? {} : { routed: routedConfig(args.routed) }),
    lifecycle: args.lifecycle,
    monitoring: args.monitoring,
  };
  // Lists on one line each: user data is limited.
  const text = JSON.stringify(config, null, 2).replace(/\[[^[\]]*\]/g, (list) => list.replace(/\s+/g, " "));
  return `${text}\n`;
}

/** Who may open connections is the firewall's business; the agent need not know it. */
function routedConfig({ prefixes, routeTables, clientToClient }: RoutedArgs) {
  return { overlayPort: OVERLAY.port, prefixes, routeTables, clientToClient };
}
