import { type AuditDraft, type AuditEnd, type AuditEntry, appendEntries } from "./audit-log";
import { Claims, claimsOf } from "./claims";
import { checkValue, removeFile, replaceFile, toJson } from "./files";
import type { RegistryPaths } from "./layout";
import type { HeldLock, LockOptions } from "./lock";
import { storeRequest, withoutSecrets } from "./requests";
import { CHANGE_FEED_LIMIT, type ChangeFeed, type ClientFile, clientFileSchema } from "./schema";

/** Who changes something, and in the course of what. */
export interface ChangeContext {
  /** The caller as the audit log shall name it: an IAM ARN, or `local`. */
  readonly who: string;
  /** The operation's name in the audit log, where it is another one than the method's. */
  readonly operation?: string | undefined;
  /** Names the request: repeated with the same name it is answered as the first time and changes nothing. */
  readonly requestKey?: string | undefined;
  /** AWS's number of the invocation. */
  readonly invocation?: string | undefined;
}

/** What a change answers. */
export interface Changed<T> {
  /** For a repeated request: as it was the first time, with zeros in the place of preshared keys. */
  readonly value: T;
  /** The registry's revision that has the change. */
  readonly revision: number;
  /** The request had been made before. */
  readonly repeated?: true;
}

/** How a writer works. */
export interface WriterOptions extends LockOptions {
  /** The wall clock; for tests. */
  readonly now?: (() => Date) | undefined;
}

/** The state of one client before and after a change; without `after` the client is removed. */
export interface Step {
  readonly name: string;
  /** Missing: there was none, or its file is broken. */
  readonly before: ClientFile | undefined;
  readonly after: ClientFile | undefined;
  /** What a broken file's client has claimed. */
  readonly claimed?: readonly string[];
}

/** What a piece of work decided: its answer, and what is to be written for it. */
export interface Decision<T> {
  /** The answer, from the clients as they were written. */
  readonly answer: (written: readonly (ClientFile | undefined)[]) => T;
  readonly steps: readonly Step[];
  /** Where the search for the next client's address begins. */
  readonly nextAddress?: string | undefined;
}

const SECRET = { mode: 0o600 } as const;
const PUBLIC = { mode: 0o644 } as const;

/** Names of the fields in which two clients differ. */
export function changedFields(
  before: Record<string, unknown> | undefined,
  after: Record<string, unknown> | undefined,
): string[] {
  const fields = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...fields].filter(
    (field) => field !== "sequence" && JSON.stringify(before?.[field]) !== JSON.stringify(after?.[field]),
  );
}

/**
 * Everything that a writer may do while it holds the lock.
 *
 * INVARIANTS: a change is written in this order: audit log (it says which client and what it claims), claims, the client's file,
 * claims that are given up, the answer to the request, the feed with the log's new head. The feed is what acknowledges: what
 * the log says after the head that the feed names was interrupted, and whoever takes the lock next completes or undoes it
 * (mend.ts) before anything else. The client's file names its entry of the log, so what was interrupted is known for sure.
 */
export class Session {
  readonly claims: Claims;
  /** The answer to the request has been kept. */
  answered = false;
  /** Interrupted changes that were completed when the lock was taken: whoever asks for one of them again has it. */
  completed: readonly AuditEntry[] = [];

  constructor(
    readonly root: string,
    readonly paths: RegistryPaths,
    readonly lock: HeldLock,
    readonly now: Date,
    private feed: ChangeFeed,
    private end: AuditEnd,
    /** The request that is being answered, where it has a key. */
    private readonly mark: string | undefined,
  ) {
    this.claims = new Claims(root);
  }

  get revision(): number {
    return this.feed.revision;
  }

  get nextAddress(): string | undefined {
    return this.feed.nextAddress;
  }

  /**
   * When an answer is kept: never before a change that was made earlier, so that one which a slow clock wrote is not taken for an old
   * one as soon as the clock is right again.
   */
  get answeredAt(): Date {
    return new Date(Math.max(this.now.getTime(), Date.parse(this.feed.time ?? "") || 0));
  }

  /** Appends to the audit log. */
  async record(drafts: readonly AuditDraft[]): Promise<AuditEntry[]> {
    await this.lock.assertHeld();
    const { entries, end } = await appendEntries(this.paths.audit, this.end, drafts);
    this.end = end;
    return entries;
  }

  /** The number of the audit log's last entry; 0 where there is none. */
  get sequence(): number {
    return this.end.sequence;
  }

