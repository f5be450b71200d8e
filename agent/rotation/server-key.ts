import { publicKeyOf as derive } from "../../wireguard/keys";
import type { Clock, Timer } from "../clock";
import type { AgentConfig } from "../config";
import type { Exec } from "../exec";
import type { LocalCopy, NextKey } from "../local-copy";
import { type Log, messageOf } from "../log";
import type { Mutex } from "../mutex";
import { create } from "../network-up";
import type { StorageClient } from "../storage-client";
import { decideRotation } from "./decide";
import type { NextLane } from "./next-lane";
import { alignCurrent, nextDown, nextUp } from "./next-network";

/** What is needed to follow the replacement of the server key. */
export interface ServerKeyOptions {
  readonly config: AgentConfig;
  /** The key at the start. */
  readonly publicKey: string;
  readonly storage: Pick<StorageClient, "request">;
  readonly clock: Clock;
  readonly log: Log;
  readonly local: LocalCopy;
  readonly exec: Exec;
  /** Held while the current interface is changed. */
  readonly lock: Mutex;
  readonly lane: (next: NextKey) => NextLane;
  /** The current key is another one now. */
  readonly onChanged: () => void;
  /** The rotation went on without this server: whoever it serves it must let go. */
  readonly onLeft: () => void;
}

const POLL_MS = 500;
/** A moment, in which the interface has one key and the probe another; what is not right after that is a fault. */
const CHANGING_MS = 10_000;

/** For a start: a rotation that was finished while this server was away has made its next key the current one. */
export async function adoptFinished(
  local: LocalCopy,
  storage: Pick<StorageClient, "request">,
  root: string,
): Promise<void> {
  const next = await local.next();
  if (next === undefined) return;
  const registry = await storage.request("serverKey", { root }).catch(() => undefined);
  if (registry?.publicKey === next.publicKey) await local.promoteNext(next.publicKey);
}

/**
 * Follows which server key the registry wants: begins to serve the next one, goes over to it, or lets it go again.
 *
 * INVARIANTS: the order of each step is such that whatever is interrupted, by an error or by the end of this process, is
 * completed by doing it again: the local copy first, then the kernel. The next key is in the local copy before its interface
 * is made; to finish, it becomes the current one there in one step, and everything else follows from that (see `alignCurrent`).
 */
export class ServerKey {
  private timer: Timer | undefined;
  private stopped = false;
  /** What is being done about the key now; the storage is not waited for in it for longer than a request takes. */
  private working: Promise<void> = Promise.resolve();
  private next: NextKey | undefined;
  private stepProblem: string | undefined;
  private isForeign = false;
  private isLeft = false;
  /** When the next key became the current one here (monotonic). */
  private changedAt = Number.NEGATIVE_INFINITY;
  /** Whether the kernel may differ from the local copy. */
  private unsettled = false;
  /** The interface of the next key, while there is one. */
  lane: NextLane | undefined;

  constructor(private readonly options: ServerKeyOptions) {
    this.publicKey = options.publicKey;
  }

  /** The current server key. */
  publicKey: string;

  /** The keys that this cluster's registry may have: the current one, and the next one when it has just been finished. */
  get accepted(): string[] {
    return this.next === undefined ? [this.publicKey] : [this.publicKey, this.next.publicKey];
  }

  /**
   * Why this server must not serve anybody: a rotation was finished while it was cut off, so it can neither talk with clients that
   * have the new key nor let go those that were revoked. Undefined while that is not known for sure.
   */
  get leftBehind(): string | undefined {
    if (!this.isLeft) return undefined;
    return "the server key was replaced while this server was cut off, and it does not have the new one; replace this server";
  }

  /**
   * Whether the current key has just become another one. All servers go over at the same time: what looks wrong for a moment must not
   * take all of them out of service together.
   */
  get isChanging(): boolean {
    return this.options.clock.monotonic() - this.changedAt < CHANGING_MS;
  }

  /** The next key, once it is served here beside the current one. */
  get nextPublicKey(): string | undefined {
    return this.lane === undefined || this.unsettled ? undefined : this.next?.publicKey;
  }

