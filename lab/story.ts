/**
 * The demo's story: what happens to a cluster in a minute, step by step, each with what was measured. A step that did
 * not really happen throws, and the story ends there.
 */

import { countResources, type Plan } from "../plan";
import { patient } from "./patience";
import type { RpcClient } from "./rpc";
import type { LabStatus, ServerStatus } from "./status";
import type { Answer } from "./traffic";

/** Something measured in a step: a name, a value with its unit, and what it means where that is not plain. */
export interface Measured {
  name: string;
  value: number;
  unit: "ms" | "%" | "";
  note?: string;
}

export interface StoryStep {
  name: string;
  title: string;
  tell(): Promise<Measured[]>;
}

/** What the story needs from the one who tells it. */
export interface Stage {
  /** Makes the plan; the time it takes is part of the story. */
  plan(): Promise<Plan>;
  /** Opens the lab for the plan; afterwards `lab` answers. */
  open(plan: Plan): Promise<RpcClient>;
  /** The latest status that the lab sent. */
  status(): LabStatus | undefined;
  /** Resolves with the first status that fits. */
  until(fits: (status: LabStatus) => boolean, what: string, limit: number): Promise<LabStatus>;
}

export const CLIENTS = ["alice", "bob", "carol"] as const;
const NEWCOMER = "dave";
const LEAVER = "bob";
const TRAFFIC_MS = 2000;

/** WireGuard's own failover budget, from the last answer on: 10 s without one, then a handshake after 5 s more (whitepaper, section 6). */
const STOCK = "15 s by its own timers";

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

const ms = (name: string, value: number, note?: string): Measured => ({
  name,
  value,
  unit: "ms",
  ...(note === undefined ? {} : { note }),
});

const healthyServers = (status: LabStatus): ServerStatus[] =>
  status.servers.filter((server) => server.health === "healthy" && server.state === "running");

/** The story of one demo run, from the plan to the end. */
export class Story {
  private plan: Plan | undefined;
  private lab: RpcClient | undefined;

  constructor(private readonly stage: Stage) {}

  readonly steps: StoryStep[] = [
    { name: "plan", title: "plan the stack, with no cloud account", tell: () => this.tellPlan() },
    { name: "boot", title: "servers boot from the plan's user data", tell: () => this.tellBoot() },
    { name: "connect", title: `${CLIENTS.length} stock clients connect`, tell: () => this.tellConnect() },
    { name: "traffic", title: "traffic flows through the tunnels", tell: () => this.tellTraffic() },
    { name: "crash", title: "a server dies, others take its sessions over", tell: () => this.tellCrash() },
    {
      name: "roam",
      title: "a client's router rebinds, another server takes over",
      tell: () => this.tellRoam(),
    },
    { name: "add", title: "a client is added while all goes on", tell: () => this.tellAdd() },
    { name: "revoke", title: "a client is revoked", tell: () => this.tellRevoke() },
  ];

  private get rpc(): RpcClient {
    assert(this.lab !== undefined, "the lab is not open");
    return this.lab;
  }

  private async tellPlan(): Promise<Measured[]> {
    this.plan = await this.stage.plan();
    const { resources } = countResources(this.plan);
    assert(resources > 0, "the plan has no resources");
    return [{ name: "resources", value: resources, unit: "" }];
  }

  private async tellBoot(): Promise<Measured[]> {
    assert(this.plan !== undefined, "there is no plan");
    this.lab = await this.stage.open(this.plan);
    const began = performance.now();
    await this.lab.call("up");
    const desired = (status: LabStatus): boolean => healthyServers(status).length === status.group.desired;
    const status = await this.stage.until(desired, "all servers to be healthy", 60_000);
    const slowest = Math.max(...status.servers.map((server) => server.bootTime));
    return [
      { name: "servers healthy", value: healthyServers(status).length, unit: "" },
      ms("slowest boot", slowest, "user data start to its end"),
      ms("all healthy after", performance.now() - began, "two checks of the load balancer, 5 s apart"),
    ];
  }

  private async tellConnect(): Promise<Measured[]> {
    const results: Measured[] = [];
    for (const name of CLIENTS) {
      const { applied, firstAnswer } = await this.rpc.call<{ applied: number; firstAnswer: number }>("join", {
        name,
      });
      results.push(ms(`${name} talks after`, firstAnswer, `on every server after ${Math.round(applied)} ms`));
    }
    return results;
  }

  private async tellTraffic(): Promise<Measured[]> {
    const before = await this.rpc.call<LabStatus>("status");
    await new Promise((resolve) => setTimeout(resolve, TRAFFIC_MS));
    const after = await this.rpc.call<LabStatus>("status");
    return after.clients.flatMap((client) => {
      const earlier = before.clients.find((candidate) => candidate.name === client.name);
      const sent = client.sent - (earlier?.sent ?? 0);
      const received = client.received - (earlier?.received ?? 0);
      assert(received > 0, `${client.name} got no answer in ${TRAFFIC_MS} ms`);
      const loss = Math.max(0, 100 * (1 - received / sent));
      return [
        ms(
          `${client.name} round trip`,
          client.rtt ?? Number.NaN,
          `over ${client.server}, ${loss.toFixed(0)} % lost`,
        ),
      ];
    });
  }

