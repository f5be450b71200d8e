import { type AuditEntry, cutTorn, readTail } from "./audit-log";
import { RegistryError, storageError, withUnsettled } from "./errors";
import { type RegistryPaths, registryPaths } from "./layout";
import { type HeldLock, type LockIntent, takeLock } from "./lock";
import { mend } from "./mend";
import { readChanges, readCluster } from "./reader";
import { markOf, readRequest } from "./requests";
import { type ChangeContext, type Changed, type Decision, Session, type WriterOptions } from "./session";

/** The lock of a registry, and what is done under it. */
export class Ledger {
  readonly paths: RegistryPaths;

  constructor(
    readonly root: string,
    private readonly options: WriterOptions = {},
  ) {
    this.paths = registryPaths(root);
  }

  now(): Date {
    return this.options.now?.() ?? new Date();
  }

  /** Does something under the lock, after what a dead writer left has been put right. */
  async locked<T>(intent: LockIntent, work: (session: Session) => Promise<T>, mark?: string): Promise<T> {
    await readCluster(this.root); // a folder that is no registry (or is not mounted) gets no lock file
    try {
      const { lock } = await takeLock(this.paths.lock, intent, this.options);
      try {
        return await this.tried(await this.open(lock, mark), intent, work);
      } finally {
        await lock.release();
      }
    } catch (error) {
      throw storageError(error, this.root);
    }
  }

  /** Until the log has an entry of it, a change that fails was not made; from then on the next writer decides. */
  private async tried<T>(
    session: Session,
    { operation, client }: LockIntent,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const before = session.sequence;
    try {
      return await work(session);
    } catch (error) {
      if (session.sequence === before) throw error;
      throw withUnsettled(storageError(error, this.root), { operation, client });
    }
  }

  /** {@link locked} for a change of clients: answers a repeated request from memory, and writes what was decided. */
  change<T>(
    operation: string,
    input: unknown,
    context: ChangeContext,
    intent: LockIntent,
    work: (session: Session) => Promise<Decision<T>>,
  ): Promise<Changed<T>> {
    const mark = context.requestKey === undefined ? undefined : markOf(context.requestKey, operation, input);
    const answered = async (session: Session): Promise<Changed<T>> => {
      const before = mark === undefined ? undefined : await readRequest(this.root, mark, session.now);
      if (before !== undefined)
        return { value: before.value as T, revision: before.revision, repeated: true };
      const decision = await work(session);
      if (decision.steps.length > 0) {
        const written = await session.commit(operation, context, decision, mark);
        return { value: decision.answer(written), revision: session.revision };
      }
      const value = decision.answer([]);
      if (mark !== undefined && !session.answered)
        await session.answer(mark, operation, session.revision, value);
      return { value, revision: session.revision };
    };
    return this.locked(intent, answered, mark);
  }

  private async open(lock: HeldLock, mark: string | undefined): Promise<Session> {
    const feed = await readChanges(this.root);
    const tail = await readTail(this.paths.audit, feed.audit);
    if (tail.torn) {
      await lock.assertHeld();
      await cutTorn(this.paths.audit, tail.end);
    }
    const session = new Session(this.root, this.paths, lock, this.now(), feed, tail.end, mark);
    // A feed without a head was put there by somebody else: what it is ahead of is not open.
    const open = ({ client, after }: AuditEntry) =>
      feed.audit !== undefined || client === undefined || after > feed.revision;
    await mend(session, tail.pending.filter(open));
    return session;
  }
}

/** The error for a client that does not exist. */
export function unknownClient(paths: RegistryPaths, name: string): RegistryError {
  return new RegistryError(paths.client(name), `there is no client ${name}`, "unknown-client");
}
