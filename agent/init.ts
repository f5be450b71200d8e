import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors";
import { RegistryError } from "../registry/errors";
import { registryPaths } from "../registry/layout";
import type { AgentConfig } from "./config";
import { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import { adoptFinished } from "./rotation/server-key";
import { StorageAnswerError, type StorageClient } from "./storage-client";
import type { RegistryIdentity } from "./storage-protocol";

/** How long a server without a key waits for one, and how often it looks. */
export interface InitWait {
  readonly limitMs: number;
  readonly pauseMs: number;
}

/**
 * A deployment makes the key before any server, so waiting is for a registry that is being restored. A boot that hangs for ever says
 * nothing to anybody.
 */
const WAIT: InitWait = { limitMs: 30_000, pauseMs: 1000 };

const RESTORE =
  "restore the registry from the backup, or the key from a running server's copy (server.key in its state folder, /var/lib/wgc)";

/**
 * Takes the servers' key and the cluster description from the registry and keeps this server's own copy of them; the control
 * function makes both. Returns the public key. A server that has a copy starts with it when the storage is away: a reboot must not
 * depend on it.
 *
 * INVARIANTS: a server never makes a key. One that has a copy of the key never takes another one over, whatever it finds in the
 * registry; its copy may be the last one. Only the next key of a rotation, which it has a copy of as well, may follow.
 */
export async function init(
  config: AgentConfig,
  storage: StorageClient,
  log: Log,
  wait: InitWait = WAIT,
): Promise<string> {
  const local = new LocalCopy(config.statePath);
  await adoptFinished(local, storage, config.registryPath);
  const own = await local.publicKey();
  try {
    const { keys, cluster, port, former } =
      own === undefined ? await firstIdentity(config, storage, log, wait) : await ask(config, storage, wait);
    assertOurs(config, { keys, cluster, port, former }, own);
    await local.saveIdentity(keys, cluster, port);
    log.info({ publicKey: keys.publicKey }, "took the cluster's key over from the registry");
    return keys.publicKey;
  } catch (error) {
    const problem = messageOf(error);
    if (own === undefined) {
      const text = `this server has no key yet and the registry ${config.registryPath} gives it none: ${problem}`;
      throw new UserError(text, { cause: error });
    }
    if (isDamage(error))
      log.error({ problem }, "the registry is not to be followed; going on with this server's own copy");
    else log.warn({ problem }, "the registry cannot be reached; going on with this server's own copy");
    return own;
  }
}

function ask(config: AgentConfig, storage: StorageClient, { limitMs }: InitWait): Promise<RegistryIdentity> {
  return storage.request("identity", { root: config.registryPath }, { limitMs });
}

/** What a server without a copy is told; waits for a registry that has not been made yet. */
async function firstIdentity(
  config: AgentConfig,
  storage: StorageClient,
  log: Log,
  wait: InitWait,
): Promise<RegistryIdentity> {
  const deadline = performance.now() + wait.limitMs;
  for (let told = false; ; told = true) {
    try {
      return await ask(config, storage, wait);
    } catch (error) {
      if (!(error instanceof StorageAnswerError && error.kind === "missing")) throw error;
      if (performance.now() + wait.pauseMs > deadline) throw notMade(error, wait);
      if (!told) log.warn({ problem: error.message }, "the registry has no key yet; waiting for it");
      await sleep(wait.pauseMs);
    }
  }
}

function notMade(error: Error, { limitMs }: InitWait): Error {
  return new Error(
    `${error.message} (looked for ${limitMs / 1000} s); the control function makes the key during \`pulumi up\`, before any server: ` +
      "run `pulumi up` again, and where there was a registry once, restore it from the backup first",
  );
}

/** Another cluster's registry is never followed, nor another key than the one this server has. */
function assertOurs(config: AgentConfig, identity: RegistryIdentity, own: string | undefined): void {
  const { keys, cluster, former } = identity;
  const paths = registryPaths(config.registryPath);
  for (const field of ["cluster", "tunnelIpv4"] as const) {
    if (cluster[field] === config[field]) continue;
    const problem = `${field} is ${cluster[field]}, this server is configured with ${config[field]}; clients depend on it, so it cannot change`;
    throw new RegistryError(paths.cluster, problem, "conflict");
  }
  if (own === undefined || own === keys.publicKey) return;
  if (former.includes(own)) {
    const problem = `is the key of ${keys.publicKey}, which replaced this server's while it was cut off; the agent takes it out of service`;
    throw new RegistryError(paths.privateKey, problem, "conflict", "replace this server");
  }
  const problem = `is the key of ${keys.publicKey}, this server has the key of ${own}; clients know only one of them`;
  throw new RegistryError(paths.privateKey, problem, "conflict", RESTORE);
}

function isDamage(error: unknown): boolean {
  return error instanceof RegistryError || (error instanceof StorageAnswerError && error.kind !== "io");
}
