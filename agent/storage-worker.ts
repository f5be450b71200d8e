import { promises as fs } from "node:fs";
import { dirname } from "node:path";
import { confirm, markMoved, readConfirmed } from "../registry/confirmed";
import { RegistryError } from "../registry/errors";
import { replaceFile, toJson, unlessStale } from "../registry/files";
import { nodeRecordPath, registryPaths } from "../registry/layout";
import { meshKey } from "../registry/mesh-key";
import { forgetNodes, readNodes } from "../registry/nodes";
import {
  type ChangesSince,
  type ClientScan,
  changesSince,
  inspectServerKeys,
  readChanges,
  readClients,
  readCluster,
  scanClients,
} from "../registry/reader";
import type { ChangeFeed, ClientFile } from "../registry/schema";
import { readNextKey } from "../registry/server-key";
import { SessionReader } from "../registry/session-reader";
import { appendSessions, rewriteSessions, sessionLogPath } from "../registry/sessions";
import { messageOf } from "./log";
import { assertMounted } from "./mounts";
import { readIdentity, ServerKeyReader } from "./rotation/server-key-files";
import type {
  ReadResult,
  StorageMessage,
  StorageOperation,
  StorageOperations,
  StorageRequest,
} from "./storage-protocol";

/**
 * The only process that touches the shared file system. A network mount that lost its server blocks whoever asks it (nfs(5),
 * `hard`), so the agent asks this child, with a time limit, and kills it when there is no answer.
 */
export function runStorageWorker(): void {
  const worker = new StorageWorker((message) => process.send?.(message));
  process.on("message", (request: StorageRequest) => void worker.handle(request));
  // The agent is gone: nobody is left to answer.
  process.on("disconnect", () => process.exit(0));
  // Signals to the whole group (a terminal's Ctrl-C, a stop by the service manager) are the agent's to act on.
  process.on("SIGTERM", () => {});
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.send?.({ kind: "ready" } satisfies StorageMessage);
}

type Handlers = {
  [O in StorageOperation]: (
    args: StorageOperations[O]["args"],
    part: (clients: readonly ClientFile[]) => void,
  ) => Promise<StorageOperations[O]["result"]>;
};

/** Answers requests. */
export class StorageWorker {
  private feed: { version: string; feed: ChangeFeed } | undefined;
  private readonly sessionReaders = new Map<string, SessionReader>();
  private readonly serverKeys = new ServerKeyReader();

  constructor(private readonly send: (message: StorageMessage) => void) {}

  async handle(request: StorageRequest): Promise<void> {
    const { id } = request;
    try {
      const handler = this.handlers[request.operation] as (args: unknown, part: unknown) => Promise<unknown>;
      const value = await handler(request.args, (clients: readonly ClientFile[]) =>
        this.send({ id, kind: "part", clients }),
      );
      this.send({ id, kind: "answer", value });
    } catch (error) {
      const errorKind = error instanceof RegistryError ? error.kind : "io";
      this.send({ id, kind: "error", message: messageOf(error), errorKind });
    }
  }

  private readonly handlers: Handlers = {
    identity: ({ root }) => readIdentity(root),
    serverKey: ({ root }) => this.serverKeys.read(root),
    nextKey: async ({ root }) => (await readNextKey(root)) ?? null,
    follow: ({ root, revision }) => this.follow(root, revision),
    readAll: async ({ root }, part) => {
      const [cluster, keys] = [await readCluster(root), await inspectServerKeys(root)];
      // The revision is read first: a change that comes while the clients are read is then read once more, never missed.
      const { revision } = await readChanges(root);
      const scan = await scanClients(root, part);
      return {
        ...readResult(scan),
        clients: [],
        revision,
        publicKey: keys.publicKey,
        keyProblem: keys.problem,
        cluster: cluster.cluster,
      };
    },
    readClients: async ({ root, names }) => readResult(await readClients(root, names)),
    writeNode: async ({ runtimeRoot, record }) => {
      await assertMounted(runtimeRoot);
      const path = nodeRecordPath(runtimeRoot, record.instance);
      await fs.mkdir(dirname(path), { recursive: true });
      await replaceFile(path, toJson(record), { mode: 0o644 });
      return null;
    },
    readNodes: async ({ runtimeRoot }) => {
      const nodes = await readNodes(runtimeRoot);
      await forgetNodes(runtimeRoot, nodes, Date.now());
      return nodes;
    },
    meshKey: async ({ runtimeRoot }) => {
      await assertMounted(runtimeRoot);
      return meshKey(runtimeRoot);
    },
    readUsedKeys: async ({ runtimeRoot }) => [...(await readConfirmed(runtimeRoot))],
    markUsedKeys: async ({ runtimeRoot, publicKeys }) => {
      await assertMounted(runtimeRoot);
      for (const publicKey of publicKeys) await confirm(runtimeRoot, publicKey);
      return null;
    },
    markMoved: async ({ runtimeRoot, serverKey, publicKeys }) => {
      await assertMounted(runtimeRoot);
      for (const publicKey of publicKeys) await markMoved(runtimeRoot, serverKey, publicKey);
      return null;
    },
    pollSessions: async ({ runtimeRoot, reader }) => {
      const sessions = this.sessionsOf(runtimeRoot, reader);
      const news = await sessions.poll();
      return { news, problem: sessions.problem, unread: sessions.unread };
    },
    appendSessions: async ({ runtimeRoot, instance, records }) => {
      await appendSessions(sessionLogPath(runtimeRoot, instance), records);
      return null;
    },
    rewriteSessions: async ({ runtimeRoot, instance, records }) => {
      await assertMounted(runtimeRoot);
      await rewriteSessions(sessionLogPath(runtimeRoot, instance), records);
      return null;
    },
  };

  private sessionsOf(runtimeRoot: string, name: string): SessionReader {
    const key = `${name} ${runtimeRoot}`;
    const reader = this.sessionReaders.get(key) ?? new SessionReader(runtimeRoot);
    this.sessionReaders.set(key, reader);
    return reader;
  }

  /** Opens the feed anew each time: NFS checks a file's attributes with the server on open, and only then (nfs(5)). */
  private async follow(root: string, revision: number): Promise<ChangesSince> {
    const version = await unlessStale(root, () => versionOf(root));
    if (version === undefined || this.feed?.version !== version) {
      const feed = await readChanges(root);
      this.feed = version === undefined ? undefined : { version, feed };
      return changesSince(feed, revision);
    }
    return changesSince(this.feed.feed, revision);
  }
}

/** What changes when the feed is replaced; undefined when there is none. */
async function versionOf(root: string): Promise<string | undefined> {
  const handle = await fs.open(registryPaths(root).changes, "r").catch(() => undefined);
  try {
    const stat = await handle?.stat({ bigint: true });
    return stat && `${root} ${stat.dev} ${stat.ino} ${stat.mtimeNs} ${stat.size}`;
  } finally {
    await handle?.close();
  }
}

function readResult(scan: ClientScan): ReadResult {
  const { clients, problems, unreadable } = scan;
  return { clients, problems: problems.map(messageOf), unreadable };
}
