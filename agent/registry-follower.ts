import type { ClientFile } from "../registry/schema";
import type { Clock, Timer } from "./clock";
import { type Log, messageOf } from "./log";
import { StorageAnswerError, type StorageClient } from "./storage-client";
import type { ReadResult } from "./storage-protocol";

/** What the follower tells: everything, or what changed. */
export interface RegistryListener {
  /** All clients; `keep` names files that could not be read, of which the last known state stays. */
  onEverything(clients: readonly ClientFile[], keep: readonly string[], revision: number): void;
  /** These clients changed; undefined means that the client is gone. */
  onChanges(changes: ReadonlyMap<string, ClientFile | undefined>, revision: number): void;
  /** New keys of clients whose first use is waited for. */
  readonly awaitedKeys: ReadonlyMap<string, unknown>;
  /** New keys that have been used; told before the clients they belong to. */
  onUsedKeys(publicKeys: readonly string[]): void;
}

/** What the follower needs. */
export interface FollowerOptions {
  readonly root: string;
  /** Where the servers mark the new keys of clients that have been used. */
  readonly runtimeRoot: string;
  readonly cluster: string;
  /** The servers' public keys: a folder with another one is another cluster's registry and is not followed. */
  readonly serverPublicKeys: () => readonly string[];
  readonly storage: Pick<StorageClient, "request">;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: RegistryListener;
  /** Whether nothing may be applied now. */
  readonly held?: (() => boolean) | undefined;
}

const POLL_MS = 500;
/** Everything is read again now and then, so that a change that its writer died before announcing is seen too. */
const FULL_EVERY_MS = 5 * 60_000;
/** A client's file that cannot be read is tried again so often. */
const RETRY_MS = 5000;

/**
 * Follows the registry: reads the change feed twice a second and then only the clients that changed; and while a client's new
 * key waits for its first use, the marks of those that were used on other servers.
 *
 * INVARIANTS: the listener is only told what was read completely; a folder that is no registry (an empty mount point) changes
 * nothing. The revision moves on only after its clients have been read. Marks are read before clients that they may be about
 * are told, so a former key that is over is not let in for a moment; that they cannot be read keeps no change of clients back.
 */
export class RegistryFollower {
  private timer: Timer | undefined;
  private stopped = false;
  private nextFull = 0;
  private current: number | undefined;
  private lastProblem: string | undefined;
  /** What is wrong with the server key in the registry; looked at with each full read. */
  private keyProblem: string | undefined;
  private markProblem: string | undefined;
  private readonly clientProblems = new Map<string, string>();
  /** Clients whose file cannot be read; looked at again now and then, because whoever puts the file back need not announce it. */
  private readonly unreadable = new Set<string>();
  private nextRetry = 0;

  /** When the registry was last read without an error (monotonic); undefined when never. */
  lastReadAt: number | undefined;

  constructor(private readonly options: FollowerOptions) {}

  /** What is wrong with the registry, as readable lines; empty when all is well. */
  get problems(): string[] {
    const problems = [this.lastProblem, this.keyProblem, this.markProblem].filter(
      (problem) => problem !== undefined,
    );
    return [...problems, ...this.clientProblems.values()];
  }

