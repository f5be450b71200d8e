import type { Clock } from "./clock";
import type { Exec } from "./exec";
import { findings, type Health, type HealthInput } from "./health";
import { HealthMonitor } from "./health-monitor";
import type { Log } from "./log";
import { Probe, type ProbeLine } from "./probe";
import { Pulse } from "./pulse";
import type { Reconciler } from "./reconcile";
import { ToolWatch } from "./tool-watch";
import type { WatchedDevice } from "./watched-device";

/** What the watch finds out by itself; the rest of the input is told by the agent. */
type Own =
  | ("applied" | "overdueMs" | "device" | "deviceError" | "applyError")
  | ("lookingMs" | "lastLookMs" | "toolWaitingMs" | "probeProblem");

/** What the watch needs from around it. */
export interface HealthWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly exec: Exec;
  readonly device: WatchedDevice;
  readonly reconciler: Pick<
    Reconciler,
    "appliedRevision" | "error" | "overdueMs" | "peerCount" | "request" | "state"
  >;
  readonly line: ProbeLine;
  /** The input's part that is known elsewhere. */
  readonly rest: () => Omit<HealthInput, Own>;
}

/** Keeps finding out how this server does: with each beat a packet of the probe, now and then a call of `wg`. */
export class HealthWatch {
  readonly probe: Probe;
  private readonly tool: ToolWatch;
  private readonly monitor = new HealthMonitor();
  private readonly pulse: Pulse;
  private said: boolean | undefined;

  /** The registry's revision that the interface has, and since when (monotonic). */
  applied: { readonly revision: number; readonly at: number } | undefined;

  constructor(private readonly options: HealthWatchOptions) {
    const { clock, exec, line } = options;
    this.probe = new Probe(line, clock);
    this.tool = new ToolWatch(exec, clock);
    this.pulse = new Pulse(clock, () => this.beat());
  }

  start(): void {
    this.pulse.start();
  }

  stop(): void {
    this.pulse.stop();
    this.probe.stop();
  }

  /** What to tell the load balancer now. */
  health(): Health {
    return this.monitor.answer(this.find(), this.options.clock.monotonic());
  }

  /** Clients in the interface: all peers but the probe, which is among them from the first pass on. */
  get clients(): number {
    const { appliedRevision, peerCount } = this.options.reconciler;
    return Math.max(0, peerCount - (appliedRevision === undefined ? 0 : 1));
  }

  /** Told after each pass of the reconciler. */
  onPass(): void {
    const { clock, reconciler } = this.options;
    const revision = reconciler.appliedRevision;
    if (revision !== undefined && revision !== this.applied?.revision)
      this.applied = { revision, at: clock.monotonic() };
  }

  private beat(): void {
    const { clock, device, log, reconciler } = this.options;
    this.tool.beat(device.lastLookAt);
    // Not before the server knows its probe: a handshake that nobody answers is repeated only after 5 s (whitepaper, section 6).
    const known = reconciler.appliedRevision !== undefined;
    // A look now finds the reason, or that it is gone.
    const changed = known && this.probe.beat();
    device.suspicious = this.probe.problem !== undefined;
    if (changed) reconciler.request("everything");
    const [found, now] = [this.find(), clock.monotonic()];
    this.monitor.beat(found, now);
    const { healthy, status, reasons } = this.monitor.answer(found, now);
    if (healthy === this.said) return;
    this.said = healthy;
    log[healthy ? "info" : "warn"]({ status, reasons }, healthy ? "in service" : "out of service");
  }

  private find() {
    const { device, reconciler, rest } = this.options;
    return findings({
      ...rest(),
      applied: reconciler.appliedRevision !== undefined,
      overdueMs: device.applying ? 0 : reconciler.overdueMs,
      device: reconciler.state,
      applyError: device.lookError === undefined ? reconciler.error : undefined,
      lookingMs: device.lookingMs,
      lastLookMs: device.lastLookMs,
      toolWaitingMs: this.tool.waitingMs,
      probeProblem: this.probe.problem,
      deviceError: device.lookError,
    });
  }
}