  /** What is wrong with the rotation here; none of it keeps the current key from being served. */
  get problem(): string | undefined {
    if (this.isForeign)
      return "the registry has a server key that this server has never had, and does not list this server's as a former one: is it another cluster's registry?";
    return this.stepProblem ?? this.lane?.problem;
  }

  /** Resumes what this server's own copy says, then follows. */
  async start(): Promise<void> {
    const { local } = this.options;
    this.next = await local.next();
    // A rotation that was under way or has been finished: perhaps not all of it has reached the kernel.
    this.unsettled = this.next !== undefined || (await local.ports()).size > 1;
    await this.poll();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.working;
    await this.lane?.stop();
  }

  private async poll(): Promise<void> {
    await this.step();
    if (!this.stopped) this.timer = this.options.clock.after(POLL_MS, () => void this.poll());
  }

  private work(what: () => Promise<void>): Promise<void> {
    const done = what();
    this.working = done.catch(() => {});
    return done;
  }

  private async step(): Promise<void> {
    try {
      if (this.unsettled) await this.work(() => this.settle());
      const registry = await this.registry();
      if (registry !== undefined && !this.stopped) await this.work(() => this.take(registry));
      this.stepProblem = undefined;
    } catch (error) {
      const problem = `the rotation of the server key is held up: ${messageOf(error)}`;
      if (problem !== this.stepProblem)
        this.options.log.error({ problem }, "the server key is not as it should be");
      this.stepProblem = problem;
    }
  }

  /** Undefined when the storage gives no answer: that is reported by those who follow the clients. */
  private async registry() {
    const { storage, config } = this.options;
    return storage.request("serverKey", { root: config.registryPath }).catch(() => undefined);
  }

  private async take(registry: Parameters<typeof decideRotation>[2]): Promise<void> {
    const { local, log } = this.options;
    const step = decideRotation(this.publicKey, this.next, registry);
    this.isForeign = step.kind === "foreign";
    this.leave(step.kind === "left");
    if (step.kind === "begin" && (await this.fetch(step.next))) {
      this.next = step.next;
      log.info({ next: step.next }, "the next server key is served beside the current one");
    } else if (step.kind === "abort") {
      await local.dropNext();
      this.next = undefined;
      log.info("the next server key is given up");
    } else if (step.kind === "finish") {
      this.changedAt = this.options.clock.monotonic();
      await local.promoteNext(step.next.publicKey);
      this.publicKey = step.next.publicKey;
      this.next = undefined;
      log.info({ current: step.next }, "the next server key is the current one");
    } else return;
    this.unsettled = true;
    await this.settle();
    if (step.kind === "finish") this.options.onChanged();
  }

  private leave(isLeft: boolean): void {
    const { log, onLeft } = this.options;
    const was = this.isLeft;
    this.isLeft = isLeft;
    if (!isLeft || was) return;
    log.error({ problem: this.leftBehind }, "this server was left behind; it serves nobody any more");
    onLeft();
  }

  /** Keeps the next private key; false when it is not there (any more). */
  private async fetch(next: NextKey): Promise<boolean> {
    const { storage, config, local } = this.options;
    const privateKey = await storage.request("nextKey", { root: config.registryPath });
    if (privateKey === null || derive(privateKey) !== next.publicKey) return false;
    await local.saveNext(privateKey, next.port, config.listenPort);
    return true;
  }

  /** Brings the kernel to what the local copy says. */
  private async settle(): Promise<void> {
    const { config, local, exec, lock } = this.options;
    const align = lock.run(() => alignCurrent(config, local, exec));
    if (this.next === undefined) {
      const lane = this.lane;
      this.lane = undefined;
      // At once: clients that have moved wait for the key, and for their routes to the interface that goes to be gone.
      await Promise.all([align, nextDown(exec), lane?.remove()]);
    } else {
      await align;
      await nextUp(config, local, create, exec);
      if (this.lane === undefined) {
        this.lane = this.options.lane(this.next);
        await this.lane.start();
      }
    }
    this.unsettled = false;
  }
}
