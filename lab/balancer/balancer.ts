/**
 * The lab's Network Load Balancer: checks its targets over HTTP with the plan's own numbers, and keeps the kernel's
 * rules and flow table as an NLB would.
 *
 * INVARIANTS: a flow stays with its target until 120 s without packets (the kernel's connection tracking), until the
 * target turns unhealthy, or until its deregistration delay is over. Nothing else moves a flow, so adding targets never
 * does. Rules are loaded before flows are forgotten: a moved flow's next packet finds the new choice.
 */
import { balancerAddress } from "../addresses";
import type { LabModel, LabZone } from "../model";
import { run } from "../process";
import { deleteFlows, type Flow, listFlows } from "./flows";
import { targetIndex } from "./hash";
import { afterCheck, checkOnce, INITIAL_HEALTH, type TargetHealth } from "./health";
import { decideRouting, type RoutingTarget } from "./routing";
import { renderRuleset } from "./ruleset";

export interface Target {
  name: string;
  address: string;
  publicAddress: string;
  zone: string;
}

interface Registered extends Target {
  health: TargetHealth;
  draining: boolean;
  timer: NodeJS.Timeout | undefined;
}

export interface TargetStatus {
  name: string;
  health: TargetHealth["state"] | "draining";
  reason: string;
}

/** A flow that was taken from its target, and the time right after that: its next packet goes to another. */
export interface MovedFlow extends Flow {
  /** Milliseconds of the lab's clock (performance.now()). */
  at: number;
  /** The time right before it was taken. */
  began: number;
}

/** What the balancer tells of itself: for the live view, and for whoever waits for a change. */
export type BalancerEvent =
  | { kind: "health"; target: string; state: TargetHealth["state"]; reason: string }
  | { kind: "rerouted"; target: string; flows: readonly MovedFlow[] }
  | { kind: "failOpen"; zones: string[] };

