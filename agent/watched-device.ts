import type { WgCommand } from "../wireguard/commands";
import type { Dump } from "../wireguard/dump";
import type { Clock } from "./clock";
import type { Device, DeviceState } from "./device";
import { messageOf } from "./log";

/** How often the firewall is looked at while nothing is suspicious; what clients feel of it, the probe feels at once. */
const FIREWALL_EVERY_MS = 10_000;

/**
 * A device that remembers how its calls went. Health must tell a look that fails (this server's own fault) from a change that
 * fails (perhaps a revision of the registry that no server can apply).
 */
export class WatchedDevice implements Device {
  private lookingSince: number | undefined;

  /** Why the last look failed. */
  lookError: string | undefined;
  /** How long the last look took that succeeded, and when it ended. */
  lastLookMs = 0;
  lastLookAt = Number.NEGATIVE_INFINITY;
  /** Whether something is wrong that a look may explain: then each is thorough. */
  suspicious = false;
  private thoroughAt = Number.NEGATIVE_INFINITY;
  private firewallProblem: string | undefined;
  /** Whether a change is being applied, which may take long. */
  applying = false;

  constructor(
    private readonly device: Device,
    private readonly clock: Clock,
  ) {}

  /** Milliseconds that the running look has taken; 0 when none runs. */
  get lookingMs(): number {
    return this.lookingSince === undefined ? 0 : this.clock.monotonic() - this.lookingSince;
  }

  async observe(signal?: AbortSignal): Promise<DeviceState> {
    const started = this.clock.monotonic();
    this.lookingSince = started;
    try {
      const state = await this.look(started, signal);
      this.lastLookAt = this.clock.monotonic();
      this.lastLookMs = this.lastLookAt - started;
      this.lookError = undefined;
      return state;
    } catch (error) {
      this.lookError = messageOf(error);
      throw error;
    } finally {
      this.lookingSince = undefined;
    }
  }

  private async look(now: number, signal: AbortSignal | undefined): Promise<DeviceState> {
    const known = this.firewallProblem === undefined && now - this.thoroughAt < FIREWALL_EVERY_MS;
    const thorough = this.suspicious || !known;
    const state = await this.device.observe(signal, thorough);
    if (!thorough) return { ...state, firewallProblem: this.firewallProblem };
    this.thoroughAt = now;
    this.firewallProblem = state.firewallProblem;
    return state;
  }

  dump(signal?: AbortSignal): Promise<Dump> {
    return this.device.dump(signal);
  }

  async apply(commands: readonly WgCommand[], signal?: AbortSignal): Promise<void> {
    this.applying = true;
    try {
      await this.device.apply(commands, signal);
    } finally {
      this.applying = false;
    }
  }
}
