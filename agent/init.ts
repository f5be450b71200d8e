import { UserError } from "../config/errors";
import type { ClusterFile } from "../registry/schema";
import type { AgentConfig } from "./config";
import { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import { adoptFinished } from "./rotation/server-key";
import { StorageAnswerError, type StorageClient } from "./storage-client";

/** At boot there is nothing else to do than to wait for the mount, but a boot that hangs for ever says nothing to anybody. */
const LIMIT_MS = 30_000;

/** What the registry's `cluster.json` says when this server is the first one. */
export function clusterOf(config: AgentConfig): ClusterFile {
  return {
    schema: 1,
    cluster: config.cluster,
    endpoint: config.endpoint,
    tunnelIpv4: config.tunnelIpv4,
    dns: config.clientDns,
    routes: config.clientRoutes,
    mtu: config.mtu,
    persistentKeepalive: config.persistentKeepalive,
  };
}

/**
 * Makes the registry's key pair and cluster description when there is none, and keeps this server's own copy of them.
 * Returns the public key. A server that has a copy starts with it when the storage is away: a reboot must not depend on it.
 *
 * INVARIANTS: a server that has a copy of the key never makes another one and never takes another one over, whatever it finds in
 * the registry; its copy may be the last one. Only the next key of a rotation, which it has a copy of as well, may follow.
 */
export async function init(config: AgentConfig, storage: StorageClient, log: Log): Promise<string> {
  const local = new LocalCopy(config.statePath);
  await adoptFinished(local, storage, config.registryPath);
  const expected = await local.publicKey();
  try {
    return await prepare(config, storage, local, expected, log);
  } catch (error) {
    const problem = messageOf(error);
    if (expected === undefined) {
      throw new UserError(`the registry ${config.registryPath} cannot be prepared: ${problem}`, {
        cause: error,
      });
    }
    if (error instanceof StorageAnswerError && error.kind !== "io")
      log.error({ problem }, "the registry is damaged; going on with this server's own copy");
    else log.warn({ problem }, "the registry cannot be reached; going on with this server's own copy");
    return expected;
  }
}

async function prepare(
  config: AgentConfig,
  storage: StorageClient,
  local: LocalCopy,
  expected: string | undefined,
  log: Log,
): Promise<string> {
  const [root, wanted, limit] = [config.registryPath, clusterOf(config), { limitMs: LIMIT_MS }];
  const { publicKey, created } = await storage.request("init", { root, cluster: wanted, expected }, limit);
  const { keys, cluster, port } = await storage.request("identity", { root }, limit);
  const differs = Object.keys(wanted).filter(
    (field) => JSON.stringify(cluster[field]) !== JSON.stringify(wanted[field as keyof ClusterFile]),
  );
  if (differs.length > 0)
    log.warn(
      { differs },
      "the registry's cluster.json differs from this server's configuration; the registry's stays",
    );
  await local.saveIdentity(keys, cluster, port);
  log.info(
    { publicKey, created },
    created ? "created the cluster's key pair" : "found the cluster's key pair",
  );
  return publicKey;
}
