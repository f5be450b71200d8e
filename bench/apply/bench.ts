/**
 * Many clients: a fresh server boots beside a registry that is full already. How long until it has them all, what one change costs
 * then, and what the agent uses.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Plan, runPlan } from "../../plan";
import { Cluster, type Workshop } from "../cluster";
import { median } from "../statistics";
import { withGroup } from "../variant";
import { FRESH, FreshServer, TUNNEL } from "./fresh-server";
import { agentCpu, agentFamily, mib, processes, startedAt } from "./processes";
import { clientName } from "./registry-filler";

export interface ApplyOptions {
  readonly clients: readonly number[];
  readonly stack: string;
  /** Length of a look at the processor use, seconds. */
  readonly seconds: number;
}

export interface ApplyResult {
  readonly clients: number;
  /** `stand-in`: too many peers for wireguard-go, so a program that keeps them in a file took the place of `wg`. */
  readonly wireguard: "real" | "stand-in";
  /** From the start of the agent's process until the interface has all clients. */
  readonly apply_s: number;
  /** Part of that in `wg`. */
  readonly wg_s: number;
  /**
   * One change afterwards: the agent's work on the interface, and from the registry's write until it was applied; medians. The work is
   * null with a stand-in, which writes its whole file anew.
   */
  readonly change_work_ms: number | null;
  readonly change_seen_ms: number;
  /** Per cent of one core, agent with its children, while nothing happens. */
  readonly idle_cpu_percent: number;
  readonly agent_rss_mib: number;
  readonly storage_worker_rss_mib: number;
  /** wireguard-go; 0 where the kernel carries the tunnels. */
  readonly wireguard_rss_mib: number;
}

/** The agent beside other servers that record 1,000 handshakes a second and hold 100,000 sessions. */
export interface DirectoryResult {
  readonly sessions: number;
  readonly handshakes_per_second: number;
  readonly cpu_percent: number;
  readonly agent_rss_mib: number;
  readonly storage_worker_rss_mib: number;
}

const CHANGES = 10;
const HANDSHAKES_PER_SECOND = 1000;

class ApplyBench {
  constructor(
    private readonly server: FreshServer,
    private readonly cluster: Cluster,
  ) {}

  /** Revokes and restores one client in turn; resolves with each change's work and time until applied, in milliseconds. */
  async changes(): Promise<{ work: number[]; seen: number[] }> {
    const [work, seen]: [number[], number[]] = [[], []];
    for (let change = 0; change < CHANGES; change += 1) {
      const before = (await this.server.reports()).length;
      const written = Number(await this.server.script("apply/registry-filler.ts", "toggle", clientName(7)));
      for (;;) {
        const after = (await this.server.reports())[before];
        if (after) {
          work.push(after.seconds * 1000);
          seen.push(Date.parse(after.time) - written);
          break;
        }
        await pause(100);
      }
    }
    return { work, seen };
  }

  async measure(count: number, seconds: number): Promise<ApplyResult> {
    const { cluster, server } = this;
    await server.boot(count);
    const done = await server.applied(count);
    const [agent] = await agentFamily(cluster, FRESH);
    if (!agent) throw new Error("the agent does not run");
    const apply = Date.parse(done.time) - (await startedAt(cluster, FRESH, agent));
    await pause(15_000); // the copy on the disk is written, garbage collected
    const idle = await agentCpu(cluster, FRESH, seconds);
    const { work, seen } = await this.changes();
    const [main, ...children] = await agentFamily(cluster, FRESH);
    const wireguard = (await processes(cluster, FRESH)).find(({ name }) => name === "wireguard-go");
    const worker = Math.max(0, ...children.filter(({ name }) => name !== "conntrack").map((c) => c.rss_kib));
    return {
      clients: count,
      wireguard: server.standIn ? "stand-in" : "real",
      apply_s: Math.round(apply / 10) / 100,
      wg_s: Math.round(done.seconds * 100) / 100,
      change_work_ms: server.standIn ? null : Math.round(median(work) * 10) / 10,
      change_seen_ms: Math.round(median(seen)),
      idle_cpu_percent: idle,
      agent_rss_mib: mib(main?.rss_kib ?? 0),
      storage_worker_rss_mib: mib(worker),
      wireguard_rss_mib: mib(wireguard?.rss_kib ?? 0),
    };
  }

  /** Others' sessions and handshakes, with this server's clients as they are. */
  async directory(sessions: number, seconds: number): Promise<DirectoryResult> {
    const writing = this.server.script(
      "apply/session-writer.ts",
      ...[sessions, HANDSHAKES_PER_SECOND, seconds + 30],
    );
    writing.catch(() => {}); // awaited below
    await pause(20_000); // the logs are there, and have been read for the first time
    const cpu = await agentCpu(this.cluster, FRESH, seconds);
    const [main, ...children] = await agentFamily(this.cluster, FRESH);
    await writing;
    return {
      sessions,
      handshakes_per_second: HANDSHAKES_PER_SECOND,
      cpu_percent: cpu,
      agent_rss_mib: mib(main?.rss_kib ?? 0),
      storage_worker_rss_mib: mib(Math.max(0, ...children.map(({ rss_kib }) => rss_kib))),
    };
  }
}

export interface ApplyReport {
  readonly results: ApplyResult[];
  readonly directory: DirectoryResult | undefined;
  readonly wireguard: string;
}

/** Measures each number of clients on a server of its own; the last and largest one meets the sessions of others as well. */
export async function benchApply(workshop: Workshop, options: ApplyOptions): Promise<ApplyReport> {
  const config = { "wgc:tunnelCidr": TUNNEL };
  const { project: projectDir, say } = workshop;
  const planned: Plan = await runPlan({ projectDir, stack: options.stack, mode: "resolved", config });
  const plan = withGroup(planned, { minSize: 1, desiredCapacity: 1 });
  const results: ApplyResult[] = [];
  let directory: DirectoryResult | undefined;
  let wireguard = "";
  for (const count of options.clients) {
    say(`${count} clients: booting ...`);
    const cluster = await Cluster.open(workshop, `bench-${process.pid}`, plan);
    try {
      wireguard = (await cluster.status()).wireguard;
      const bench = new ApplyBench(new FreshServer(workshop, cluster, wireguard, count), cluster);
      const result = await bench.measure(count, options.seconds);
      results.push(result);
      say(`${count} clients: applied in ${result.apply_s} s`);
      if (count === Math.max(...options.clients)) {
        directory = await bench.directory(count, options.seconds);
        say(
          `with ${HANDSHAKES_PER_SECOND} handshakes a second elsewhere: ${directory.cpu_percent} % of a core`,
        );
      }
    } finally {
      await cluster.close();
    }
  }
  return { results, directory, wireguard };
}
