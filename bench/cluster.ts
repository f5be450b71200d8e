/** A lab that a benchmark works on: opened from a plan, with clients in it, and ended whatever happens. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { enterLab, type RunningLab, runFolder } from "../lab/enter";
import type { NatKind } from "../lab/nat";
import { CommandError, type Finished } from "../lab/process";
import type { LabEvent, LabStatus, ServerStatus } from "../lab/status";
import type { TrafficWindow } from "../lab/traffic";
import type { Plan } from "../plan";

/** Where labs are made, and how their story is told. */
export interface Workshop {
  readonly project: string;
  /** Folder with unpacked system packages, when they are not installed. */
  readonly tools?: string | undefined;
  /** Tells a person how it goes. */
  readonly say: (text: string) => void;
  /** Told of each lab that is opened, so that whoever is interrupted can end it. */
  readonly onLab?: ((cluster: Cluster) => void) | undefined;
}

const LOOK_MS = 200;

export const isServing = (server: ServerStatus): boolean =>
  server.state === "running" && server.health === "healthy" && !server.cut;

/** The one server that serves and has all flows; undefined while there are more, or none. Pure. */
export function soleServer(servers: readonly ServerStatus[]): ServerStatus | undefined {
  const [one, ...more] = servers.filter(isServing);
  const hasAll = servers.every((server) => server === one || server.flows === 0);
  return more.length === 0 && hasAll ? one : undefined;
}

/** Whether all servers that the group wants are in service; where one serves, the others run: that they are in order shows when one is needed. Pure. */
export const isWhole = ({ servers, group, topology }: LabStatus): boolean =>
  servers.length === group.desired &&
  (topology === "active-passive"
    ? soleServer(servers) !== undefined && servers.every(({ state, cut }) => state === "running" && !cut)
    : servers.every(isServing));

export class Cluster {
  readonly events: LabEvent[] = [];
  readonly clients: string[] = [];

  private constructor(
    private readonly project: string,
    readonly name: string,
    private readonly lab: RunningLab,
  ) {
    lab.client.on<LabEvent>("log", (event) => this.events.push(event));
  }

  /** Starts the plan's cluster; resolves when the load balancer calls all of its servers healthy. */
  static async open(workshop: Workshop, name: string, plan: Plan): Promise<Cluster> {
    const { project, tools } = workshop;
    const options = { project, detached: false, replaceUnhealthy: false, ...(tools ? { tools } : {}) };
    const cluster = new Cluster(project, name, await enterLab(name, plan, options));
    workshop.onLab?.(cluster);
    try {
      await cluster.call("up");
      await cluster.call("healthy");
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.lab.end();
    rmSync(runFolder(this.project, this.name), { recursive: true, force: true });
  }

  call<T = unknown>(method: string, params: unknown = {}): Promise<T> {
    return this.lab.client.call<T>(method, params);
  }

  fault(kind: string, argument: Record<string, unknown> = {}): Promise<unknown> {
    return this.call("fault", { kind, ...argument });
  }

  status(): Promise<LabStatus> {
    return this.call<LabStatus>("status");
  }

  /** Time on the lab's clock. */
  now(): Promise<number> {
    return this.call<number>("now");
  }

  /** Adds a client, connects it, and remembers it. */
  async join(name: string, nat: NatKind = "strict"): Promise<void> {
    await this.call("join", { name, nat });
    this.clients.push(name);
  }

  /** Lets clients send a request every so many milliseconds; 0 is silence. */
  async pace(clients: readonly string[], interval: number): Promise<void> {
    await Promise.all(clients.map((name) => this.call("pace", { name, interval })));
  }

  traffic(name: string, from: number, to: number): Promise<TrafficWindow> {
    return this.call<TrafficWindow>("traffic", { name, from, to });
  }

  /** Resolves with the first status that fits. @param limit milliseconds */
  async until(fits: (status: LabStatus) => boolean, what: string, limit: number): Promise<LabStatus> {
    const late = performance.now() + limit;
    for (;;) {
      const status = await this.status();
      if (fits(status)) return status;
      if (performance.now() > late) {
        const story = this.events.slice(-8).map(({ text }) => text);
        throw new Error(`waited ${limit / 1000} s for ${what}; the lab's last words: ${story.join(" | ")}`);
      }
      await pause(LOOK_MS);
    }
  }

  /** Resolves when all servers that the group wants are in service; or, where one serves, when it has all flows and the others run. */
  whole(limit = 120_000): Promise<LabStatus> {
    return this.until(isWhole, "all servers to be in service", limit);
  }

  /** See {@link RunningLab.inside}. */
  inside(command: readonly string[], timeout = 600_000): Promise<string> {
    return this.lab.inside(command, { timeout });
  }

  /** Runs a script in a machine of the lab and returns what it printed. */
  async sh(machine: string, script: string): Promise<string> {
    const command = ["sh", "-c", script];
    const result = await this.call<Finished>("exec", { machine, command });
    if (result.code !== 0) throw new CommandError([`${machine}:`, ...command], result);
    return result.stdout.trimEnd();
  }
}
