import type { SessionRecord } from "../../registry/sessions";
import type { PeerSpec } from "../../wireguard/diff";
import type { Parameter } from "../aws/query";
import type { Clock } from "../clock";
import type { AgentConfig } from "../config";
import type { Exec } from "../exec";
import { CHECKS } from "../in-service";
import { type Log, messageOf } from "../log";
import type { Scope } from "../reconcile";
import { ClientHolders } from "../routed/client-holders";
import { overlayUp } from "../routed/overlay-network";
import { OverlayRoutes } from "../routed/overlay-routes";
import { SourceCheck } from "../routed/source-check";
import { VpcRoutes } from "../routed/vpc-routes";
import type { StorageClient } from "../storage-client";
import type { LeftClient } from "../takeover/hand-over";
import type { MeshLine } from "./line";
import { MemberFilter } from "./member-filter";
import { PACE } from "./members";
import { Mesh, type MeshOptions } from "./mesh";
import type { MemberState } from "./message";
import { ACTIVE, type Candidate, holderOf, wentOn, zoneRole } from "./roles";
import { NO_SENIORITY } from "./standing";
import { Succession } from "./succession";

/** Where this server is. */
export interface Place {
  readonly address: string;
  readonly zone: string;
  /** Its network interface as EC2 names it; routes can lead to nothing else. */
  readonly interfaceId: string | undefined;
}

/** What the link needs from around it. */
export interface ClusterLinkOptions {
  readonly config: AgentConfig;
  readonly instance: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly log: Log;
  readonly storage: Pick<StorageClient, "request">;
  readonly exec: Exec;
  readonly line: MeshLine;
  readonly local?: MeshOptions["local"];
  /** Calls EC2 with this server's role. */
  readonly ec2: (action: string, parameters: Readonly<Record<string, Parameter>>) => Promise<string>;
  readonly state: () => MemberState;
  readonly outOfTouch: MeshOptions["outOfTouch"];
  /** The server that has a client's newest session. */
  readonly holder: (publicKey: string) => string | undefined;
  readonly peer: (publicKey: string) => PeerSpec | undefined;
  /** Keys of all clients with a session anywhere. */
  readonly connected: () => Iterable<string>;
  readonly onSessions: (holder: string, records: readonly SessionRecord[]) => void;
  readonly onHandOver: MeshOptions["onHandOver"];
  /** Called when {@link ClusterLink.mayMissNews} begins. */
  readonly onUnheard: () => void;
}

/** What speaking to the other servers takes, wherever it is possible. */
export type ClusterOptions = Pick<ClusterLinkOptions, "place" | "line" | "ec2">;

/** The overlay is looked after so often. */
const NETWORK_MS = 30_000;
/**
 * The overlay's routes are read back so often, besides whenever its device was not up: somebody may have flushed the table, or set the
 * device down and up between two looks. With 100,000 routes that takes a third of a second of one processor, a thousandth of the time, and
 * the agent itself stands still for half of it: heartbeats may be late by five times that.
 */
const ROUTES_MS = 300_000;
/** In larger clusters somebody is not heard often, and every server would read every other one's log four times a second. */
const FEW_MEMBERS = 25;
/** The firewall's set of members is written again so often, whoever may have emptied it. */
const FILTER_MS = 10_000;

/**
 * This server among the others: who lives, who holds which client, who keeps which route.
 *
 * INVARIANTS: everything here may fail, and this server goes on serving its own clients. Roles follow from what was heard; nobody is
 * asked.
 */
export class ClusterLink {
  readonly mesh: Mesh;
  readonly overlay: OverlayRoutes | undefined;
  readonly routes: VpcRoutes | undefined;
  private readonly holders: ClientHolders | undefined;
  readonly sourceCheck: SourceCheck | undefined;
  private readonly filter: MemberFilter;
  /** Roles of this server, and since when (wall clock) as far as that counts. */
  private owns: ReadonlyMap<string, number> = new Map();
  /** Wall clock; so that not all servers ask the same one first when they hand clients over, and each asks another one each round. */
  private readonly startedAt: number;
  private isDirectoryRead = false;
  private networkAt = Number.NEGATIVE_INFINITY;
  private networkProblem: string | undefined;
  private routesAt: number;
  private addresses = new Map<string, string>();
  private filteredAt = Number.NEGATIVE_INFINITY;
  /** The server that takes traffic, where only one does; undefined while that is not known. */
  activeServer: string | undefined;
  private readonly succession: Succession;
  private missedNews = false;

