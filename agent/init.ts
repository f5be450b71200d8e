import { UserError } from "../config/errors";
import type { ClusterFile } from "../registry/schema";
import type { AgentConfig } from "./config";
import { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import type { StorageClient } from "./storage-client";

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
 */
export async function init(config: AgentConfig, storage: StorageClient, log: Log): Promise<string> {
  const local = new LocalCopy(config.statePath);
  try {
    const wanted = clusterOf(config);
    const { publicKey, created } = await storage.request(
      "init",
      { root: config.registryPath, cluster: wanted },
      { limitMs: LIMIT_MS },
    );
    const { keys, cluster } = await storage.request(
      "identity",
      { root: config.registryPath },
      { limitMs: LIMIT_MS },
    );
    const differs = Object.keys(wanted).filter(
      (field) => JSON.stringify(cluster[field]) !== JSON.stringify(wanted[field as keyof ClusterFile]),
    );
    if (differs.length > 0)
      log.warn(
        { differs },
        "the registry's cluster.json differs from this server's configuration; the registry's stays",
      );
    await local.saveIdentity(keys, cluster);
    log.info(
      { publicKey, created },
      created ? "created the cluster's key pair" : "found the cluster's key pair",
    );
    return publicKey;
  } catch (error) {
    const known = await local.publicKey();
    if (known === undefined) {
      throw new UserError(`the registry ${config.registryPath} cannot be prepared: ${messageOf(error)}`, {
        cause: error,
      });
    }
    log.warn(
      { problem: messageOf(error) },
      "the registry cannot be reached; going on with this server's own copy",
    );
    return known;
  }
}
