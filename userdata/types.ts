import type { MonitoringLevel } from "../monitoring/metrics";

/** Everything a server must know at boot. There is no secret in it: user data is readable by every process on the instance. */
export interface UserDataArgs {
  readonly cluster: string;
  readonly region: string;
  readonly listenPort: number;
  readonly healthPort: number;
  readonly mtu: number;
  readonly tunnelCidr: string;
  readonly vpcCidr: string;
  readonly drainSeconds: number;
  /** Seconds that a server which leaves keeps its flows. */
  readonly deregistrationDelaySeconds: number;
  /** Seconds between two health checks of the load balancer. */
  readonly healthCheckSeconds: number;
  /** Whether servers take sessions over from each other. */
  readonly takeover: boolean;
  readonly topology: "active-active" | "active-passive";
  /** UDP port of the servers' talk with each other. */
  readonly meshPort: number;
  /** Clients keep their addresses towards some prefixes; without it they leave with the server's towards all. */
  readonly routed?: RoutedArgs;
  /** The servers' Auto Scaling group, its lifecycle hooks and the seconds that the terminate hook waits without a word. */
  readonly lifecycle: {
    readonly group: string;
    readonly launchHook: string;
    readonly terminateHook: string;
    readonly heartbeatSeconds: number;
  };
  /** Which metrics servers send to CloudWatch. */
  readonly monitoring: MonitoringLevel;
  readonly fileSystemId: string;
  readonly registryAccessPointId: string;
  readonly runtimeAccessPointId: string;
  readonly agent: {
    readonly bucket: string;
    readonly key: string;
    /** SHA-256 of the agent bundle, 64 hexadecimal digits. */
    readonly sha256: string;
  };
}

/** What a server must know for routed addressing. */
export interface RoutedArgs {
  /** Towards these clients keep their tunnel addresses. */
  readonly prefixes: readonly string[];
  /** Who may open connections to clients, inside the prefixes. */
  readonly backendPrefixes: readonly string[];
  readonly clientToClient: boolean;
  /** Route tables that carry the tunnel range to a server, and each one's zone. */
  readonly routeTables: readonly { readonly id: string; readonly zone: string }[];
}
