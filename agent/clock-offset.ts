import type { Clock, Timer } from "./clock";
import type { Exec } from "./exec";

/** What is known of this machine's wall clock. */
export interface ClockState {
  /** Distance from the time source as chrony sees it, in milliseconds; undefined where there is no chrony. */
  readonly offsetMs?: number;
  /** Whether chrony follows a source. */
  readonly synchronised?: boolean;
  /** How far ahead of this clock another server's was, in milliseconds, by the time in its records; at least 0. */
  readonly behindMs: number;
}

const ASK_EVERY_MS = 30_000;
const LIMIT_MS = 2000;
/** How long a difference between two servers' clocks is remembered. */
const REMEMBER_MS = 600_000;

/**
 * Watches the wall clock, because a server whose clock is behind cannot take sessions over in time: clients refuse a handshake
 * that is dated before the last one (WireGuard whitepaper, section 5.1). Asks chrony (chronyc(1), `tracking`; on Amazon Linux it
 * follows the Amazon Time Sync Service), and compares with what other servers date their records.
 */
export class ClockOffset {
  private timer: Timer | undefined;
  private chrony: { offsetMs: number; synchronised: boolean } | undefined;
  private behind = { ms: 0, at: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly clock: Clock,
    private readonly exec: Exec,
  ) {}

  get state(): ClockState {
    const fresh = this.clock.monotonic() - this.behind.at < REMEMBER_MS;
    return { ...this.chrony, behindMs: fresh ? this.behind.ms : 0 };
  }

  start(): void {
    void this.ask();
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** Another server dated something that just arrived. @param at milliseconds of its wall clock */
  heard(at: number): void {
    const ms = Math.max(0, at - this.clock.now());
    if (ms < this.state.behindMs) return;
    this.behind = { ms, at: this.clock.monotonic() };
  }

  private async ask(): Promise<void> {
    try {
      this.chrony = parseTracking(await this.exec("chronyc", ["-c", "tracking"], { timeoutMs: LIMIT_MS }));
    } catch {
      this.chrony = undefined; // no chrony here: health then says nothing about it
    }
    this.timer = this.clock.after(ASK_EVERY_MS, () => void this.ask());
  }
}

/** Reads `chronyc -c tracking`: one line of comma-separated fields, in the order of the human-readable report. */
export function parseTracking(line: string): { offsetMs: number; synchronised: boolean } | undefined {
  const fields = line.trim().split(",");
  const seconds = Number(fields[4]);
  if (fields.length !== 14 || !Number.isFinite(seconds)) return undefined;
  return { offsetMs: Math.abs(seconds) * 1000, synchronised: fields[13] !== "Not synchronised" };
}
