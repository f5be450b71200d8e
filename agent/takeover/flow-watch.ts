import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Clock, Timer } from "../clock";
import { TOOL_FOLDERS } from "../exec";
import { type Log, messageOf } from "../log";
import { type FlowEvent, type Lane, parseFlowEvent, type Zone } from "./flow-events";

/** What the watch tells. */
export interface FlowListener {
  onFlow(zone: Zone, event: FlowEvent): void;
  /** Events may have been lost: it has just started to listen (again), or the kernel had more than it could take. */
  onGap(zone: Zone): void;
}

/** What the watch needs; tests start another program. */
export interface FlowWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly zones: Lane["zones"];
  readonly listener: FlowListener;
  readonly start?: (args: readonly string[]) => ChildProcess;
}

/** Room for events that are not read at once, in bytes: a burst of some ten thousand. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const BACKOFF_MS = { first: 200, most: 10_000 };
/** A process that ran so long had no trouble starting. */
const SETTLED_MS = 5000;
const LISTENS_AFTER_MS = 500;

/**
 * Listens to the kernel's connection tracking through one `conntrack -E` for each zone. Idle it costs nothing; a line arrives
 * about a millisecond after its packet.
 *
 * INVARIANTS: whatever ends a process, it is started again, at growing intervals; each start is told as a gap, after the
 * process listens or as near to it as can be known, so that whoever keeps state looks for what was missed.
 */
export class FlowWatch {
  private readonly children = new Map<string, ChildProcess>();
  private readonly timers = new Set<Timer>();
  private readonly backoffMs = { own: BACKOFF_MS.first, stray: BACKOFF_MS.first };
  private stopped = false;
  private readonly problems = new Map<string, string>();

  constructor(private readonly options: FlowWatchOptions) {}

  /** Why there are no events now, as a readable line; undefined while both processes run. */
  get problem(): string | undefined {
    return [...this.problems.values()][0];
  }

  start(): void {
    this.listen("own");
    this.listen("stray");
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
    for (const child of this.children.values()) child.kill("SIGKILL");
  }

  private listen(zone: Zone): void {
    if (this.stopped) return;
    const { clock, listener } = this.options;
    const args = [
      "-E",
      "-p",
      "udp",
      "-w",
      String(this.options.zones[zone]),
      "-e",
      "NEW,UPDATE",
      "-b",
      String(BUFFER_BYTES),
    ];
    const child = (this.options.start ?? startConntrack)(args);
    this.children.set(zone, child);
    const began = clock.monotonic();
    let lastWords = "";
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event = parseFlowEvent(line, zone);
        if (event !== undefined) listener.onFlow(zone, event);
      });
    }
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (line.includes("ENOBUFS")) listener.onGap(zone);
        else if (line.trim() !== "") lastWords = line.trim();
      });
    }
    let over = false;
    const end = (why: string) => {
      if (over) return;
      over = true;
      this.onEnd(zone, why, clock.monotonic() - began);
    };
    child.once("error", (error) => end(messageOf(error)));
    child.once("close", (code, signal) => end(`${signal ?? `exit code ${code}`}: ${lastWords}`));
    child.once("spawn", () => {
      this.problems.delete(zone);
      listener.onGap(zone);
      // It listens some milliseconds after it has started; what happens in between is seen by looking once more.
      this.later(LISTENS_AFTER_MS, () => listener.onGap(zone));
    });
  }

  private onEnd(zone: Zone, why: string, ranMs: number): void {
    this.children.delete(zone);
    if (this.stopped) return;
    if (ranMs > SETTLED_MS) this.backoffMs[zone] = BACKOFF_MS.first;
    const retryInMs = this.backoffMs[zone];
    this.backoffMs[zone] = Math.min(retryInMs * 2, BACKOFF_MS.most);
    this.problems.set(
      zone,
      `connection tracking gives no events (conntrack: ${why}); sessions are not taken over`,
    );
    this.options.log.warn({ why, zone, retryInMs }, "conntrack ended and is started again");
    this.later(retryInMs, () => this.listen(zone));
  }

  private later(ms: number, work: () => void): void {
    const timer = this.options.clock.after(ms, () => {
      this.timers.delete(timer);
      work();
    });
    this.timers.add(timer);
  }
}

function startConntrack(args: readonly string[]): ChildProcess {
  return spawn("conntrack", args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${TOOL_FOLDERS}` },
  });
}
