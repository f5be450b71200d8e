import type { SessionNews } from "../../registry/session-reader";
import type { SessionRecord } from "../../registry/sessions";
import type { PeerSpec } from "../../wireguard/diff";
import type { Peer } from "../../wireguard/dump";
import type { Clock } from "../clock";
import type { AgentConfig } from "../config";
import type { Device } from "../device";
import type { Exec } from "../exec";
import type { Log } from "../log";
import type { Mutex } from "../mutex";
import type { StorageClient } from "../storage-client";
import { Attempts } from "./attempts";
import { CatchUp } from "./catch-up";
import { CutOff } from "./cut-off";
import { type HeldSession, SessionDirectory } from "./directory";
import type { FlowEvent, Lane, Zone } from "./flow-events";
import { FlowWatch } from "./flow-watch";
import { HandOver, type LeftClient } from "./hand-over";
import { HeldHere } from "./held-here";
import { OwnSessions } from "./own-sessions";
import { PeerLooks } from "./peer-looks";
import { Recalls } from "./recalls";
import { SessionStore } from "./session-store";
import { SessionsTable } from "./sessions-table";
import { Strays } from "./strays";
import { TableUpkeep } from "./table-upkeep";

/** What the takeover needs. */
export interface TakeoverOptions {
  readonly config: AgentConfig;
  /** This server as the session records name it. */
  readonly instance: string;
  /** The interface whose sessions these are, and where its packets are sorted. */
  readonly interface: string;
  readonly lane: Lane;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: Pick<StorageClient, "request">;
  readonly device: Device;
  readonly exec: Exec;
  /** Held while the interface is changed. */
  readonly lock: Mutex;
  /** The peer as the registry wants it; undefined for a client that may not connect. */
  readonly desired: (publicKey: string) => PeerSpec | undefined;
  /** Whether `desired` counts already: before that, shortly after a start, no client is called. */
  readonly ready?: (() => boolean) | undefined;
  /** Whether this server drains: then the load balancer may have stopped to look at it, while its flows are still led here. */
  readonly draining?: (() => boolean) | undefined;
  /** Tells the table that this server is in touch; called twice a second while it is. */
  readonly touch?: (() => void) | undefined;
  /** Whether some client's new key waits for its first handshake. */
  readonly expecting?: (() => boolean) | undefined;
  /** Told the peers with each look of its own. */
  readonly onPeers?: ((peers: readonly Peer[]) => void) | undefined;
  /** Told whose sessions other servers recorded. */
  readonly onRecorded?: ((publicKeys: readonly string[]) => void) | undefined;
  /** Told the time that another server dated a record with. */
  readonly dated?: ((at: number) => void) | undefined;
  /** Tells the other servers which sessions this one holds from now on, sooner than they read of it. */
  readonly announce?: ((holder: string, records: readonly SessionRecord[]) => void) | undefined;
  /** Whether another server's announcements may not arrive: then only the storage tells of its sessions. */
  readonly mayMissNews?: (() => boolean) | undefined;
  /** Asks other servers to call clients that are left here; false where there is none. */
  readonly handOver?:
    | ((holder: string, clients: readonly LeftClient[], round: number) => boolean)
    | undefined;
  /** Told the clients whose newest session is another one now, or has ended. */
  readonly onHolders?: ((publicKeys: readonly string[]) => void) | undefined;
  /** Told once, when all that the storage knows of sessions has been read. */
  readonly onRead?: (() => void) | undefined;
}

/**
 * Session takeover: when the load balancer sends a client's packets here, and another server held its session, this server
 * starts the handshake at once, instead of leaving it to the client's timers.
 *
 * INVARIANTS: an index that no server recorded never causes a packet. A session is recorded when the kernel calls it complete.
 * Once another server has recorded a newer session of a client, this server forgets its own. Everything here may fail, and
 * the server then behaves as one without takeover.
 */
