import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "../clock";
import type { Exec } from "../exec";
import { type Log, messageOf } from "../log";

/** What the kernel has counted at an interface since it was made. */
export interface Traffic {
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly packets: { readonly received: number; readonly sent: number };
}

/** Documentation/ABI/testing/sysfs-class-net-statistics */
const STATISTICS = "/sys/class/net";

/** An interface's counters; undefined when there is no such interface. */
export async function readTraffic(name: string, folder = STATISTICS): Promise<Traffic | undefined> {
  const read = async (file: string) => Number(await readFile(join(folder, name, "statistics", file), "utf8"));
  try {
    const [rxBytes, txBytes, rxPackets, txPackets] = await Promise.all([
      read("rx_bytes"),
      read("tx_bytes"),
      read("rx_packets"),
      read("tx_packets"),
    ]);
    return {
      bytes: { received: rxBytes, sent: txBytes },
      packets: { received: rxPackets, sent: txPackets },
    };
  } catch {
    return undefined;
  }
}

/**
 * The limits of an instance type that EC2 enforces; the ENA driver counts packets that waited or were dropped for each
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html).
 */
export const ALLOWANCES = ["bw_in", "bw_out", "pps", "conntrack", "linklocal"] as const;
export type Allowance = (typeof ALLOWANCES)[number];

/** The counters in what `ethtool -S` prints; none for other drivers. */
export function parseAllowances(text: string): ReadonlyMap<Allowance, number> {
  return new Map(
    ALLOWANCES.flatMap((allowance) => {
      const match = new RegExp(`^\\s*${allowance}_allowance_exceeded:\\s*(\\d+)\\s*$`, "m").exec(text);
      return match === null ? [] : [[allowance, Number(match[1])] as const];
    }),
  );
}

/** The interface of the default route in /proc/net/route (proc(5)): destination and mask are zero. */
export function defaultInterface(routes: string): string | undefined {
  for (const line of routes.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === "00000000" && fields[7] === "00000000") return fields[0];
  }
  return undefined;
}

const EVERY_MS = 30_000;
const LIMIT_MS = 2000;

/** Asks the driver now and then, so that nobody who asks for metrics waits for a tool. */
export class AllowanceWatch {
  private timer: Timer | undefined;
  private stopped = false;
  private said = false;

  /** The counters as they were last; empty where the driver has none. */
  last: ReadonlyMap<Allowance, number> = new Map();

  constructor(
    private readonly exec: Exec,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly readRoutes: () => Promise<string> = () => readFile("/proc/net/route", "utf8"),
  ) {}

  async start(): Promise<void> {
    await this.look();
    if (!this.stopped) this.timer = this.clock.after(EVERY_MS, () => void this.start());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    try {
      const name = defaultInterface(await this.readRoutes());
      if (name === undefined) throw new Error("there is no default route");
      this.last = parseAllowances(await this.exec("ethtool", ["-S", name], { timeoutMs: LIMIT_MS }));
    } catch (error) {
      if (!this.said)
        this.log.info({ problem: messageOf(error) }, "the network driver's counters cannot be read");
      this.said = true;
    }
  }
}
