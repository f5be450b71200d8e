import type { Clock, Timer } from "./clock";

/** Who wants this server to go. */
export type DrainSource = "signal" | "lifecycle" | "spot" | "operator";

/** What a drain is made of. */
export interface DrainOptions {
  readonly clock: Clock;
  /** A drain takes no longer than this, from when this server is out of service. */
  readonly limitSeconds: number;
  /** One that only the Auto Scaling group asks for takes as long as flows are led here, where that is longer. */
  readonly deregistrationDelaySeconds?: number | undefined;
  /** Within this time the load balancer has noticed that this server is unhealthy. */
  readonly noticeSeconds: number;
  /** Whether it is not told so yet: another server takes this one's place first. */
  readonly inService?: (() => boolean) | undefined;
  /** Sessions that this server holds now; undefined when nobody counts them, and then a drain takes all of its time. */
  readonly sessionsLive?: (() => number | undefined) | undefined;
  /**
   * What is to be done for clients that are left when nobody is counted any more, or the time is up; the drain is over when it settles.
   * `stillDrains` tells whether it is still wanted, `isEmpty` that nobody is counted.
   */
  readonly handOver?: ((stillDrains: () => boolean, isEmpty: boolean) => Promise<void>) | undefined;
  /** Told once when a drain is over: the place to complete an Auto Scaling lifecycle action. */
  readonly onDrained?: ((reason: string) => void) | undefined;
}

/** How a drain goes. */
export interface DrainReport {
  readonly reason: string;
  /** Whether the server may go: nobody uses it any more, or the time is up. */
  readonly over: boolean;
}

const LOOK_MS = 250;
/** Flows that the load balancer moves when the deregistration delay is over are gone by then. */
const MOVED_SECONDS = 2;
/** A client that is on the move may show up here once more. */
const EMPTY_MS = 1000;

/**
 * The way out: unhealthy at once, so that the load balancer moves the flows (the one server that serves where others stand by: once the
 * next one does), but serving on until this server's sessions are gone or the time is up and the clients that are left have been handed
 * over. The WireGuard interface is never touched.
 *
 * INVARIANTS: the server drains as long as at least one source says so, and none takes back what another one said. Sessions are
 * counted only once the load balancer had time to notice: before that new ones still arrive. Only a signal ends the process.
 */
export class Drain {
  private readonly sources = new Map<DrainSource, string>();
  private began = 0;
  /** When the load balancer was first told. */
  private outSince = 0;
  private emptySince: number | undefined;
  private timer: Timer | undefined;
  private over = false;
  private leaving = false;
  private leave: () => void = () => {};

  /** Settles when a signal asked this process to go and the drain is over. */
  readonly finished: Promise<void>;

  constructor(private readonly options: DrainOptions) {
    this.finished = new Promise((done) => {
      this.leave = done;
    });
  }

  /** Why this server drains; undefined while it serves. */
  get reason(): string | undefined {
    return this.sources.size === 0 ? undefined : [...this.sources.values()].join("; ");
  }

  /** Whether that source is one of those that want this server to go. */
  isAskedBy(source: DrainSource): boolean {
    return this.sources.has(source);
  }

  /** How the drain goes; undefined while the server serves. */
  get report(): DrainReport | undefined {
    const { reason, over } = this;
    return reason === undefined ? undefined : { reason, over };
  }

  /** A source says why this server is to drain, or (undefined) that it need not any more. Returns whether that is news. */
  set(source: DrainSource, reason: string | undefined): boolean {
    if (this.sources.get(source) === reason) return false;
    const wasDraining = this.sources.size > 0;
    if (reason === undefined) this.sources.delete(source);
    else this.sources.set(source, reason);
    if (this.sources.size === 0) this.end();
    else if (!wasDraining) this.begin();
    return true;
  }

  /** The process is told to go: it drains first; told a second time, it goes at once. */
  signal(name: string): void {
    if (this.leaving) {
      this.finish();
      return;
    }
    this.leaving = true;
    this.set("signal", name);
    if (this.over) this.leave();
  }

  private begin(): void {
    this.began = this.options.clock.monotonic();
    this.outSince = this.began;
    this.look();
  }

  private end(): void {
    this.timer?.cancel();
    this.over = false;
    this.emptySince = undefined;
  }

  private look(): void {
    const { clock, inService, noticeSeconds, sessionsLive } = this.options;
    const now = clock.monotonic();
    if (inService?.() === true) this.outSince = now;
    const left = this.outSince + this.limitSeconds * 1000 - now;
    const isNoticed = now - this.outSince >= noticeSeconds * 1000;
    this.emptySince = isNoticed && sessionsLive?.() === 0 ? (this.emptySince ?? now) : undefined;
    const isEmpty = this.emptySince !== undefined && now - this.emptySince >= EMPTY_MS;
    if (isEmpty || left <= 0) this.lastOnes(isEmpty);
    else this.timer = clock.after(Math.min(LOOK_MS, left), () => this.look());
  }

  /** A deregistered server is not checked any more, and its clients cannot leave before the delay is over. */
  private get limitSeconds(): number {
    const { deregistrationDelaySeconds = 0, limitSeconds } = this.options;
    const isDeregistered = this.sources.size === 1 && this.sources.has("lifecycle");
    return isDeregistered ? Math.max(limitSeconds, deregistrationDelaySeconds + MOVED_SECONDS) : limitSeconds;
  }

  private lastOnes(isEmpty: boolean): void {
    const { handOver } = this.options;
    const { began } = this;
    const stillDrains = () => this.sources.size > 0 && this.began === began;
    if (handOver === undefined) this.finish();
    else void handOver(stillDrains, isEmpty).then(() => stillDrains() && this.finish());
  }

  private finish(): void {
    this.timer?.cancel();
    const { reason } = this;
    if (!this.over && reason !== undefined) {
      this.over = true;
      this.options.onDrained?.(reason);
    }
    if (this.leaving) this.leave();
  }
}
