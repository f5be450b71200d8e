import { INTERFACE, PATHS } from "./paths";
import type { UserDataArgs } from "./types";

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
    healthCheckSeconds: args.healthCheckSeconds,
    takeover: args.takeover,
    monitoring: args.monitoring,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
