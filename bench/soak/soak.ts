/** The soak: faults by the schedule, invariants looked at all the time, and a verdict. */
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../config/errors";
import { type Answer, longestOutage, type Outage } from "../../lab/traffic";
import { runPlan } from "../../plan";
import { Cluster, isServing, type Workshop } from "../cluster";
import type { Addressing } from "../failover/types";
import { addressingConfig, withHealth } from "../variant";
import { describe, FIRST_LEAVERS, MEMBERS, type SoakAction, schedule } from "./schedule";
import { leaks, type Vitals, vitals } from "./vitals";

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly stack: string;
  readonly addressing: Addressing;
}

export interface SoakReport {
  readonly seed: string;
  readonly minutes: number;
  readonly addressing: Addressing;
  /** How often each thing happened. */
  readonly actions: Readonly<Record<string, number>>;
  /** Actions that could not be done where they were due, and why; nothing is wrong with the cluster then. */
  readonly passed_over: readonly string[];
  readonly clients: number;
  readonly revoked: number;
  /** Longest time without an answer of each client that stayed, milliseconds. */
  readonly longest_outage_ms: Readonly<Record<string, number>>;
  /** And when that began, seconds from the start. */
  readonly longest_outage_at_s: Readonly<Record<string, number>>;
  readonly servers: Readonly<Record<string, { first: Vitals; last: Vitals }>>;
  /** What broke; empty when all is well. */
  readonly problems: readonly string[];
}

