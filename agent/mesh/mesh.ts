import type { SessionRecord } from "../../registry/sessions";
import type { Clock, Timer } from "../clock";
import type { LocalCopy } from "../local-copy";
import { type Log, messageOf } from "../log";
import type { StorageClient } from "../storage-client";
import type { MeshLine } from "./line";
import { Calm, CLOCKS_APART_MS, Members, type Pace } from "./members";
import {
  type HandOverRequest,
  type Heartbeat,
  IN_A_MESSAGE,
  type Message,
  open,
  portions,
  seal,
} from "./message";
import type { Candidate } from "./roles";
import { Standing } from "./standing";

/** What the mesh needs. */
export interface MeshOptions {
  readonly instance: string;
  readonly zone: string;
  readonly runtimeRoot: string;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: Pick<StorageClient, "request">;
  readonly line: MeshLine;
  /** Where the key is kept for a start without the storage. */
  readonly local?: Pick<LocalCopy, "meshKey" | "saveMeshKey"> | undefined;
  /** How this server is now. */
  readonly status: () => Omit<Heartbeat, "kind" | "zone" | "steady" | "calm">;
  /** Whether nobody from outside the cluster has reached this server for a while. */
  readonly outOfTouch: () => boolean;
  /** Called once, when it is known which other servers there are. */
  readonly onInformed: () => void;
  /** Another server holds these sessions from now on. */
  readonly onSessions: (holder: string, records: readonly SessionRecord[]) => void;
  /** Another server asks this one to call clients of its. */
  readonly onHandOver: (holder: string, clients: HandOverRequest["clients"]) => void;
  /** Called with each beat, right before this server says how it is: somebody may have come, gone or changed. */
  readonly onBeat: () => void;
}

/** Each server's records are read so often; the others are heard at once. */
const LOOK_MS = 5000;
/** A datagram may be lost: it is said again. Who misses all of them reads the directory on the shared storage. */
export const REPEAT_MS = [15, 60] as const;

/**
 * What the servers of a cluster tell each other directly: that they live, and whose sessions they hold.
 *
 * INVARIANTS: nothing counts that was not made with the cluster's key. Late, repeated and missing messages are harmless: sessions have
 * an order of their own (directory.ts), heartbeats are numbered. Nothing waits for the storage; without a key the mesh is silent. With
 * this server's own copy of it others are heard and told of sessions, but it takes no role before the storage has said who there is.
 */
export class Mesh {
  readonly members: Members;
  readonly stats = { sent: 0, received: 0, refused: 0, announced: 0 };
  private readonly epoch: number;
  /** Since when this server knows the others and can be known to them (monotonic). */
  private informedAt: number | undefined;
  private lastBeat: number | undefined;
  private isSteady = false;
  private readonly calm = new Calm();
  private readonly standing: Standing;
  private number = 0;
  private key: Buffer | undefined;
  private readonly timers = new Map<string, Timer>();
  private stopped = false;
  private storageProblem: string | undefined = "the mesh key has not been read yet";

  constructor(private readonly options: MeshOptions) {
    const { clock, instance, pace, line } = options;
    this.epoch = clock.now();
    this.members = new Members(instance, pace, clock);
    // As long as it takes until those that come back are steady.
    this.standing = new Standing(pace.steadyMs + pace.goneMs);
    line.onDatagram((datagram, address) => this.take(datagram, address));
  }

  start(): void {
    void this.repeat("look", LOOK_MS, () => this.look());
    void this.repeat("beat", this.options.pace.everyMs, () => this.beat());
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.options.line.close();
  }

  /** Why the others cannot be spoken to; undefined when they can. */
  get problem(): string | undefined {
    return this.options.line.problem ?? (this.key === undefined ? this.storageProblem : undefined);
  }

  /** Whether it is known which other servers there are. */
  get isInformed(): boolean {
    return this.informedAt !== undefined;
  }

  /** Whether this server's roles count against those that another one holds as well, see {@link Standing}. */
  get hasStanding(): boolean {
    return this.standing.counts(this.options.clock.monotonic());
  }

  /** Since when the others may have gone on without this server; now, when it is in touch. Monotonic. */
  get lostSince(): number {
    return this.standing.lostSince(this.options.clock.monotonic());
  }

  /** All servers that live, this one included. */
  get candidates(): readonly Candidate[] {
    const { instance, zone, status } = this.options;
    return [{ instance, zone, ...this.bearing, apart: false, ...status() }, ...this.members.live];
  }

  private get bearing(): Pick<Heartbeat, "steady" | "calm"> {
    return { steady: this.isSteady, calm: this.calm.is(this.options.clock.monotonic()) };
  }

  /**
   * Whether this server would know of all the others that they are steady. They speak to it when they have read its record, which may take
   * them one more look; until then their silence says nothing. Without the key it hears nobody, and is nobody. Once this is so it stays
   * so: who comes later finds this server at work.
   */
  private becomesSteady(now: number): boolean {
    const { pace } = this.options;
    if (this.informedAt === undefined) return false;
    const unheard = this.members.all.length === 0 ? 0 : LOOK_MS;
    return now - this.informedAt >= pace.steadyMs + pace.goneMs + unheard;
  }