export class Takeover {
  readonly directory = new SessionDirectory();
  readonly attempts: Attempts;
  readonly strays: Strays;
  readonly stats = { lost: 0, ignored: 0, lastMs: undefined as number | undefined };
  private readonly own = new OwnSessions();
  private readonly table: SessionsTable;
  private readonly upkeep: TableUpkeep;
  private readonly watch: FlowWatch;
  private readonly store: SessionStore;
  private readonly cutOff: CutOff;
  private readonly looks: PeerLooks;
  private readonly held: HeldHere;
  private readonly recalls: Recalls;
  private readonly catchUp: CatchUp;
  /** Clients that were called for another server: they are past the load balancer, until another server has them. */
  private readonly past = new Set<string>();
  private inherited = false;

  constructor(private readonly options: TakeoverOptions) {
    const { config, clock, log, storage, device, exec, instance, lock, desired } = options;
    this.held = new HeldHere(instance, this.directory);
    this.table = new SessionsTable(exec, options.lane);
    this.upkeep = new TableUpkeep(this.table, clock, log, () => this.prune());
    this.watch = new FlowWatch({
      clock,
      log,
      zones: options.lane.zones,
      listener: {
        onFlow: (zone, event) => this.onFlow(zone, event),
        onGap: (zone) => zone === "own" && this.catchUp.gap(),
      },
    });
    this.store = new SessionStore({
      storage,
      clock,
      log,
      runtimeRoot: config.runtimePath,
      instance,
      held: () => this.directory.heldBy(instance),
      onNews: (news, isComplete) => this.onNews(news, isComplete),
      hurried: () => this.attempts.open || this.strays.open || options.mayMissNews?.() === true,
    });
    this.strays = new Strays({
      clock,
      judge: (event) => this.judge(event),
      refresh: () => this.store.refresh(),
    });
    this.attempts = new Attempts({
      interface: options.interface,
      clock,
      log,
      lock,
      apply: (commands) => device.apply(commands),
      desired,
      onCall: () => this.looks.soon(),
      look: () => this.looks.now(),
    });
    this.looks = new PeerLooks({
      clock,
      log,
      device,
      urgent: () => this.attempts.urgent,
      expecting: () => this.options.expecting?.() === true,
      wanted: () => this.own.waiting || this.attempts.waiting,
      onPeers: (peers) => {
        this.options.onPeers?.(peers);
        this.observe(peers);
      },
    });
    this.cutOff = new CutOff({
      clock,
      log,
      healthCheckSeconds: config.healthCheckSeconds,
      device,
      table: this.table,
      isClient: (publicKey) => desired(publicKey) !== undefined,
      draining: options.draining,
      touch: options.touch,
      onPeers: (peers) => this.observe(peers),
      forget: (publicKey) => {
        this.held.forget(publicKey);
        this.attempts.drop(publicKey);
      },
      forgotten: () => this.attempts.forgotten(),
    });
    this.recalls = new Recalls({
      clock,
      log,
      device,
      table: this.table,
      call: (session, endpoint) => this.attempts.start(session.publicKey, endpoint, session),
    });
    this.catchUp = new CatchUp({
      clock,
      log,
      table: this.table,
      onIssued: (event, at) => {
        if (!this.directory.knows(event.index)) this.own.issued(event, at);
      },
      onFound: () => this.looks.soon(),
    });
  }

  /** Why sessions cannot be taken over now; undefined when they can. */
  get problem(): string | undefined {
    return this.upkeep.problem ?? this.watch.problem ?? this.store.problem;
  }

  /** Starts; settles when the kernel's table stands, or could not be made. */
  async start(): Promise<void> {
    this.store.start();
    await this.upkeep.start();
    this.watch.start();
    this.cutOff.start();
  }

  async stop(): Promise<void> {
    this.watch.stop();
    this.store.stop();
    this.strays.stop();
    this.cutOff.stop();
    this.looks.stop();
    this.upkeep.stop();
    await this.attempts.stop();
  }

  /** Stops for good: its interface goes. */
  async remove(): Promise<void> {
    await this.stop();
    await this.table.remove();
  }