  /** Crashes the server with most clients, and measures how long each of them had to do without. */
  private async tellCrash(): Promise<Measured[]> {
    const before = await this.rpc.call<LabStatus>("status");
    const carried = (name: string): number =>
      before.clients.filter((client) => client.server === name).length;
    const [victim] = healthyServers(before).sort((a, b) => carried(b.name) - carried(a.name));
    assert(victim !== undefined && carried(victim.name) > 0, "no server carries a client");
    const affected = before.clients.filter((client) => client.server === victim.name);
    const from = await this.rpc.call<number>("now");
    const began = performance.now();
    await this.rpc.call("fault", { kind: "crash", server: victim.name });
    const rerouted = this.stage
      .until(
        (s) => !s.servers.some((x) => x.name === victim.name && x.health === "healthy"),
        "the re-route",
        60_000,
      )
      .then(() => performance.now() - began);
    const recoveries = affected.map((client) => this.recovery(client.name, victim.address, from));
    const results = [
      ms(`${victim.name} taken out after`, await rerouted, "the load balancer's own detection"),
    ];
    for (const { name, outage, after } of await Promise.all(recoveries)) {
      results.push(ms(`${name} goes on`, after, "after its re-route"));
      results.push(ms(`${name} without traffic`, outage, `all of it, with the detection; ${STOCK}`));
    }
    const status = await this.stage.until(
      (s) => healthyServers(s).length >= s.group.desired,
      "the group to replace the dead server",
      60_000,
    );
    results.push(
      ms(
        "group whole again after",
        performance.now() - began,
        `${status.servers.at(-1)?.name} replaces ${victim.name}`,
      ),
    );
    return results;
  }

  /** How long a client had no answer, and how much of that came after the load balancer had moved its flow. */
  private async recovery(
    name: string,
    notVia: string,
    from: number,
  ): Promise<{ name: string; outage: number; after: number }> {
    const answer = await this.answerFromElsewhere(name, notVia);
    // The answer may be here before the lab has written down what the load balancer did.
    const noted = patient(5000);
    const moved = await this.rpc.call<{ began: number } | null>("reroute", {
      name,
      since: from,
      limit: noted,
    });
    assert(moved !== null, `${name} was answered by another server without having been moved`);
    const outage = await this.rpc.call<number>("gap", { name, from, to: answer.at });
    // From right before its flow was taken from the dead server: taking many takes a moment, and one may be done before all are.
    return { name, outage, after: answer.at - moved.began };
  }

  private async answerFromElsewhere(name: string, notVia: string): Promise<Answer> {
    const limit = patient(60_000);
    const answer = await this.rpc.call<Answer | null>("nextAnswer", { name, notVia, limit });
    assert(answer !== null, `${name} did not recover within ${limit / 1000} s`);
    return answer;
  }

  /** A client's packets come from another port all at once, and the load balancer takes them for a new flow. */
  private async tellRoam(): Promise<Measured[]> {
    const before = await this.rpc.call<LabStatus>("status");
    const client = before.clients.find(({ revoked }) => !revoked);
    assert(client !== undefined, "there is no client");
    const from = await this.rpc.call<number>("now");
    const moved = await this.rpc.call<{ at: number; from: string; to: string }>("roam", {
      name: client.name,
    });
    const answer = await this.answerFromElsewhere(client.name, moved.from);
    const nameOf = (address: string) =>
      before.servers.find((server) => server.address === address)?.name ?? address;
    const gap = await this.rpc.call<number>("gap", { name: client.name, from, to: answer.at });
    return [
      ms(
        `${client.name} goes on`,
        answer.at - moved.at,
        `${nameOf(moved.from)} → ${nameOf(moved.to)}; ${STOCK}`,
      ),
      ms(`${client.name} without traffic`, gap, "all of it"),
    ];
  }

  private async tellAdd(): Promise<Measured[]> {
    const from = await this.rpc.call<number>("now");
    const { applied, firstAnswer } = await this.rpc.call<{ applied: number; firstAnswer: number }>("join", {
      name: NEWCOMER,
    });
    const gaps = await Promise.all(CLIENTS.map((name) => this.rpc.call<number>("gap", { name, from })));
    return [
      ms("known to every server after", applied),
      ms(`${NEWCOMER} talks after`, firstAnswer),
      ms("longest pause of the others", Math.max(...gaps), "probes leave every 100 ms"),
    ];
  }

  private async tellRevoke(): Promise<Measured[]> {
    const from = await this.rpc.call<number>("now");
    const { applied } = await this.rpc.call<{ applied: number }>("revoke", { name: LEAVER });
    // Answers under way may still arrive; after that, none may.
    await this.rpc.call("nextAnswer", { name: LEAVER, limit: 500 });
    const late = await this.rpc.call<Answer | null>("nextAnswer", { name: LEAVER, limit: 2000 });
    assert(late === null, `${LEAVER} still got an answer after being revoked`);
    const others = CLIENTS.filter((name) => name !== LEAVER);
    const gaps = await Promise.all(others.map((name) => this.rpc.call<number>("gap", { name, from })));
    return [
      ms("off every server after", applied, `not one answer for ${LEAVER} in the 2 s that followed`),
      ms("longest pause of the others", Math.max(...gaps), "probes leave every 100 ms"),
    ];
  }
}
