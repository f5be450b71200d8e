import { promises as fs } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";
import { UserError } from "../config/errors";
import { errorCode } from "../registry/errors";
import type { AgentConfig } from "./config";

/**
 * An operator's word that this server is to drain: a file in the agent's own state folder. A file and no message, because the word
 * holds while the agent restarts, is updated, or the server reboots, until it is taken back.
 */
export class OperatorDrain {
  private readonly path: string;

  constructor(private readonly statePath: string) {
    this.path = join(statePath, "drain");
  }

  /** The reason to drain; undefined when there is none. */
  async reason(): Promise<string | undefined> {
    try {
      await fs.access(this.path);
      return "an operator asked for it";
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async set(drain: boolean): Promise<void> {
    if (!drain) return fs.rm(this.path, { force: true });
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await fs.writeFile(this.path, "", { mode: 0o600 });
  }
}

const reportSchema = z.looseObject({
  drain: z.object({ reason: z.string(), over: z.boolean() }).nullable(),
});

const ANSWER_LIMIT_MS = 5000;

/**
 * Puts this server out of service, or back in; settles with what to tell the operator once the running agent says so itself.
 *
 * @throws UserError when the agent does not, with what will happen.
 */
export async function commandDrain(
  config: Pick<AgentConfig, "statePath" | "healthPort">,
  drain: boolean,
  limitMs = ANSWER_LIMIT_MS,
): Promise<string> {
  await new OperatorDrain(config.statePath).set(drain);
  const late = performance.now() + limitMs;
  for (;;) {
    const report = await ask(config.healthPort).catch(() => undefined);
    if (report && (report.drain !== null) === drain) {
      return drain
        ? `draining: ${report.drain?.reason}; its health checks fail (where one server serves: once the next one does), and it serves on`
        : "no longer draining; health checks pass again when everything else is well";
    }
    if (performance.now() > late) throw unsettled(report, drain);
    await pause(100);
  }
}

function unsettled(report: z.infer<typeof reportSchema> | undefined, drain: boolean): UserError {
  if (!report) {
    return new UserError(
      `it is noted, but the agent does not answer; it ${drain ? "drains" : "serves"} as soon as it runs: systemctl status wgc-agent`,
    );
  }
  return new UserError(
    drain
      ? "it is noted, but the agent has not taken it up; see its log: journalctl -u wgc-agent"
      : `it is noted, but the server drains for another reason: ${report.drain?.reason}`,
  );
}

async function ask(port: number): Promise<z.infer<typeof reportSchema>> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(1000) });
  return reportSchema.parse(await response.json());
}