  constructor(private readonly options: ClusterLinkOptions) {
    const { config, instance, place, clock, log, exec, ec2 } = options;
    this.routesAt = clock.monotonic();
    this.startedAt = clock.now();
    // The first of the checks that put this server out may come at once, the next ones take their time.
    const ahead = CHECKS.good - (CHECKS.bad - 1);
    this.succession = new Succession(ahead * config.healthCheckSeconds * 1000 + CHECKS.timeoutMs);
    this.mesh = new Mesh({
      ...options,
      zone: place.zone,
      runtimeRoot: config.runtimePath,
      pace: this.isRouted || this.isPassive ? PACE.quick : PACE.calm,
      status: () => ({
        state: options.state(),
        nextHop: this.isNextHop,
        owns: [...this.owns.keys()],
        since: [...this.owns.values()],
        calling: [...(this.routes?.calling ?? [])].map(zoneRole),
      }),
      onBeat: () => this.beat(),
      onInformed: () => this.settle(),
    });
    this.filter = new MemberFilter(exec);
    if (config.routed === undefined) return;
    const overlay = new OverlayRoutes(exec, clock, log);
    this.overlay = overlay;
    this.holders = new ClientHolders({
      ...options,
      instance,
      addressOf: (other) => this.mesh.members.addressOf(other),
      lead: (address, server) => void overlay.set(address, server),
    });
    if (place.interfaceId === undefined) return;
    this.sourceCheck = new SourceCheck(place.interfaceId, ec2, clock, log);
    this.routes = new VpcRoutes({
      tables: config.routed.routeTables,
      destination: config.tunnelIpv4,
      interfaceId: place.interfaceId,
      call: ec2,
      clock,
      log,
    });
  }

  get place(): Place {
    return this.options.place;
  }

  start(): void {
    void this.sourceCheck?.start();
    this.routes?.start();
    this.mesh.start();
  }

  async stop(): Promise<void> {
    this.mesh.stop();
    this.routes?.stop();
    this.sourceCheck?.stop();
    await this.overlay?.stop();
  }

  /** Whether packets may go on to a server that does not have the client any more, as the one that has it now is not heard. */
  get mayMissNews(): boolean {
    const { members } = this.mesh;
    return this.isRouted && members.all.length <= FEW_MEMBERS && members.missesSomebody;
  }

  /** Tells the others that this server holds these sessions. */
  announce(holder: string, records: readonly SessionRecord[]): void {
    this.mesh.announce(holder, records);
  }

  /** Asks others that take traffic to call these clients; false where there is none. Who has another clock refuses what is asked. */
  handOver(holder: string, clients: readonly LeftClient[], round: number): boolean {
    const able = this.able.filter(({ apart }) => !apart).map(({ instance }) => instance);
    const first = able.length === 0 ? 0 : (this.startedAt + round) % able.length;
    this.mesh.handOver(holder, [...clients], [...able.slice(first), ...able.slice(0, first)]);
    return able.length > 0;
  }

  /** Whether no other server takes traffic: then the load balancer leads flows here, whatever it is told. */
  get isAlone(): boolean {
    return this.able.length === 0;
  }

  /** Other servers that take traffic. */
  private get able(): Candidate[] {
    const takes = ({ instance, state }: Candidate): boolean =>
      state === "ready" && (!this.isPassive || instance === this.activeServer);
    return this.mesh.members.live.filter(takes);
  }

  /** The newest sessions of these clients are other ones than before. */
  onHolders(publicKeys: Iterable<string>): void {
    this.holders?.update(publicKeys);
  }

  /** All that the storage knows of sessions has been read once. */
  onDirectoryRead(): void {
    this.isDirectoryRead = true;
    this.settle();
  }

  /** Once it is known who holds which client and where those servers are, routes of an agent before this one are what is left over. */
  private settle(): void {
    if (!this.isDirectoryRead || !this.mesh.isInformed) return;
    this.holders?.update(this.options.connected());
    void this.overlay?.reconcile();
  }

  /** Whether packets for any client may be sent here: the network passes them on, and this server knows where they belong. */
  private get isNextHop(): boolean {
    if (this.routes === undefined || this.sourceCheck?.isOff !== true) return false;
    return this.isDirectoryRead && this.networkProblem === undefined;
  }

  /** These clients may have other addresses than before, or may not connect any more. */
  onClients(scope: Scope): void {
    this.holders?.update(scope === "everything" ? this.options.connected() : scope);
  }

  /** Whether this server waits while another one takes the traffic. */
  get standby(): string | undefined {
    if (!this.isPassive || this.activeServer === this.options.instance) return undefined;
    return this.activeServer === undefined
      ? "standby: the active server is not known yet"
      : `standby: ${this.activeServer} is active`;
  }

  /** Why this server still takes traffic: it was the active one a moment ago, and the load balancer has yet to find the next one healthy. */
  get handingOn(): string | undefined {
    const { clock, instance } = this.options;
    const next = this.activeServer;
    return next !== undefined && next !== instance && this.succession.isHandingOn(clock.monotonic())
      ? `handing on to ${next}: in service until the load balancer has found that one healthy`
      : undefined;
  }

