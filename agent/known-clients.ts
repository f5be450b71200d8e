import type { ClientFile } from "../registry/schema";
import type { PeerSpec } from "../wireguard/diff";
import { ClientTable, type ReservedPeer } from "./client-table";
import type { Clock, Timer } from "./clock";
import type { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import type { Scope } from "./reconcile";
import type { RegistryListener } from "./registry-follower";
import { SnapshotSaver } from "./snapshot-saver";

/** What is needed to know the clients. */
export interface KnownClientsOptions {
  readonly local: LocalCopy;
  readonly clock: Clock;
  readonly log: Log;
  /** The servers' public key: a copy of another cluster's clients is never used. */
  readonly publicKey: () => string;
  /** The peer that is no client. */
  readonly probe: ReservedPeer;
  /** These peers may have to be changed. */
  readonly onChange: (scope: Scope) => void;
}

/** How long the registry may keep a start waiting before this server goes on with its own copy. */
const REGISTRY_FIRST_MS = 1500;
/** The wall clock may be set while something waits for a time, so it is looked at again after so long. */
const LOOK_AT_CLOCK_MS = 60_000;

/**
 * The clients as this server knows them: from the registry, or after a start without it from this server's own copy.
 *
 * INVARIANTS: after a start the registry is asked first, so that a client that was revoked meanwhile is not let in from the old
 * copy, but only for a moment: then the copy is used. What the registry said is never undone by the copy. An agent
 * that was killed may not have written its last clients down: a peer that the copy knows nothing of stays until the registry answers.
 */
export class KnownClients implements RegistryListener {
  private readonly table: ClientTable;
  private readonly saver: SnapshotSaver;
  private known = false;
  private isRegistryRead = false;
  private hasCopy = false;
  private copyError: string | undefined;
  private expiryTimer: Timer | undefined;
  private copyTimer: Timer | undefined;
  /** Revision of the registry that these clients are from. */
  revision = 0;

  constructor(private readonly options: KnownClientsOptions) {
    const { local, clock, log, publicKey, probe } = options;
    this.table = new ClientTable(probe);
    this.saver = new SnapshotSaver(local, clock, log, () => ({
      schema: 1,
      serverPublicKey: publicKey(),
      revision: this.revision,
      savedAt: new Date(clock.now()).toISOString(),
      clients: this.table.clients(),
      usedKeys: this.table.usedKeys(),
    }));
  }

  /** The peers that the interface shall have; undefined while nothing is known yet. */
  get peers(): ReadonlyMap<string, PeerSpec> | undefined {
    return this.known ? this.table.peers : undefined;
  }

  /** Whether a peer stays though no client has it: the registry may know one. */
  spares(publicKey: string): boolean {
    return !this.isRegistryRead && !this.table.knows(publicKey);
  }

  /** The peer of a client that may connect; the probe is none. */
  peer(publicKey: string): PeerSpec | undefined {
    return publicKey === this.options.probe.publicKey ? undefined : this.table.peers.get(publicKey);
  }

  /** New keys of clients whose first handshake is waited for, which shake hands as a second peer of their client. */
  get awaitedKeys(): ReadonlyMap<string, unknown> {
    return this.table.awaited;
  }

  /** New keys that have been used: the former ones are refused from now on. */
  onUsedKeys(publicKeys: Iterable<string>): void {
    const affected = this.table.use(publicKeys, this.options.clock.now());
    if (affected.size === 0 || !this.known) return;
    this.changed(affected);
    this.saver.save();
  }

  /** Clients that are left out because another one has their key or address, as readable lines. */
  get conflicts(): string[] {
    return this.table.conflicts();
  }

  /** What is wrong with this server's own copy; undefined when nothing is. */
  get copyProblem(): string | undefined {
    return this.saver.error ?? this.copyError;
  }

  /** Reads this server's copy, and uses it in a moment unless the registry answers first. */
  async start(): Promise<void> {
    const { local, log, clock, publicKey } = this.options;
    this.copyTimer = clock.after(REGISTRY_FIRST_MS, () => this.useCopy());
    try {
      const copy = await local.snapshot();
      if (copy === undefined) return;
      // A copy from before the server key was replaced is of this cluster as well.
      const isOwn = copy.serverPublicKey === publicKey() || (await local.ports()).has(copy.serverPublicKey);
      if (!isOwn) throw new Error("the copy belongs to another server key");
      this.table.use(copy.usedKeys, clock.now());
      this.table.replaceAll(copy.clients, clock.now());
      this.revision = copy.revision;
      this.hasCopy = true;
    } catch (error) {
      this.copyError = `this server's own copy of the clients cannot be used: ${messageOf(error)}`;
      log.warn({ problem: messageOf(error) }, "this server's own copy of the clients cannot be used");
    }
  }

  async stop(): Promise<void> {
    this.expiryTimer?.cancel();
    this.copyTimer?.cancel();
    await this.saver.stop();
  }

  onEverything(clients: readonly ClientFile[], keep: readonly string[], revision: number): void {
    const kept = new Set(keep);
    const last = this.table.clients().filter((client) => kept.has(client.name));
    this.table.replaceAll([...clients, ...last], this.options.clock.now());
    this.isRegistryRead = true;
    this.revision = revision;
    this.changed("everything");
    this.saver.save();
  }

  onChanges(changes: ReadonlyMap<string, ClientFile | undefined>, revision: number): void {
    const affected = new Set<string>();
    for (const [name, client] of changes) {
      for (const key of this.table.update(name, client, this.options.clock.now())) affected.add(key);
    }
    this.revision = revision;
    this.changed(affected);
    this.saver.save();
  }

  /**
   * Serves no client any more, and keeps no copy of them either: this server must not come back with it. The registry's next word
   * counts again.
   */
  letGo(): void {
    this.hasCopy = false;
    this.isRegistryRead = true; // and says that this server serves nobody
    this.table.replaceAll([], this.options.clock.now());
    this.revision = 0;
    this.changed("everything");
    this.saver.drop();
  }

  private useCopy(): void {
    if (this.known || !this.hasCopy) return;
    this.options.log.warn(
      { revision: this.revision },
      "the registry does not answer; starting with this server's own copy",
    );
    this.changed("everything");
  }

  private changed(scope: Scope): void {
    this.known = true;
    this.options.onChange(scope);
    const { clock } = this.options;
    const next = this.table.nextExpiry();
    this.expiryTimer?.cancel();
    if (next === undefined) return;
    const wait = Math.min(Math.max(next - clock.now(), 0), LOOK_AT_CLOCK_MS);
    this.expiryTimer = clock.after(wait, () => this.changed(this.table.expire(clock.now())));
  }
}