const WATCH_MS = 2000;
const VITALS_MS = 15_000;
/** Answers that were under way when the last server applied a revocation. */
const UNDER_WAY_MS = 500;
/** After the last fault: health checks, and clients that have only their own timers left. */
const END_LIMIT_MS = 60_000;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class Soak {
  private readonly problems = new Set<string>();
  private readonly passedOver = new Set<string>();
  private readonly actions: Record<string, number> = {};
  private readonly members = new Set<string>([...Object.keys(MEMBERS), ...FIRST_LEAVERS]);
  private readonly everyone = new Set<string>(this.members);
  /** Revoked clients, and when every server that could be reached had applied it (lab clock). */
  private readonly revoked = new Map<string, number>();
  private readonly servers = new Map<string, { first: Vitals; last: Vitals }>();
  private readonly underWay = new Set<Promise<void>>();
  private over = false;

  private constructor(
    private readonly workshop: Workshop,
    private readonly options: SoakOptions,
    private readonly cluster: Cluster,
  ) {}

  /** Runs a soak from the plan to the verdict. */
  static async run(workshop: Workshop, options: SoakOptions): Promise<SoakReport> {
    const { project } = workshop;
    const config = addressingConfig(project, options.stack, options.addressing);
    const plan = await runPlan({ projectDir: project, stack: options.stack, mode: "resolved", config });
    const cluster = await Cluster.open(workshop, `soak-${process.pid}`, withHealth(plan, "fast"));
    try {
      for (const [name, nat] of Object.entries(MEMBERS)) await cluster.join(name, nat);
      for (const name of FIRST_LEAVERS) await cluster.join(name);
      return await new Soak(workshop, options, cluster).soak();
    } finally {
      await cluster.close();
    }
  }

  private async soak(): Promise<SoakReport> {
    const { cluster, options } = this;
    const from = await cluster.now();
    const watching = [this.watchRevoked(), this.watchVitals()];
    const began = performance.now();
    for (const { at, action } of schedule(options.seed, options.minutes)) {
      await pause(Math.max(0, began + at - performance.now()));
      this.workshop.say(`${(at / 1000).toFixed(0).padStart(4)} s: ${describe(action)}`);
      this.actions[action.kind] = (this.actions[action.kind] ?? 0) + 1;
      const doing = this.act(action).catch((error: unknown) => this.fault(action, error));
      this.underWay.add(doing);
      void doing.finally(() => this.underWay.delete(doing));
    }
    await Promise.all(this.underWay);
    await pause(Math.max(0, began + options.minutes * 60_000 - performance.now()));
    await this.endsConnected();
    this.over = true;
    await Promise.all(watching);
    return this.report(from);
  }

  private async act(action: SoakAction): Promise<void> {
    const { cluster } = this;
    switch (action.kind) {
      case "kill-agent":
        await cluster.sh(action.server, "systemctl kill --kill-whom=main --signal=KILL wgc-agent.service");
        return;
      case "roam":
        return this.roam(action.client);
      case "join":
        await cluster.call("join", { name: action.client, nat: action.nat });
        this.members.add(action.client);
        this.everyone.add(action.client);
        return;
      case "revoke":
        this.members.delete(action.client);
        await cluster.call("revoke", { name: action.client });
        this.revoked.set(action.client, (await cluster.now()) + UNDER_WAY_MS);
        return;
      default:
        await cluster.call("fault", action);
    }
  }

  /** A flow that was moved a moment ago is in the table again with the client's next packet. */
  private async roam(name: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.cluster.call("roam", { name });
        return;
      } catch (error) {
        const hasNoFlow = /has no flow of/.test(messageOf(error));
        // Its flow may still be in the table when it sends elsewhere already.
        if (!hasNoFlow && !/sent nothing within/.test(messageOf(error))) throw error;
        if (await this.isPastBalancer(name)) return;
        if (tries === 3 || !hasNoFlow) throw error;
        await pause(1000);
      }
    }
  }

  /** Whether a client has followed a server to its own address: it is connected as long as one calls it there, and cannot be moved. */
  private async isPastBalancer(name: string): Promise<boolean> {
    const endpoint = await this.cluster.sh(name, "wg show wg0 endpoints | cut -f 2");
    const { clients } = await this.cluster.status();
    const via = clients.find((client) => client.name === name)?.via;
    if (via === undefined || endpoint === "(none)" || endpoint.startsWith(`${via}:`)) return false;
    this.passedOver.add(
      `roam: ${name} sends to ${endpoint} past the load balancer: it followed that server's last packets to its own address`,
    );
    return true;
  }

  /** A client with nowhere else to go, or a machine without bindfs, is no fault of the cluster. */
  private fault(action: SoakAction, error: unknown): void {
    const problem = messageOf(error);
    const isHarmless =
      error instanceof UserError && /there is no other server|cannot make the file system hang/.test(problem);
    if (isHarmless) this.passedOver.add(`${action.kind}: ${problem}`);
    else this.complain(`${describe(action)} failed: ${problem}`);
  }

  private complain(problem: string): void {
    if (this.problems.has(problem)) return;
    this.problems.add(problem);
    this.workshop.say(`BROKEN: ${problem}`);
  }

  /** No revoked client gets an answer. */
  private async watchRevoked(): Promise<void> {
    for (let last = false; !last; ) {
      last = this.over;
      const to = await this.cluster.now();
      for (const [name, since] of this.revoked) {
        if (to <= since) continue;
        const { answers } = await this.cluster.traffic(name, since, to);
        const [first] = answers;
        if (first) this.complain(`revoked client ${name} got an answer through ${first.via}`);
      }
      if (!last) await pause(WATCH_MS);
    }
  }

  /** Looks at each server that runs; leaks count in the last look, when all is calm. */
  private async watchVitals(): Promise<void> {
    for (let last = false; !last; ) {
      last = this.over;
      const { servers } = await this.cluster.status();
      for (const { name } of servers.filter(isServing)) {
        const seen = await vitals(this.cluster, name).catch(() => undefined); // it may have crashed meanwhile
        if (seen) this.servers.set(name, { first: this.servers.get(name)?.first ?? seen, last: seen });
      }
      for (let waited = 0; waited < VITALS_MS && !last && !this.over; waited += 500) await pause(500);
    }
    const { servers } = await this.cluster.status();
    for (const { name } of servers) {
      const seen = this.servers.get(name);
      if (!seen) this.complain(`${name} could never be looked at`);
      else for (const leak of leaks(name, seen.first, seen.last, this.everyone.size)) this.complain(leak);
    }
  }

  /** Every client that is a member gets an answer now. */
  private async endsConnected(): Promise<void> {
    await this.cluster.whole(END_LIMIT_MS).catch((error: unknown) => this.complain(messageOf(error)));
    await Promise.all(
      [...this.members].map(async (name) => {
        const answer = await this.cluster.call<Answer | null>("nextAnswer", { name, limit: END_LIMIT_MS });
        if (!answer) this.complain(`${name} did not end connected: no answer for ${END_LIMIT_MS / 1000} s`);
      }),
    );
  }

  private async report(from: number): Promise<SoakReport> {
    const { seed, minutes, addressing } = this.options;
    const to = await this.cluster.now();
    const outages = await Promise.all(
      Object.keys(MEMBERS).map(async (name) => {
        return [name, longestOutage(await this.cluster.traffic(name, from, to), from, to)] as const;
      }),
    );
    const each = (of: (outage: Outage) => number) =>
      Object.fromEntries(outages.map(([name, outage]) => [name, Math.round(of(outage))]));
    return {
      seed,
      minutes,
      addressing,
      actions: this.actions,
      passed_over: [...this.passedOver],
      clients: this.everyone.size,
      revoked: this.revoked.size,
      longest_outage_ms: each(({ ms }) => ms),
      longest_outage_at_s: each(({ began }) => Math.max(0, began - from) / 1000),
      servers: Object.fromEntries(this.servers),
      problems: [...this.problems],
    };
  }
}