  /** What is wrong between the servers, as a readable line. */
  get problem(): string | undefined {
    const { config, place } = this.options;
    const noInterface =
      config.routed !== undefined && place.interfaceId === undefined
        ? "this server does not know its network interface and cannot be a next hop"
        : undefined;
    return (
      this.mesh.problem ??
      this.mesh.members.problem ??
      this.filter.problem ??
      noInterface ??
      this.networkProblem ??
      this.sourceCheck?.problem ??
      this.overlay?.problem ??
      this.routes?.problem
    );
  }

  private get isRouted(): boolean {
    return this.options.config.addressing === "routed";
  }

  private get isPassive(): boolean {
    return this.options.config.topology === "active-passive";
  }

  private beat(): void {
    const { config, instance, clock } = this.options;
    const candidates = this.mesh.candidates;
    const roles: string[] = [];
    if (this.isPassive) {
      this.activeServer = this.holder(ACTIVE, candidates);
      const serves = this.activeServer === instance && this.options.state() === "ready";
      this.succession.see(serves, clock.monotonic(), this.mesh.lostSince);
      if (this.activeServer === instance) roles.push(ACTIVE);
    }
    const zones = new Set(config.routed?.routeTables.map(({ zone }) => zone));
    for (const zone of zones) {
      // With one active server packets go to it straight away: both ways lead through the same server.
      const owner = this.isPassive ? this.activeServer : this.holder(zoneRole(zone), candidates, zone);
      if (owner === instance) roles.push(zoneRole(zone));
    }
    const contested = candidates.flatMap((one) =>
      one.instance === instance ? [] : [...one.owns, ...one.calling],
    );
    this.take(roles, contested);
    const again = clock.monotonic() - this.filteredAt > FILTER_MS;
    if (again) this.filteredAt = clock.monotonic();
    // Until the others' records have been read, an agent before this one knew more.
    if (this.mesh.isInformed) this.follow(again);
    this.noteUnheard();
    void this.keepNetwork();
  }

  private noteUnheard(): void {
    const missed = this.missedNews;
    this.missedNews = this.mayMissNews;
    if (this.missedNews && !missed) this.options.onUnheard();
  }

  /** The overlay's device, rule, address and routes: a network manager that starts again may have taken away what is not its own. */
  private async keepNetwork(): Promise<void> {
    const { clock, config, exec } = this.options;
    const now = clock.monotonic();
    if (!this.isRouted || now - this.networkAt < NETWORK_MS) return;
    this.networkAt = now;
    try {
      const wasUp = await overlayUp(config, exec);
      this.networkProblem = undefined;
      if (wasUp && now - this.routesAt < ROUTES_MS) return;
      this.routesAt = now;
      void this.overlay?.lookAgain();
    } catch (error) {
      this.networkProblem = `packets for other servers' clients cannot be passed on: ${messageOf(error)}`;
      this.routesAt = Number.NEGATIVE_INFINITY; // half of it may have been made
    }
  }

  private holder(role: string, candidates: readonly Candidate[], zone?: string): string | undefined {
    const found = holderOf(role, candidates, zone);
    if (found !== this.options.instance || this.mesh.hasStanding) return found;
    return wentOn(role, candidates, zone) ?? found;
  }

  private take(roles: readonly string[], contested: readonly string[]): void {
    const isNews = roles.join() !== [...this.owns.keys()].join();
    const now = this.options.clock.now();
    const since = (role: string): number => {
      if (!this.mesh.hasStanding) return NO_SENIORITY;
      const had = this.owns.get(role) ?? NO_SENIORITY;
      return had === NO_SENIORITY ? now : had;
    };
    this.owns = new Map(roles.map((role) => [role, since(role)]));
    this.routes?.own(zonesOf(roles), zonesOf(contested));
    if (isNews) this.options.log.info({ roles }, "this server's roles among the others have changed");
  }

  /** Tells the firewall and the overlay where the others are. */
  private follow(again: boolean): void {
    const addresses = new Map(this.mesh.members.all.map(({ instance, address }) => [instance, address]));
    void this.filter.set([...addresses.values()], again);
    const moved = new Set(
      [...addresses].flatMap(([instance, address]) =>
        this.addresses.get(instance) === address ? [] : instance,
      ),
    );
    this.addresses = addresses;
    if (moved.size > 0) this.holders?.moved(moved);
  }
}

function zonesOf(roles: readonly string[]): ReadonlySet<string> {
  const prefix = zoneRole("");
  return new Set(roles.flatMap((role) => (role.startsWith(prefix) ? role.slice(prefix.length) : [])));
}
