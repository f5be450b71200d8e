import { wgCommands } from "../wireguard/commands";
import { applyChanges, diffPeersInTurns, type PeerChange, type PeerSpec } from "../wireguard/diff";
import type { Clock, Timer } from "./clock";
import type { Device, DeviceState } from "./device";
import { type Log, messageOf } from "./log";
import type { Mutex } from "./mutex";

/** What has to be compared: everything with what the kernel says, or only these public keys with what we last knew. */
export type Scope = "everything" | ReadonlySet<string>;

/** The peers to compare and the changes between them. */
export function decide(
  scope: Scope,
  desired: ReadonlyMap<string, PeerSpec>,
  observed: ReadonlyMap<string, PeerSpec>,
): Promise<PeerChange[]> {
  // Copies: peers that come or go meanwhile are the next pass's.
  if (scope === "everything") return diffPeersInTurns([...desired.values()], [...observed.values()]);
  const pick = (peers: ReadonlyMap<string, PeerSpec>) => [...scope].flatMap((key) => peers.get(key) ?? []);
  return diffPeersInTurns(pick(desired), pick(observed));
}

/** What the reconciler needs from around it. */
export interface ReconcilerOptions {
  readonly interface: string;
  readonly device: Device;
  /** Held while the interface is changed; others who change it hold it too. */
  readonly lock: Mutex;
  readonly clock: Clock;
  readonly log: Log;
  /** The desired peers; undefined while nothing is known yet. */
  readonly desired: () => ReadonlyMap<string, PeerSpec> | undefined;
  /** Whether a peer that is not desired stays all the same. */
  readonly spared?: ((publicKey: string) => boolean) | undefined;
  /** The registry revision that `desired` is from. */
  readonly revision: () => number;
  /** Called with each look at the interface. */
  readonly onObserve?: ((state: DeviceState) => void) | undefined;
  /** Called after each pass, successful or not. */
  readonly onPass?: (() => void) | undefined;
}

/** How long the kernel's state is trusted; a change that somebody else made is undone within this time. What clients feel, the probe feels at once. */
const OBSERVE_EVERY_MS = 4000;
/** Looking at the kernel shall take at most this share of the time, 5 %, */
const OBSERVE_SHARE = 20;
/** but on a machine that is slow to answer, faults must still be seen soon: then looking may take more. */
const OBSERVE_AT_LEAST_EVERY_MS = 10_000;
const RETRY_MS = { first: 500, most: 15_000 };

/**
 * Brings the kernel's peers to the desired ones.
 *
 * INVARIANTS: one pass at a time; what is asked for meanwhile is joined into the next pass, none is lost. Nothing is applied
 * when nothing differs, and peers that do not differ are not named, so their sessions go on. After a failure nothing is
 * assumed about the kernel: the next pass asks it.
 */
export class Reconciler {
  private dirty: Scope | undefined;
  private running: Promise<void> | undefined;
  private observed: Map<string, PeerSpec> | undefined;
  private timer: Timer | undefined;
  private retryMs = RETRY_MS.first;
  /** When the running pass started; undefined between passes. */
  private passSince: number | undefined;
  /** When the next look at the kernel is to start. */
  private nextAt: number | undefined;
  /** When the last look at everything ended, and how long it took. */
  private lastLook = { endedAt: 0, tookMs: 0 };
  private readonly abort = new AbortController();

  /** The interface as last seen. */
  state: DeviceState | undefined;
  /** Why the last look at the interface or the last change failed. */
  error: string | undefined;
  /** The registry revision that the kernel has; undefined before the first successful pass. */
  appliedRevision: number | undefined;
  /** Peers in the kernel. */
  get peerCount(): number {
    return this.observed?.size ?? 0;
  }
  /**
   * Milliseconds that a pass has been running, or that the next one is behind its own schedule; 0 while all is on time. How
   * long ago the last pass was says nothing: the pauses are as long as the machine is slow.
   */
  get overdueMs(): number {
    const since = this.passSince ?? this.nextAt;
    return since === undefined ? 0 : Math.max(0, this.options.clock.monotonic() - since);
  }
  readonly stats = { passes: 0, applies: 0, changes: 0, errors: 0 };
  onApply: ((seconds: number, changes: number) => void) | undefined;

  constructor(private readonly options: ReconcilerOptions) {}

