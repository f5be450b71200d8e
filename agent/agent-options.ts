import type { Clock } from "./clock";
import type { AgentConfig } from "./config";
import type { Device } from "./device";
import type { Exec } from "./exec";
import type { LifecycleOptions } from "./lifecycle/lifecycle";
import type { LocalCopy } from "./local-copy";
import type { Log } from "./log";
import type { ProbeLine } from "./probe";
import type { StorageClient } from "./storage-client";

/** What the agent is made of. */
export interface AgentOptions {
  readonly config: AgentConfig;
  readonly instance: string;
  readonly version: string;
  readonly publicKey: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: StorageClient;
  readonly device: Device;
  /** The interface of the next server key; made when there is one. */
  readonly nextDevice?: Device | undefined;
  readonly exec: Exec;
  readonly local: LocalCopy;
  /** Where lifecycle actions are completed; undefined for a server outside of an Auto Scaling group. */
  readonly lifecycle?: Pick<LifecycleOptions, "calls" | "settled" | "heartbeatSeconds"> | undefined;
  /** The public key of this server's probe, and its way out and back. */
  readonly probeKey: string;
  readonly probeLine: ProbeLine;
  /** Tells the kernel's tables of sessions that this server is in touch, and that flows are led to it. */
  readonly touch?: (() => void) | undefined;
}
