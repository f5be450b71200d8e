import { z } from "zod";
import type { WgCommand } from "../wireguard/commands";
import { type Dump, parseDump } from "../wireguard/dump";
import type { Exec } from "./exec";

/** The WireGuard interface as it is. */
export interface DeviceState {
  readonly up: boolean;
  readonly dump: Dump;
}

/** What the agent does with its WireGuard interface; tests bring their own. */
export interface Device {
  observe(signal?: AbortSignal): Promise<DeviceState>;
  apply(commands: readonly WgCommand[], signal?: AbortSignal): Promise<void>;
}

const linkSchema = z.array(z.looseObject({ flags: z.array(z.string()) })).min(1);

/** Asking takes milliseconds for thousands of peers; the limit leaves room for a hundred times as many. */
const OBSERVE_LIMIT_MS = 5000;
/** One call may carry 100,000 peers. */
const APPLY_LIMIT_MS = 60_000;

/** The interface through `wg` and `ip`. */
export function wgDevice(name: string, exec: Exec): Device {
  return {
    async observe(signal) {
      const options = { timeoutMs: OBSERVE_LIMIT_MS, signal };
      const [link, dump] = await Promise.all([
        exec("ip", ["-json", "link", "show", "dev", name], options),
        exec("wg", ["show", name, "dump"], options),
      ]);
      return { up: isUp(link), dump: parseDump(dump) };
    },
    async apply(commands, signal) {
      for (const { args, stdin } of commands)
        await exec("wg", args, { timeoutMs: APPLY_LIMIT_MS, stdin, signal });
    },
  };
}

/** Whether `ip -json link show` of one interface says that it is administratively up. */
export function isUp(json: string): boolean {
  return linkSchema.parse(JSON.parse(json))[0]?.flags.includes("UP") === true;
}