  /** Tells everybody, at once and twice more, that this server holds these sessions. */
  announce(holder: string, records: readonly SessionRecord[]): void {
    if (records.length === 0) return;
    this.stats.announced += records.length;
    this.sayThrice(
      portions(records, IN_A_MESSAGE.records).map((part) => ({ kind: "sessions", holder, records: part })),
    );
  }

  /**
   * Asks other servers to call these clients, one server each.
   * @param able the servers that may be asked
   */
  handOver(holder: string, clients: HandOverRequest["clients"], able: readonly string[]): void {
    this.sayThrice(
      portions(clients, IN_A_MESSAGE.clients).flatMap((part, n) => {
        const to = able[n % able.length];
        return to === undefined ? [] : { kind: "handOver", to, holder, clients: part };
      }),
    );
  }

  private sayThrice(bodies: readonly Message["body"][]): void {
    const say = () => {
      for (const body of bodies) this.send(body);
    };
    say();
    for (const ms of REPEAT_MS) this.options.clock.after(ms, () => !this.stopped && say());
  }

  private async repeat(name: string, ms: number, work: () => void | Promise<void>): Promise<void> {
    await work();
    if (this.stopped) return;
    this.timers.set(
      name,
      this.options.clock.after(ms, () => void this.repeat(name, ms, work)),
    );
  }

  private beat(): void {
    const { clock, pace } = this.options;
    const now = clock.monotonic();
    // A process that was stopped runs its timers before it reads what has come meanwhile.
    const late = this.lastBeat === undefined ? 0 : now - this.lastBeat - pace.everyMs;
    if (late > pace.everyMs) this.members.excuse(late);
    this.lastBeat = now;
    this.members.forgetSilent();
    // The others have heard nothing of a process that was stopped, whatever it thinks of them.
    const wasStopped = late + pace.everyMs >= pace.goneMs;
    const isOutOfTouch = this.options.outOfTouch();
    const isCutOff = wasStopped || this.members.hearsMinority || isOutOfTouch;
    // Of one that nobody reaches it shows late, and the load balancer has missed it as well.
    const since = isOutOfTouch ? Number.NEGATIVE_INFINITY : now - (wasStopped ? late + pace.everyMs : 0);
    if (this.standing.see(isCutOff, now, since)) this.calm.relapse(now);
    this.isSteady ||= this.becomesSteady(now);
    this.options.onBeat();
    this.say();
  }

  private say(): void {
    const { clock, zone } = this.options;
    const status = this.options.status();
    this.calm.take(status, clock.monotonic());
    this.send({ kind: "heartbeat", zone, ...this.bearing, ...status });
  }

  private send(body: Message["body"]): void {
    if (this.key === undefined || this.stopped) return;
    const { instance, clock, line } = this.options;
    this.number++;
    const message = { from: instance, epoch: this.epoch, number: this.number, at: clock.now(), body };
    const datagram = seal(message, this.key);
    for (const { address } of this.members.all) {
      line.send(datagram, address);
      this.stats.sent++;
    }
  }

  private take(datagram: Buffer, address: string): void {
    const message = this.key === undefined ? undefined : open(datagram, this.key);
    if (message === undefined) {
      this.stats.refused++;
      return;
    }
    const { at, body, from } = message;
    // Said again later it would call clients away from a server that has come back. Who may be asked is who counts as a member.
    const isFresh = Math.abs(at - this.options.clock.now()) <= CLOCKS_APART_MS;
    if (from === this.options.instance) return;
    this.stats.received++;
    if (body.kind === "heartbeat") this.members.hear({ ...message, body }, address);
    else if (body.holder !== from && !body.holder.startsWith(`${from}.`)) return;
    else if (body.kind === "sessions") this.options.onSessions(body.holder, body.records);
    else if (body.to === this.options.instance && isFresh) this.options.onHandOver(body.holder, body.clients);
  }

  /** Reads the key, which an operator may have removed so that there is a new one, and who is there. */
  private async look(): Promise<void> {
    const { storage, runtimeRoot, log } = this.options;
    try {
      const text = await storage.request("meshKey", { runtimeRoot });
      const key = Buffer.from(text, "base64");
      if (this.key?.equals(key) !== true) {
        log.info("the servers' mesh key is known");
        void this.keep(text);
      }
      this.key = key;
      this.members.learn(await storage.request("readNodes", { runtimeRoot }));
      if (this.informedAt === undefined) {
        this.informedAt = this.options.clock.monotonic();
        this.options.onInformed();
      }
      this.storageProblem = undefined;
    } catch (error) {
      this.storageProblem = `the mesh key cannot be read: ${messageOf(error)}`;
      this.key ??= await this.kept();
    }
  }

  private async kept(): Promise<Buffer | undefined> {
    const text = await this.options.local?.meshKey().catch(() => undefined); // then it is as if there were none
    return text === undefined || text === "" ? undefined : Buffer.from(text, "base64");
  }

  private async keep(text: string): Promise<void> {
    try {
      await this.options.local?.saveMeshKey(text);
    } catch (error) {
      const problem = messageOf(error);
      this.options.log.warn(
        { problem },
        "the servers' mesh key cannot be kept for a start without the storage",
      );
    }
  }
}
