import type { Registry } from "prom-client";
import type { Peer } from "../../wireguard/dump";
import type { Clock } from "../clock";
import type { Exec } from "../exec";
import type { Log } from "../log";
import { HandshakeCounter } from "./handshakes";
import { AllowanceWatch } from "./kernel-counters";
import { addNetworkMetrics } from "./metrics";
import { SyncAge, type SyncSource } from "./sync-age";

export interface NetworkMetricsOptions extends Omit<SyncSource, "now"> {
  readonly interface: string;
  readonly probeKey: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
}

/** What has to be followed for metrics that nothing else in the agent needs. */
export class NetworkMetrics {
  /** One for each interface: the second one is there while the server key rotates. */
  private readonly handshakes: { readonly current: HandshakeCounter; readonly next: HandshakeCounter };
  private readonly allowances: AllowanceWatch;
  private readonly syncAge: SyncAge;

  constructor(private readonly options: NetworkMetricsOptions) {
    const { clock, exec, log, probeKey } = options;
    this.handshakes = { current: new HandshakeCounter(probeKey), next: new HandshakeCounter(probeKey) };
    this.allowances = new AllowanceWatch(exec, clock, log);
    this.syncAge = new SyncAge({ ...options, now: () => clock.monotonic() });
  }

  /** Told of all peers after each look at an interface. */
  observe(peers: readonly Peer[], which: "current" | "next" = "current"): void {
    this.handshakes[which].observe(peers);
  }

  /** Told after each pass of the reconciler. */
  onPass(): void {
    this.syncAge.look();
  }

  start(registry: Registry): void {
    const { syncAge, allowances } = this;
    const handshakes = () => this.handshakes.current.total + this.handshakes.next.total;
    addNetworkMetrics(registry, { interface: this.options.interface, handshakes, syncAge, allowances });
    void allowances.start();
  }

  stop(): void {
    this.allowances.stop();
  }
}