  /** Records a change that is about no client. */
  async recordOther(
    operation: string,
    { who, invocation, operation: called }: ChangeContext,
    facts: Pick<AuditDraft, "subject" | "changed" | "claims" | "digest">,
  ): Promise<void> {
    const time = this.now.toISOString();
    const [before, after] = [this.revision, this.revision];
    const draft = { time, who, operation: called ?? operation, before, after, ...facts };
    await this.record([
      {
        ...draft,
        ...(this.mark === undefined ? {} : { request: this.mark }),
        ...(invocation === undefined ? {} : { invocation }),
      },
    ]);
  }

  /** Ends a change that is about no client: keeps the answer, then says that the change is complete. */
  async finishOther(operation: string, value: unknown): Promise<void> {
    if (this.mark !== undefined) await this.answer(this.mark, operation, this.revision, value);
    this.answered = true;
    await this.announce([]);
  }

  /** The next announcement makes the feed begin anew above a revision, so that every server reads all clients again. */
  beginAbove(revision: number): void {
    this.feed = { ...this.feed, revision: revision + 1, changes: [] };
  }

  /** Announces clients, with the audit log as far as it is now. */
  async announce(names: readonly string[], nextAddress = this.feed.nextAddress): Promise<void> {
    let { revision } = this.feed;
    const fresh = names.map((name) => ({ revision: ++revision, name }));
    const { sequence, hash, size } = this.end;
    const feed: ChangeFeed = {
      ...this.feed,
      revision,
      changes: [...this.feed.changes, ...fresh].slice(-CHANGE_FEED_LIMIT),
      time: this.answeredAt.toISOString(),
      ...(sequence === 0 ? {} : { audit: { sequence, hash, size } }),
      ...(nextAddress === undefined ? {} : { nextAddress }),
    };
    await this.lock.assertHeld();
    await replaceFile(this.paths.changes, `${JSON.stringify(feed)}\n`, PUBLIC);
    this.feed = feed;
  }

  /** Writes changes of clients; see the invariants. Returns them as they are now. */
  async commit(
    operation: string,
    context: ChangeContext,
    decision: Decision<unknown>,
    mark?: string,
  ): Promise<(ClientFile | undefined)[]> {
    const { steps } = decision;
    for (const { name, after } of steps)
      if (after !== undefined) checkValue(this.paths.client(name), clientFileSchema, after);
    const drafts = steps.map((step, index) => this.draftOf(operation, context, step, index, mark));
    const entries = await this.record(drafts);
    const written: (ClientFile | undefined)[] = [];
    for (const [index, step] of steps.entries()) {
      written.push(await this.write(step, entries[index]?.sequence ?? 0));
    }
    if (mark !== undefined)
      await this.answer(mark, operation, this.revision + steps.length, decision.answer(written));
    await this.announce(
      steps.map(({ name }) => name),
      decision.nextAddress,
    );
    return written;
  }

  /** Keeps the answer to a request. */
  async answer(mark: string, operation: string, revision: number, value: unknown): Promise<void> {
    await this.lock.assertHeld();
    await storeRequest(this.root, mark, {
      operation,
      revision,
      value: answerOf(value),
      now: this.answeredAt,
    });
  }

  private draftOf(
    operation: string,
    { who, invocation, operation: called }: ChangeContext,
    { name, before, after, claimed = [] }: Step,
    index: number,
    mark: string | undefined,
  ): AuditDraft {
    const revision = this.revision + index;
    return {
      time: this.now.toISOString(),
      who,
      operation: called ?? operation,
      client: name,
      before: revision,
      after: revision + 1,
      changed: changedFields(before, after),
      claims: [...new Set([...claimed, ...claimsOf(before), ...claimsOf(after)])],
      ...(after === undefined ? { removes: true as const } : {}),
      ...(mark === undefined ? {} : { request: mark }),
      ...(invocation === undefined ? {} : { invocation }),
    };
  }

  private async write(
    { name, before, after, claimed }: Step,
    sequence: number,
  ): Promise<ClientFile | undefined> {
    const [had, has] = [[...claimsOf(before), ...(claimed ?? [])], claimsOf(after)];
    for (const claim of has) {
      if (had.includes(claim)) continue;
      await this.lock.assertHeld();
      await this.claims.take(name, claim);
    }
    const file = after === undefined ? undefined : { ...after, sequence };
    await this.lock.assertHeld();
    if (file === undefined) await removeFile(this.paths.client(name));
    else await replaceFile(this.paths.client(name), toJson(file), SECRET);
    for (const claim of had) {
      if (has.includes(claim)) continue;
      await this.lock.assertHeld();
      await this.claims.release(name, claim);
    }
    return file;
  }
}

/** An answer as it is kept: without secrets. */
function answerOf(value: unknown): unknown {
  const parsed = clientFileSchema.safeParse(value);
  return parsed.success ? withoutSecrets(value as ClientFile) : value;
}