  /** Asks for a pass. */
  request(scope: Scope): void {
    if (this.abort.signal.aborted) return;
    if (scope === "everything" || this.dirty === "everything") this.dirty = "everything";
    else this.dirty = new Set([...(this.dirty ?? []), ...scope]);
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  /** Asks for a look at everything, unless looks would take more than their share of the time then. */
  requestLook(): void {
    const { endedAt, tookMs } = this.lastLook;
    if (this.running !== undefined) return; // who asks again and again asks after it, too
    if (this.options.clock.monotonic() - endedAt >= tookMs * OBSERVE_SHARE) this.request("everything");
  }

  /** Ends: the running pass is called off, its tools are killed; the interface is left as it is. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.timer?.cancel();
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.dirty !== undefined && !this.abort.signal.aborted) {
      const scope = this.observed === undefined ? "everything" : this.dirty;
      this.dirty = undefined;
      const started = this.options.clock.monotonic();
      this.passSince = started;
      try {
        await this.pass(scope);
        this.error = undefined;
        this.retryMs = RETRY_MS.first;
        if (scope === "everything") this.looked(started);
      } catch (error) {
        if (this.abort.signal.aborted) return;
        this.fail(error);
      }
      this.stats.passes++;
      this.passSince = undefined;
      this.options.onPass?.();
    }
  }

  private looked(started: number): void {
    const endedAt = this.options.clock.monotonic();
    this.lastLook = { endedAt, tookMs: endedAt - started };
    this.next(pauseAfter(this.lastLook.tookMs));
  }

  private async pass(scope: Scope): Promise<void> {
    const { device } = this.options;
    const revision = this.options.revision();
    if (scope === "everything" || this.observed === undefined) {
      // Under the lock, because who holds it may have taken a peer away to add it again.
      this.state = await this.options.lock.run(() => device.observe(this.abort.signal));
      this.options.onObserve?.(this.state);
      this.observed = new Map(this.state.dump.peers.map((peer) => [peer.publicKey, specOf(peer)]));
    }
    const desired = this.options.desired();
    if (desired === undefined) return;
    const decided = await decide(scope, desired, this.observed);
    const { spared = () => false } = this.options;
    const changes = decided.filter((change) => change.kind !== "remove" || !spared(change.publicKey));
    if (changes.length > 0) await this.apply(changes, this.observed);
    this.appliedRevision = revision;
  }

  private async apply(changes: readonly PeerChange[], observed: Map<string, PeerSpec>): Promise<void> {
    const { clock, device, log } = this.options;
    const started = clock.monotonic();
    this.observed = undefined; // unknown until all of it is done
    await this.options.lock.run(() =>
      device.apply(wgCommands(this.options.interface, changes), this.abort.signal),
    );
    const seconds = (clock.monotonic() - started) / 1000;
    // Only the peers that were named can have changed; copying all of them would make each change cost as much as all.
    const touched = new Map<string, PeerSpec>();
    for (const { publicKey } of changes) {
      const peer = observed.get(publicKey);
      if (peer !== undefined) touched.set(publicKey, peer);
    }
    const after = applyChanges(changes, touched);
    for (const { publicKey } of changes) observed.delete(publicKey);
    for (const [publicKey, peer] of after) observed.set(publicKey, specOf(peer));
    this.observed = observed;
    const removed = changes.filter((change) => change.kind === "remove").length;
    this.stats.applies++;
    this.stats.changes += changes.length;
    this.onApply?.(seconds, changes.length);
    log.info({ set: changes.length - removed, removed, peers: observed.size, seconds }, "peers changed");
  }

  private fail(error: unknown): void {
    this.error = messageOf(error);
    this.observed = undefined;
    this.stats.errors++;
    this.options.log.error(
      { problem: this.error, retryInMs: this.retryMs },
      "the interface could not be brought up to date",
    );
    this.next(this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MS.most);
  }

  private next(ms: number): void {
    this.timer?.cancel();
    this.nextAt = this.options.clock.monotonic() + ms;
    this.timer = this.options.clock.after(ms, () => this.request("everything"));
  }
}

function pauseAfter(passMs: number): number {
  return Math.min(Math.max(OBSERVE_EVERY_MS, passMs * OBSERVE_SHARE), OBSERVE_AT_LEAST_EVERY_MS);
}

function specOf({ publicKey, presharedKey, allowedIps }: PeerSpec): PeerSpec {
  return { publicKey, presharedKey, allowedIps };
}
