import { UserError } from "../config/errors";
import { systemClock } from "./clock";
import { agentConfigPath, loadAgentConfig } from "./config";
import { commandDrain } from "./drain-command";
import { ExecError, exec } from "./exec";
import { init } from "./init";
import { createLog, messageOf } from "./log";
import { networkUp } from "./network-up";
import { run } from "./run";
import { StorageClient } from "./storage-client";
import { runStorageWorker } from "./storage-worker";
import { VERSION } from "./version";

const USAGE = "usage: agent.js init | network-up | run | drain | undrain | version";

async function main(command: string | undefined): Promise<void> {
  switch (command) {
    case "init":
      return withStorage(async (storage, config, log) => {
        process.stdout.write(`${await init(config, storage, log)}\n`);
      });
    case "network-up":
      return withStorage((storage, config, log) => networkUp(config, storage, exec, log));
    case "run":
      return run(loadAgentConfig(agentConfigPath(process.env)));
    case "drain":
    case "undrain": {
      const config = loadAgentConfig(agentConfigPath(process.env));
      process.stdout.write(`${await commandDrain(config, command === "drain")}\n`);
      return;
    }
    case "storage-worker":
      if (process.send === undefined)
        throw new UserError("storage-worker is started by the agent, not by hand");
      return runStorageWorker();
    case "version":
      process.stdout.write(`${VERSION}\n`);
      return;
    default:
      throw new UserError(
        command === undefined ? USAGE : `unknown command ${JSON.stringify(command)}; ${USAGE}`,
        {
          exitCode: 2,
        },
      );
  }
}

/** For the commands of a boot: they log to standard error, their result goes to standard output. */
async function withStorage(
  work: (
    storage: StorageClient,
    config: ReturnType<typeof loadAgentConfig>,
    log: ReturnType<typeof createLog>,
  ) => Promise<void>,
): Promise<void> {
  const config = loadAgentConfig(agentConfigPath(process.env));
  const log = createLog(2, { cluster: config.cluster, version: VERSION });
  const storage = new StorageClient({ clock: systemClock, log });
  try {
    await work(storage, config, log);
  } finally {
    storage.stop();
  }
}

const [command] = process.argv.slice(2);
main(command).then(
  () => {
    // The worker lives as long as its parent; the other commands are done when their work is.
    if (command !== "storage-worker") process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`wgc agent: ${messageOf(error)}\n`);
    // A tool that fails is no fault of this program, and its own message is the reason; the stack helps with all else.
    const isExpected = error instanceof UserError || error instanceof ExecError;
    if (!isExpected && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exit(error instanceof UserError ? error.exitCode : 1);
  },
);