  /** Whether nobody from outside has reached this server for a while. */
  get isOutOfTouch(): boolean {
    return this.cutOff.isOutOfTouch;
  }

  /** Somebody from outside reached this server. */
  heard(): void {
    this.cutOff.heard();
  }

  /** Looks at the peers as the kernel has them: which handshakes are complete, and whether clients are heard. */
  observe(peers: readonly Peer[]): void {
    const { clock, desired } = this.options;
    const clients = peers.filter(({ publicKey }) => desired(publicKey) !== undefined);
    this.cutOff.observe(clients);
    for (const { publicKey, persistentKeepalive, latestHandshake } of clients) {
      this.onTaken(publicKey, this.attempts.seen(publicKey, latestHandshake));
      if (persistentKeepalive !== 0) this.attempts.inherit(publicKey, latestHandshake > 0);
    }
    const confirmed = this.own.confirm(clients, clock.now());
    if (this.own.hasDoubts(clients, clock.now())) this.catchUp.gap();
    if (confirmed.length === 0) return;
    const records = this.held.add(confirmed);
    for (const { publicKey } of records) this.onTaken(publicKey, this.attempts.answered(publicKey));
    const changed = this.directory.add(this.options.instance, records, clock.now(), clock.monotonic());
    this.options.announce?.(this.options.instance, records);
    this.options.onHolders?.(changed);
    this.store.append(records);
    for (const { publicKey } of confirmed) this.checkHeld(publicKey);
  }

  private onTaken(publicKey: string, ms: number | undefined): void {
    if (ms === undefined) return;
    this.stats.lastMs = ms;
    this.options.log.info({ publicKey, ms: Math.round(ms) }, "took a session over");
  }

  private onFlow(zone: Zone, event: FlowEvent): void {
    if (zone === "own") {
      const { clock } = this.options;
      const called = this.attempts.calls(event.endpoint);
      this.own.issued(event, { since: clock.now(), began: clock.monotonic(), called });
      this.looks.soon();
    } else this.strays.add(event);
  }

  /** Acts on a stray packet; false when nobody here knows its index. */
  private judge({ endpoint, index }: FlowEvent): boolean {
    const { clock, desired, instance, ready } = this.options;
    if (ready?.() === false) return false;
    const verdict = this.directory.judge(index, (publicKey) => desired(publicKey) !== undefined);
    if (verdict.kind === "unknown") return false;
    if (verdict.kind === "ignore") {
      this.stats.ignored++;
      return true;
    }
    const now = clock.monotonic();
    for (const session of verdict.sessions) {
      if (session.instance === instance) this.recalls.add(session, endpoint);
      else if (this.held.hasJustLost(session.publicKey, now) || this.own.answers(endpoint, now)) continue;
      else if (this.own.expects(endpoint)) void this.callUnlessConnected(session, endpoint);
      else this.attempts.start(session.publicKey, endpoint, session);
    }
    return true;
  }

  /** A late packet of an older session may follow the client's own handshake with this server, which the kernel knows first. */
  private async callUnlessConnected(lost: HeldSession, endpoint: string): Promise<void> {
    const { publicKey, index } = lost;
    await this.looks.now();
    const verdict = this.directory.judge(index, (key) => this.options.desired(key) !== undefined);
    if (verdict.kind !== "take") return;
    const isElsewhere = verdict.sessions.some(
      (session) => session.publicKey === publicKey && session.instance !== this.options.instance,
    );
    if (isElsewhere) this.attempts.start(publicKey, endpoint, lost);
  }

  /** Hands clients over that are left when this server goes; settles when that is done. */
  async handOver(stillDrains: () => boolean, isEmpty: boolean): Promise<void> {
    const { clock, device, desired, instance, log } = this.options;
    if (isEmpty && this.past.size === 0) return;
    await new HandOver({
      clock,
      log,
      device,
      isEmpty,
      stillDrains,
      isHeld: (publicKey) =>
        desired(publicKey) !== undefined && this.directory.newest(publicKey)?.instance === instance,
      isPast: (publicKey) => this.past.has(publicKey) && desired(publicKey) !== undefined,
      tell: (clients, round) => this.options.handOver?.(instance, clients, round) === true,
    }).run();
  }

