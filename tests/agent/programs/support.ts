import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promises as fs } from "node:fs";
import { promisify } from "node:util";
import { patient } from "../../support/slow";

const execute = promisify(execFile);

/** Runs a tool; its output. */
export async function tool(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(file, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  return stdout;
}

/** Waits until `look` gives a value; the last error is in the message when it never does. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  limitMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + patient(limitMs);
  let last: unknown = "not yet";
  while (performance.now() < deadline) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = "not yet";
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${patient(limitMs)} ms for ${what}: ${String(last)}`);
}

/** Reports one finished step to the test. */
export function step(name: string, more: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ step: name, ...more }));
}

/** A running agent with all that it wrote. */
export interface RunningAgent {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  output(): string;
}

/** Starts the agent's bundle with a command that stays. */
export function startAgent(bundle: string, env: NodeJS.ProcessEnv): RunningAgent {
  return runAgent(process.execPath, [bundle, "run"], env);
}

/** Starts whatever ends in the agent; the process that is returned must become it (`exec`). */
export function runAgent(file: string, args: readonly string[], env: NodeJS.ProcessEnv): RunningAgent {
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
  return { process: child, exited, output: () => text };
}

/** What `/healthz` says, with its status. */
export async function health(port: number): Promise<{
  status: number;
  body: {
    status: string;
    reasons: string[];
    revision: number;
    peers: number;
    version: string;
    instance: string;
    healthy: boolean;
    key: string;
    drain: { reason: string; over: boolean } | null;
    sessions: { live: number; lost: number };
    revisionAgeSeconds: number | null;
  };
}> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(1000) });
  return {
    status: response.status,
    body: (await response.json()) as Awaited<ReturnType<typeof health>>["body"],
  };
}

/** One metric's value. */
export async function metric(port: number, name: string, host = "127.0.0.1"): Promise<number | undefined> {
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** Processes below a process whose arguments contain a text. */
export async function children(parent: number, argument: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await fs.readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [stat, cmdline] = await Promise.all([
        fs.readFile(`/proc/${entry}/stat`, "utf8"),
        fs.readFile(`/proc/${entry}/cmdline`, "utf8"),
      ]);
      const ppid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (ppid === parent && cmdline.includes(argument)) found.push(Number(entry));
    } catch {
      // it ended meanwhile
    }
  }
  return found;
}

/** UDP packets from a socket in this or another network namespace. */
export async function send(what: {
  readonly netns?: string;
  readonly from: readonly [address: string, port: number];
  readonly to: readonly [address: string, port: number];
  readonly packets: readonly Buffer[];
  /** The firewall may refuse them, which the sender is told (EPERM). */
  readonly mayBeDropped?: boolean;
}): Promise<void> {
  const { netns, from, to, packets, mayBeDropped = false } = what;
  const program = `
    const [from, to, packets, mayBeDropped] = JSON.parse(process.argv[1]);
    const socket = require("node:dgram").createSocket(from[0].includes(":") ? "udp6" : "udp4");
    socket.bind(from[1], from[0], () => {
      let left = packets.length;
      for (const packet of packets)
        socket.send(Buffer.from(packet, "hex"), to[1], to[0], (error) => {
          if (error && !(mayBeDropped && error.code === "EPERM")) throw error;
          if (--left === 0) socket.close();
        });
    });`;
  const call = [
    process.execPath,
    "-e",
    program,
    JSON.stringify([from, to, packets.map((p) => p.toString("hex")), mayBeDropped]),
  ];
  const [file = "", ...args] = netns === undefined ? call : ["ip", "netns", "exec", netns, ...call];
  await tool(file, ...args);
}
