import type { Peer } from "../wireguard/dump";
import type { Clock } from "./clock";
import type { Log } from "./log";
import { Marks } from "./marks";
import type { StorageClient } from "./storage-client";

/** What is needed to notice that new keys are used. */
export interface NewKeysOptions {
  readonly storage: Pick<StorageClient, "request">;
  readonly clock: Clock;
  readonly log: Log;
  readonly runtimeRoot: string;
  /** New keys of clients whose first handshake is waited for. */
  readonly awaited: () => ReadonlyMap<string, unknown>;
  /** Told the new keys that have been used. */
  readonly onUsed: (publicKeys: readonly string[]) => void;
}

/**
 * Notices the first handshake of clients' new keys, and marks it for the other servers.
 *
 * INVARIANTS: a new key counts as used when the kernel calls its handshake complete, which takes its private key: a packet that
 * somebody repeats is none. Here it counts at once; the mark follows when the storage lets it, and a mark that could not be made
 * is made later.
 */
export class NewKeys {
  private readonly marks: Marks;

  constructor(private readonly options: NewKeysOptions) {
    const { clock, log, storage, runtimeRoot } = options;
    this.marks = new Marks(clock, log, "clients' new keys that are used", (publicKeys) =>
      storage.request("markUsedKeys", { runtimeRoot, publicKeys }),
    );
  }

  /** Looks at the peers as the kernel has them. */
  observe(peers: readonly Peer[]): void {
    const awaited = this.options.awaited();
    if (awaited.size === 0) return;
    this.use(
      peers.flatMap(({ publicKey, latestHandshake }) =>
        latestHandshake > 0 && awaited.has(publicKey) ? publicKey : [],
      ),
    );
  }

  /** Another server recorded sessions with these keys: it has seen their handshakes. */
  recorded(publicKeys: readonly string[]): void {
    const awaited = this.options.awaited();
    const used = publicKeys.filter((publicKey) => awaited.has(publicKey));
    if (used.length > 0) this.options.onUsed(used);
  }

  stop(): void {
    this.marks.stop();
  }

  private use(publicKeys: readonly string[]): void {
    if (publicKeys.length === 0) return;
    this.options.log.info(
      { clients: publicKeys.length },
      "clients use their new keys; the former ones are refused",
    );
    this.options.onUsed(publicKeys);
    this.marks.add(publicKeys);
  }
}