  /** Another server asks this one to call clients that it still holds. */
  receive(holder: string, clients: readonly LeftClient[]): void {
    for (const { publicKey, endpoint } of clients) {
      const session = this.directory.newest(publicKey);
      if (this.options.desired(publicKey) === undefined) continue;
      // One that has been silent for minutes has no session any more, and is past the load balancer all the same.
      if (session !== undefined && session.instance !== holder) continue;
      this.past.add(publicKey);
      this.attempts.invite(
        publicKey,
        endpoint,
        session ?? { instance: holder, learned: this.options.clock.monotonic() },
      );
    }
  }

  /** Reads out of turn what the other servers recorded. */
  readRecords(): void {
    void this.store.refresh();
  }

  /** Another server says that it holds these sessions, as its record on the storage will a moment later. */
  told(holder: string, records: readonly SessionRecord[]): void {
    if (holder === this.options.instance) return;
    this.take({ instance: holder, records });
    this.strays.retry();
  }

  private onNews(news: readonly SessionNews[], isComplete: boolean): void {
    for (const one of news) this.take(one);
    this.strays.retry();
    if (this.inherited || !isComplete) return;
    this.inherited = true;
    for (const { instance: from, records } of news) if (from === this.options.instance) this.inherit(records);
    this.options.onRead?.();
  }

  private take({ instance: from, records }: SessionNews): void {
    const { clock, instance } = this.options;
    const last = records.at(-1);
    if (from !== instance && last !== undefined) {
      this.options.dated?.(last.at);
      if (this.options.expecting?.() === true)
        this.options.onRecorded?.(records.map(({ publicKey }) => publicKey));
    }
    const changed = this.directory.add(from, records, clock.now(), clock.monotonic());
    for (const publicKey of from === instance ? [] : changed) {
      this.past.delete(publicKey);
      this.checkHeld(publicKey);
    }
    this.options.onHolders?.(changed);
  }

  /** Sessions that this server recorded before its agent was started again: they can be lost to other servers as well. */
  private inherit(records: readonly SessionRecord[]): void {
    for (const record of records) {
      this.held.inherit(record);
      this.checkHeld(record.publicKey);
    }
  }

  /** Falls silent towards a client that another server has a newer session with, or calls it no more. */
  private checkHeld(publicKey: string): void {
    if (this.held.lose(publicKey, this.options.clock.monotonic())) {
      this.stats.lost++;
      this.attempts.drop(publicKey);
    } else if (this.isCalledInVain(publicKey)) void this.giveUpUnlessAnswered(publicKey);
  }

  /** Whether a client that was called is at a third server now. A later record of the one that lost it says nothing against it. */
  private isCalledInVain(publicKey: string): boolean {
    const [from, holder] = [this.attempts.calledFrom(publicKey), this.directory.newest(publicKey)?.instance];
    return from !== undefined && holder !== from && holder !== this.options.instance;
  }

  /** It may have answered before, or since: then the times of the records decide. */
  private async giveUpUnlessAnswered(publicKey: string): Promise<void> {
    await this.looks.now();
    if (this.isCalledInVain(publicKey)) this.attempts.drop(publicKey);
  }

  /** Forgets what has ended. Who holds no session here any more may still have been spoken to, until another server says so. */
  private prune(): void {
    const { clock, desired, onHolders, ready } = this.options;
    const isClient = (publicKey: string) => desired(publicKey) !== undefined;
    if (ready?.() !== false) {
      this.held.prune(isClient);
      for (const publicKey of this.past) if (!isClient(publicKey)) this.past.delete(publicKey);
    }
    onHolders?.(this.directory.prune(clock.now()));
  }
}
