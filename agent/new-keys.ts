import type { Peer } from "../wireguard/dump";
import type { Clock, Timer } from "./clock";
import { type Log, messageOf } from "./log";
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

const RETRY_MS = 1000;

/**
 * Notices the first handshake of clients' new keys, and marks it for the other servers.
 *
 * INVARIANTS: a new key counts as used when the kernel calls its handshake complete, which takes its private key: a packet that
 * somebody repeats is none. Here it counts at once; the mark follows when the storage lets it, and a mark that could not be made
 * is made later.
 */
export class NewKeys {
  private unmarked = new Set<string>();
  private marking = false;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(private readonly options: NewKeysOptions) {}

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
    this.stopped = true;
    this.timer?.cancel();
  }

  private use(publicKeys: readonly string[]): void {
    if (publicKeys.length === 0) return;
    this.options.log.info({ publicKeys }, "clients use their new keys; the former ones are refused");
    for (const publicKey of publicKeys) this.unmarked.add(publicKey);
    this.options.onUsed(publicKeys);
    void this.mark();
  }

  private async mark(): Promise<void> {
    if (this.marking || this.stopped) return;
    const { storage, runtimeRoot, clock, log } = this.options;
    this.marking = true;
    while (this.unmarked.size > 0) {
      const publicKeys = [...this.unmarked];
      try {
        await storage.request("markUsedKeys", { runtimeRoot, publicKeys });
        for (const publicKey of publicKeys) this.unmarked.delete(publicKey);
      } catch (error) {
        log.warn(
          { problem: messageOf(error), retryInMs: RETRY_MS },
          "new keys that are used cannot be marked for the other servers",
        );
        break;
      }
    }
    this.marking = false;
    if (this.unmarked.size > 0 && !this.stopped) this.timer = clock.after(RETRY_MS, () => void this.mark());
  }
}