export class Balancer {
  private readonly targets = new Map<string, Registered>();
  /** Servers' own addresses towards the internet: they keep them when they are no targets any more. */
  private readonly publicAddresses = new Map<string, string>();
  private readonly cut = new Set<string>();
  private seed = 1;
  private failOpen: string[] = [];
  /** What the kernel's rules say now. */
  private loaded: { byZone: Record<string, string[]>; seed: number } = { byZone: {}, seed: 0 };
  private applying: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly model: LabModel,
    private readonly tell: (event: BalancerEvent) => void,
  ) {}

  /** Adds a target; it gets flows once it passed enough health checks. */
  async register(target: Target): Promise<void> {
    const registered: Registered = { ...target, health: INITIAL_HEALTH, draining: false, timer: undefined };
    this.targets.set(target.name, registered);
    this.publicAddresses.set(target.address, target.publicAddress);
    await this.apply();
    void this.checkLoop(registered);
  }

  /** Whether a target of that name is registered. */
  knows(name: string): boolean {
    return this.targets.has(name);
  }

  /** Takes a target out: no new flows at once, its flows end after the deregistration delay. */
  async deregister(name: string): Promise<void> {
    const target = this.targets.get(name);
    if (!target || target.draining) return;
    target.draining = true;
    clearTimeout(target.timer);
    await this.apply();
    const finish = async (): Promise<void> => {
      if (this.closed || this.targets.get(name) !== target) return;
      this.targets.delete(name);
      await this.apply();
      if (this.model.targets.terminateOnDeregistration) await this.forgetFlows(target);
    };
    target.timer = setTimeout(() => void finish(), this.model.targets.deregistrationDelay * 1000);
  }

  /** The server with this address is no more: its public address translates to nothing. */
  async release(address: string): Promise<void> {
    if (this.publicAddresses.delete(address)) await this.apply();
  }

  /** Makes all packets from and to these addresses vanish, or no longer. */
  async setCut(addresses: string[], cut: boolean): Promise<void> {
    for (const address of addresses) cut ? this.cut.add(address) : this.cut.delete(address);
    await this.apply();
  }

  status(): { targets: TargetStatus[]; failOpen: string[] } {
    const targets = [...this.targets.values()].map((target) => ({
      name: target.name,
      health: target.draining ? ("draining" as const) : target.health.state,
      reason: target.health.reason,
    }));
    return { targets, failOpen: this.failOpen };
  }

  /** The flow table: all flows from clients to targets. */
  async flows(): Promise<Flow[]> {
    return (await Promise.all(this.model.listeners.map(({ port }) => listFlows(port)))).flat();
  }

  /** Address of the target that a new flow would go to now; undefined when there is none. */
  choice(client: string, port: number, via: string): string | undefined {
    const zone = this.model.zones.find(({ publicIp }) => publicIp === via);
    const targets = this.loaded.byZone[zone?.name ?? ""] ?? [];
    return targets[targetIndex(client, port, via, targets.length, this.loaded.seed)];
  }

  close(): void {
    this.closed = true;
    for (const target of this.targets.values()) clearTimeout(target.timer);
  }

  private zoneOf(name: string): LabZone {
    const zone = this.model.zones.find((candidate) => candidate.name === name);
    if (!zone) throw new Error(`no zone ${name}`);
    return zone;
  }

  private async checkLoop(target: Registered): Promise<void> {
    const { health } = this.model.targets;
    if (this.closed || target.draining || this.targets.get(target.name) !== target) return;
    const began = performance.now();
    const from = balancerAddress(this.zoneOf(target.zone).balancerCidr);
    const result = await checkOnce({ address: target.address, ...health, from });
    if (this.closed || target.draining || this.targets.get(target.name) !== target) return;
    const before = target.health.state;
    target.health = afterCheck(target.health, result, health);
    if (target.health.state !== before) await this.healthChanged(target);
    const pause = Math.max(0, health.interval * 1000 - (performance.now() - began));
    target.timer = setTimeout(() => void this.checkLoop(target), pause);
  }

  private async healthChanged(target: Registered): Promise<void> {
    this.seed += 1;
    const wasOpen = this.failOpen;
    await this.apply();
    this.tell({
      kind: "health",
      target: target.name,
      state: target.health.state,
      reason: target.health.reason,
    });
    // Failing open leaves no better target, so flows stay where they are until there is one.
    const moved = [...this.targets.values()].filter(
      ({ zone, draining, health, name }) =>
        health.state === "unhealthy" &&
        !draining &&
        !this.failOpen.includes(zone) &&
        (name === target.name || wasOpen.includes(zone)),
    );
    for (const from of moved) await this.forgetFlows(from);
  }

  /** Loads the rules for what is known now; calls run one after the other. */
  private apply(): Promise<void> {
    this.applying = this.applying.then(() => this.load());
    return this.applying;
  }

  private async load(): Promise<void> {
    if (this.closed) return;
    const { zones, endpoint, listeners, allowedFromBalancer } = this.model;
    const { seed } = this;
    const registered = [...this.targets.values()];
    const routing: RoutingTarget[] = registered.map((target) => ({
      address: target.address,
      zone: target.zone,
      health: target.health.state,
      draining: target.draining,
    }));
    const decision = decideRouting(
      zones.map((zone) => zone.name),
      routing,
      endpoint.crossZone,
    );
    const ruleset = renderRuleset({
      listeners,
      frontends: zones.map((zone) => ({
        publicIp: zone.publicIp,
        targets: decision.byZone[zone.name] ?? [],
      })),
      seed,
      publicAddresses: Object.fromEntries(this.publicAddresses),
      allowed: allowedFromBalancer,
      cut: [...this.cut],
    });
    await run(["nft", "-f", "-"], { input: ruleset });
    this.loaded = { byZone: decision.byZone, seed };
    if (decision.failOpen.join() !== this.failOpen.join()) {
      this.failOpen = decision.failOpen;
      // New targets are not healthy yet, which is no reason for alarm; targets that failed their checks are.
      const failed = registered.some((target) => target.health.state === "unhealthy");
      if (failed) this.tell({ kind: "failOpen", zones: this.failOpen });
    }
  }

  /** Deletes the target's flows, so that each one's next packet is hashed anew. */
  private async forgetFlows(target: Target): Promise<void> {
    const flows: MovedFlow[] = [];
    for (const zone of this.model.zones) {
      const began = performance.now();
      const gone = await deleteFlows(zone.publicIp, target.address);
      const at = performance.now();
      flows.push(...gone.map((flow) => ({ ...flow, at, began })));
    }
    if (flows.length > 0) this.tell({ kind: "rerouted", target: target.name, flows });
  }
}
