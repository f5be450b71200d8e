/**
 * The load balancer's flow table: the UDP entries of the kernel's connection tracking in the lab's own namespace, read
 * and changed with conntrack(8).
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fromWallClock } from "../clock";
import { patient } from "../patience";
import { attempt, onLines } from "../process";
import { Waiters } from "../waiters";

const LISTEN_LIMIT_MS = patient(5000);

/** Whether a process has a netlink socket that has subscribed to something. */
function isListening(pid: number): boolean {
  const sockets = descriptors(pid).flatMap((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1] ?? []);
  return readFileSync("/proc/net/netlink", "utf8")
    .split("\n")
    .some((line) => {
      const columns = line.trim().split(/\s+/);
      const subscribed = Number.parseInt(columns[3] ?? "", 16) > 0;
      return subscribed && sockets.includes(columns.at(-1) ?? "");
    });
}

/** What a process has open; nothing when it is gone. */
function descriptors(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
  } catch {
    return [];
  }
}

/** One flow: from a client's address and port to the target that its packets go to. */
export interface Flow {
  client: string;
  port: number;
  /** The load balancer's address that the client sends to. */
  via: string;
  target: string;
}

/**
 * Reads the lines that conntrack(8) prints for entries and events. Each has the direction of the first packet and then
 * that of the answers: the answers' source is the target.
 */
export function parseFlows(text: string): Flow[] {
  return text.split("\n").flatMap((line) => {
    const [client, target] = [...line.matchAll(/ src=(\S+)/g)].map((match) => match[1]);
    const port = / sport=(\d+)/.exec(line)?.[1];
    const via = / dst=(\S+)/.exec(line)?.[1];
    return client && target && port && via ? [{ client, port: Number(port), via, target }] : [];
  });
}

/** All flows to the listener's port. */
export async function listFlows(port: number): Promise<Flow[]> {
  const { stdout } = await attempt(["conntrack", "-L", "-p", "udp", "--orig-port-dst", String(port)]);
  return parseFlows(stdout);
}

/** Forgets the flows of one target that came to one of the load balancer's addresses; returns those that there were. */
export async function deleteFlows(via: string, target: string): Promise<Flow[]> {
  const flow = ["-p", "udp", "--orig-dst", via, "--reply-src", target];
  return parseFlows((await attempt(["conntrack", "-D", ...flow])).stdout);
}

/** Tells of new flows of one client as they are routed, until it is closed. */
export class FlowWatch {
  private readonly routed = new Waiters<{ flow: Flow; at: number }>();
  private readonly child: ReturnType<typeof spawn>;

  private constructor(client: string) {
    const options = ["-E", "-e", "NEW", "-o", "timestamp", "-p", "udp", "--orig-src", client];
    this.child = spawn("conntrack", options, { stdio: ["ignore", "pipe", "ignore"] });
    onLines(this.child.stdout as NodeJS.ReadableStream, (line) => {
      // conntrack(8) notes the time itself, so it does not matter when this process comes to read it.
      const seconds = /^\[(\d+\.\d+)/.exec(line)?.[1];
      const at = seconds === undefined ? performance.now() : fromWallClock(Number(seconds) * 1000);
      for (const flow of parseFlows(line)) this.routed.tell({ flow, at });
    });
  }

  /** Starts to watch; resolves when the kernel tells of events, so that nothing after it is missed. */
  static async of(client: string): Promise<FlowWatch> {
    const watch = new FlowWatch(client);
    await new Promise((resolve) => watch.child.once("spawn", resolve));
    // conntrack(8) says nothing when its socket stands; that shows in the kernel's list of netlink sockets.
    const late = performance.now() + LISTEN_LIMIT_MS;
    while (!isListening(watch.child.pid ?? 0)) {
      if (performance.now() > late) throw new Error("conntrack -E does not listen for new flows");
      await pause(2);
    }
    return watch;
  }

  /** The first flow from that port and when it was routed (lab clock); undefined when there is none within the limit. */
  next(port: number, limit: number): Promise<{ flow: Flow; at: number } | undefined> {
    return this.routed.next(({ flow }) => flow.port === port, limit);
  }

  close(): void {
    this.child.kill("SIGKILL");
  }
}
