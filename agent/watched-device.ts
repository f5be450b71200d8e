import type { WgCommand } from "../wireguard/commands";
import type { Dump } from "../wireguard/dump";
import type { Clock } from "./clock";
import type { Device, DeviceState } from "./device";
import { messageOf } from "./log";

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
      const state = await this.device.observe(signal);
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
