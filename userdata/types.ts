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
  /** Seconds between two health checks of the load balancer. */
  readonly healthCheckSeconds: number;
  /** Whether servers take sessions over from each other. */
  readonly takeover: boolean;
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