  /** Reads once, then keeps following; ends (never fails) when the first attempt is over. */
  async start(): Promise<void> {
    await this.poll();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async poll(): Promise<void> {
    try {
      // Whatever was known is given up meanwhile, so all of it is read again afterwards.
      if (this.isHeld) this.current = undefined;
      else await this.step();
      if (this.current !== undefined) this.lastReadAt = this.options.clock.monotonic();
      if (this.lastProblem !== undefined) this.options.log.info("the registry can be read again");
      this.lastProblem = undefined;
    } catch (error) {
      const problem = error instanceof StorageAnswerError ? `registry: ${error.message}` : messageOf(error);
      if (problem !== this.lastProblem)
        this.options.log.warn({ problem }, "the registry could not be read; the last good state stays");
      this.lastProblem = problem;
    }
    if (!this.stopped) this.timer = this.options.clock.after(POLL_MS, () => void this.poll());
  }

  /** Also asked after each read, which may have been under way. */
  private get isHeld(): boolean {
    return this.options.held?.() ?? false;
  }

  private async step(): Promise<void> {
    const { root, storage, clock } = this.options;
    if (this.current === undefined || clock.monotonic() >= this.nextFull) return this.readEverything();
    const since = await storage.request("follow", { root, revision: this.current });
    if (since.kind === "everything") return this.readEverything();
    if (since.kind === "clients") return this.readClients(since.names, since.revision);
    if (this.unreadable.size === 0 || clock.monotonic() < this.nextRetry) return this.readMarks([]);
    await this.readClients([...this.unreadable], since.revision);
  }

  private async readClients(names: readonly string[], revision: number): Promise<void> {
    const { root, storage, listener } = this.options;
    const read = await storage.request("readClients", { root, names });
    const changes = new Map<string, ClientFile | undefined>();
    for (const name of names) if (!read.unreadable.includes(name)) changes.set(name, undefined);
    for (const client of read.clients) changes.set(client.name, client);
    this.note(read, names);
    await this.readMarks(read.clients);
    const isNews = changes.size > 0 || revision !== this.current;
    this.current = revision;
    if (isNews && !this.isHeld) listener.onChanges(changes, revision);
  }

  private async readEverything(): Promise<void> {
    const { root, storage, clock, cluster, serverPublicKeys } = this.options;
    const clients: ClientFile[] = [];
    const read = await storage.request("readAll", { root }, { onPart: (part) => clients.push(...part) });
    const isOwn = read.publicKey === undefined || serverPublicKeys().includes(read.publicKey);
    if (read.cluster !== cluster || !isOwn) {
      throw new Error(
        `registry: ${root} belongs to cluster ${read.cluster} with another server key than this server has`,
      );
    }
    this.noteKey(read.keyProblem);
    this.note(read, [...this.unreadable, ...this.clientProblems.keys()]);
    await this.readMarks(clients);
    this.current = read.revision;
    this.nextFull = clock.monotonic() + FULL_EVERY_MS;
    if (!this.isHeld) this.options.listener.onEverything(clients, read.unreadable, read.revision);
  }

  /** @param clients those that are about to be told */
  private async readMarks(clients: readonly ClientFile[]): Promise<void> {
    const { listener, storage, runtimeRoot } = this.options;
    if (listener.awaitedKeys.size === 0 && clients.every(({ previous }) => previous === undefined)) {
      this.markProblem = undefined;
      return;
    }
    try {
      listener.onUsedKeys(await storage.request("readUsedKeys", { runtimeRoot }));
      this.markProblem = undefined;
    } catch (error) {
      this.markProblem = `clients' new keys that other servers have seen cannot be read: ${messageOf(error)}`;
    }
  }

  private noteKey(problem: string | undefined): void {
    const line = problem === undefined ? undefined : `registry: ${problem}`;
    if (line !== undefined && line !== this.keyProblem)
      this.options.log.error(
        { problem },
        "the registry's server key is damaged; this server goes on with its own copy",
      );
    this.keyProblem = line;
  }

  /** @param names the clients that were read: what was known of them is over */
  private note(read: ReadResult, names: readonly string[]): void {
    const before = new Map(this.clientProblems);
    for (const name of names) {
      this.clientProblems.delete(name);
      this.unreadable.delete(name);
    }
    for (const name of read.unreadable) this.unreadable.add(name);
    if (this.unreadable.size > 0) this.nextRetry = this.options.clock.monotonic() + RETRY_MS;
    for (const [index, problem] of read.problems.entries()) {
      const [key, line] = [read.unreadable[index] ?? problem, `registry: ${problem}`];
      this.clientProblems.set(key, line);
      if (before.get(key) === line) continue;
      this.options.log.warn(
        { problem },
        "a client of the registry cannot be used; its last good state stays",
      );
    }
  }
}
