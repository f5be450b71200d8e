/** What the agent and WireGuard use on a lab server, read from /proc. */
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../cluster";

/** One process: its clock ticks so far (with ended children), and memory in KiB. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ticks: number;
  readonly startTicks: number;
  readonly rss_kib: number;
  readonly peak_kib: number;
}

/** Clock ticks a second, as /proc counts (proc_pid_stat(5)); 100 on every Linux that Node.js runs on. */
const HERTZ = 100;

const SCRIPT = `for p in /proc/[0-9]*; do
  stat=$(cat $p/stat 2>/dev/null) || continue
  echo "$stat|$(sed -n 's/^Vm\\(RSS\\|HWM\\):[^0-9]*\\([0-9]*\\).*/\\1=\\2/p' $p/status 2>/dev/null | tr '\\n' ' ')"
done`;

/** Reads the script's lines: /proc/PID/stat and two lines of /proc/PID/status. Pure. */
export function parseProcesses(text: string): ProcessFacts[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+) \((.*)\) (.*)\|(.*)$/.exec(line);
    if (!match) return [];
    const [, pid, name = "", rest = "", memory = ""] = match;
    // Fields are counted from 3, the state: parent 4, user and system time 14 and 15, those of ended children 16 and 17, start 22.
    const field = (number: number): number => Number(rest.split(" ")[number - 3]);
    const kib = (key: string): number => Number(new RegExp(`${key}=(\\d+)`).exec(memory)?.[1] ?? 0);
    return [
      {
        pid: Number(pid),
        parent: field(4),
        name,
        ticks: field(14) + field(15) + field(16) + field(17),
        startTicks: field(22),
        rss_kib: kib("RSS"),
        peak_kib: kib("HWM"),
      },
    ];
  });
}

/** A process and all that descend from it. */
export function familyOf(pid: number, all: readonly ProcessFacts[]): ProcessFacts[] {
  const own = all.filter((process) => process.pid === pid);
  const children = all.filter((process) => process.parent === pid);
  return [...own, ...children.flatMap((child) => familyOf(child.pid, all))];
}

/** All processes of a machine. */
export async function processes(cluster: Cluster, machine: string): Promise<ProcessFacts[]> {
  return parseProcesses(await cluster.sh(machine, SCRIPT));
}

/** The agent with its children, the main process first. */
export async function agentFamily(cluster: Cluster, server: string): Promise<ProcessFacts[]> {
  const pid = Number(await cluster.sh(server, "cat /run/units/wgc-agent.service.main"));
  return familyOf(pid, await processes(cluster, server));
}

const ticksOf = (family: readonly ProcessFacts[]): number =>
  family.reduce((sum, process) => sum + process.ticks, 0);

/** Share of one core, in per cent, that the agent and its children used in that time. */
export async function agentCpu(cluster: Cluster, server: string, seconds: number): Promise<number> {
  const began = performance.now();
  const before = ticksOf(await agentFamily(cluster, server));
  await pause(seconds * 1000);
  const after = ticksOf(await agentFamily(cluster, server));
  const elapsed = (performance.now() - began) / 1000;
  return Math.round(((after - before) / HERTZ / elapsed) * 1000) / 10;
}

/** When a process started, in milliseconds since 1970, to a hundredth of a second. */
export async function startedAt(cluster: Cluster, machine: string, facts: ProcessFacts): Promise<number> {
  const [now, uptime] = (await cluster.sh(machine, "date +%s%3N; cut -d' ' -f1 /proc/uptime")).split("\n");
  return Number(now) - (Number(uptime) - facts.startTicks / HERTZ) * 1000;
}

export const mib = (kib: number): number => Math.round(kib / 102.4) / 10;
