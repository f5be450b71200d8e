import { UserError } from "../config/errors";
import { Agent } from "./agent";
import { systemClock } from "./clock";
import type { AgentConfig } from "./config";
import { wgDevice } from "./device";
import { exec } from "./exec";
import { instanceId } from "./identity";
import { LocalCopy } from "./local-copy";
import { createLog, messageOf } from "./log";
import { StorageClient } from "./storage-client";
import { VERSION } from "./version";

/** Runs the daemon until it has been told to stop and has drained. */
export async function run(config: AgentConfig): Promise<void> {
  const instance = await instanceId(process.env);
  const log = createLog(1, { instance, cluster: config.cluster, version: VERSION });
  process.on("uncaughtException", (error) => {
    log.fatal(
      { problem: messageOf(error), stack: error.stack },
      "the agent failed; the service manager starts it again",
    );
    process.exit(1);
  });
  const local = new LocalCopy(config.statePath);
  const publicKey = await local.publicKey();
  if (publicKey === undefined) {
    throw new UserError(`${local.keyPath} does not exist; run \`init\` first (boot does it)`);
  }
  const agent = new Agent({
    config,
    instance,
    version: VERSION,
    publicKey,
    clock: systemClock,
    log,
    storage: new StorageClient({ clock: systemClock, log }),
    device: wgDevice(config.interface, exec),
    local,
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => agent.beginDrain(signal));
  await agent.start();
  await agent.drained;
  await agent.stop();
  log.info("the agent has stopped; the WireGuard interface is left as it is");
}
