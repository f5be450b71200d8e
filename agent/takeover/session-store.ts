import type { SessionNews } from "../../registry/session-reader";
import type { SessionRecord } from "../../registry/sessions";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";
import type { StorageClient } from "../storage-client";

/** What the store needs. */
export interface SessionStoreOptions {
  readonly storage: Pick<StorageClient, "request">;
  readonly clock: Clock;
  readonly log: Log;
  readonly runtimeRoot: string;
  readonly instance: string;
  /** All sessions that this server's log shall hold. */
  readonly held: () => readonly SessionRecord[];
  /** @param isComplete whether this server's own log, if there is one, has been read */
  readonly onNews: (news: readonly SessionNews[], isComplete: boolean) => void;
  /** Whether it must be known soon who has lost which client to whom: this server calls some at the moment, or does not hear another one. */
  readonly hurried: () => boolean;
}

const POLL_MS = { usual: 1000, hurried: 250 } as const;
/** A stray packet may ask for a look out of turn; a flood of them must not ask more often than this. */
const REFRESH_AT_MOST_EVERY_MS = 200;
/** A log of this server's own that cannot be read for so long is given up, and written anew. */
const OWN_LOG_MS = 10_000;
/** The log is written anew when so many times more was appended than was needed the last time, and not only a little. */
const COMPACT = { factor: 3, atLeast: 1000 } as const;

/**
 * The session directory on the shared storage: reads everyone's log, appends to this server's.
 *
 * INVARIANTS: nothing waits for the storage. Once it fails, the next write is the whole log, of what is held then; only what comes
 * while one write runs waits in memory.
 * The first write after a start replaces the log, because a crash may have torn its last line; it waits until the log has been
 * read, because the sessions of an earlier agent are only there; a log that stays unreadable is replaced in the end.
 */
export class SessionStore {
  private timer: Timer | undefined;
  private polling: Promise<void> | undefined;
  private lastPoll = Number.NEGATIVE_INFINITY;
  private queue: SessionRecord[] = [];
  private writing = false;
  private rewrite = true;
  private known = false;
  /** When this server's own log was first found to be unreadable. */
  private unreadSince: number | undefined;
  private appended = 0;
  /** Records in the log when it was last written anew. */
  private needed = 0;
  private stopped = false;
  private readonly problems = new Map<"read" | "write", string>();

  constructor(private readonly options: SessionStoreOptions) {}

  /** Why sessions cannot be read or recorded now; undefined when they can. */
  get problem(): string | undefined {
    const [first] = this.problems.values();
    return first && `the session directory cannot be used: ${first}`;
  }

  start(): void {
    void this.refresh();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /** Adds records to this server's log. */
  append(records: readonly SessionRecord[]): void {
    // All of them are in `held` as well, and the whole log is written next.
    if (!this.rewrite) for (const record of records) this.queue.push(record);
    void this.write();
  }

  /** Settles after a look that began after this call, or failed. */
  async refresh(): Promise<void> {
    if (this.polling !== undefined) await this.polling; // it may have begun before what is looked for was written
    const { clock } = this.options;
    const wait = this.lastPoll + REFRESH_AT_MOST_EVERY_MS - clock.monotonic();
    if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve));
    this.polling ??= this.poll().finally(() => {
      this.polling = undefined;
    });
    await this.polling;
  }

  private async poll(): Promise<void> {
    const { storage, runtimeRoot, instance, clock, onNews, hurried } = this.options;
    this.timer?.cancel();
    this.lastPoll = clock.monotonic();
    try {
      const poll = await storage.request("pollSessions", { runtimeRoot, reader: instance });
      const { news, problem, unread = [] } = poll;
      this.known ||= !this.mustWait(unread.includes(instance));
      onNews(news, this.known);
      this.note("read", problem);
    } catch (error) {
      this.note("read", messageOf(error));
    }
    if (this.stopped) return;
    const pause = hurried() ? POLL_MS.hurried : POLL_MS.usual;
    this.timer = clock.after(pause, () => void this.refresh());
    void this.write(); // what an earlier failure left
  }

  /** Whether the first write has to wait for this server's own log. */
  private mustWait(isUnread: boolean): boolean {
    if (!isUnread) return false;
    const now = this.options.clock.monotonic();
    this.unreadSince ??= now;
    return now - this.unreadSince < OWN_LOG_MS;
  }

  private async write(): Promise<void> {
    if (this.writing || this.stopped || !this.known || (this.queue.length === 0 && !this.rewrite)) return;
    const { storage, runtimeRoot, instance, held } = this.options;
    this.writing = true;
    const records = this.queue;
    this.queue = [];
    try {
      if (this.rewrite) {
        const all = held();
        this.rewrite = false; // what comes from now on is not among them
        await storage.request("rewriteSessions", { runtimeRoot, instance, records: all });
        this.needed = all.length;
        this.appended = 0;
      } else {
        await storage.request("appendSessions", { runtimeRoot, instance, records });
        this.appended += records.length;
        this.rewrite = this.appended > Math.max(COMPACT.atLeast, COMPACT.factor * this.needed);
      }
      this.writing = false;
      this.note("write", undefined);
      if (this.queue.length > 0) void this.write();
    } catch (error) {
      // All of them are in `held` as well, so nothing is lost by writing the whole log next time.
      this.rewrite = true;
      this.writing = false;
      this.note("write", messageOf(error));
    }
  }

  /** Says when trouble begins and when all of it is over: a folder that can only be read must not fill the log. */
  private note(what: "read" | "write", problem: string | undefined): void {
    const before = this.problems.size;
    if (problem === undefined) this.problems.delete(what);
    else this.problems.set(what, problem);
    if (problem !== undefined && before === 0)
      this.options.log.warn({ problem }, "the session directory cannot be used; sessions known so far are");
    if (before > 0 && this.problems.size === 0)
      this.options.log.info("the session directory can be used again");
  }
}
