import { type ChildProcess, fork } from "node:child_process";
import { STORAGE_THREADS } from "../registry/bulk";
import type { ClientFile } from "../registry/schema";
import type { Clock, Timer } from "./clock";
import type { Log } from "./log";
import type { StorageMessage, StorageOperation, StorageOperations } from "./storage-protocol";

/** How the shared storage is doing: never asked yet, answering, or not answering. */
export type StorageState = "starting" | "ok" | "stuck";

/** The storage gave no answer: it hangs, or its process died. */
export class StorageUnavailableError extends Error {
  override readonly name = "StorageUnavailableError";
}

/** The storage answered, and the answer is an error (a file is missing, corrupt, ...). */
export class StorageAnswerError extends Error {
  override readonly name = "StorageAnswerError";

  constructor(
    message: string,
    readonly kind: string,
  ) {
    super(message);
  }
}

/** What the client needs; tests bring their own clock and process. */
export interface StorageClientOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How long the worker may be silent while a request is open. */
  readonly limitMs?: number;
  readonly startWorker?: () => ChildProcess;
}

interface Pending {
  readonly operation: StorageOperation;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onPart: ((clients: readonly ClientFile[]) => void) | undefined;
  readonly limitMs: number;
  timer: Timer;
}

const DEFAULT_LIMIT_MS = 3000;
/** A process takes a moment to start, on a busy machine a long one; that is not the storage's silence. */
const START_LIMIT_MS = 20_000;
const BACKOFF_MS = { first: 250, most: 10_000 };
/** Killed workers that the kernel has not let go of yet; more would only pile up behind the same dead mount. */
const MAX_LINGERING = 4;

/**
 * Asks the storage worker, with a time limit for each request.
 *
 * INVARIANTS: every request ends, with an answer or an error, within its limit of silence, which counts from the moment the
 * worker has started. A worker that was silent for too
 * long is killed and never asked again; the next one is started after a pause that doubles while the trouble lasts.
 */
export class StorageClient {
  private child: ChildProcess | undefined;
  /** Whether the child has started and reads its requests. */
  private ready = false;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private backoffMs = BACKOFF_MS.first;
  private notBefore = 0;
  private lingering = 0;
  private stopped = false;
  private lastAnswer: number | undefined;
  private currentState: StorageState = "starting";
  /** Workers that had to be replaced since the start. */
  restarts = 0;

  constructor(private readonly options: StorageClientOptions) {}

  get state(): StorageState {
    return this.currentState;
  }

  /** Milliseconds since the storage last answered; undefined when it never did. */
  get silentMs(): number | undefined {
    return this.lastAnswer === undefined ? undefined : this.options.clock.monotonic() - this.lastAnswer;
  }

  request<O extends StorageOperation>(
    operation: O,
    args: StorageOperations[O]["args"],
    more: { limitMs?: number; onPart?: (clients: readonly ClientFile[]) => void } = {},
  ): Promise<StorageOperations[O]["result"]> {
    return new Promise((resolve, reject) => {
      const child = this.ensureWorker();
      if (child === undefined) {
        reject(
          new StorageUnavailableError("the shared storage does not answer; the next attempt is pending"),
        );
        return;
      }
      const id = this.nextId++;
      const limitMs = more.limitMs ?? this.options.limitMs ?? DEFAULT_LIMIT_MS;
      this.pending.set(id, {
        operation,
        resolve: (value) => resolve(value as StorageOperations[O]["result"]),
        reject,
        onPart: more.onPart,
        limitMs,
        timer: this.limit(child, operation, this.ready ? limitMs : START_LIMIT_MS + limitMs),
      });
      child.send({ id, operation, args }, (error) => {
        if (error !== null) this.lose(child, `cannot be reached: ${error.message}`);
      });
    });
  }

  /** Ends the worker; open requests fail. */
  stop(): void {
    this.stopped = true;
    const child = this.child;
    if (child !== undefined) this.lose(child, "was stopped");
  }

  private limit(child: ChildProcess, operation: StorageOperation, limitMs: number): Timer {
    return this.options.clock.after(limitMs, () => {
      this.lose(child, `gave no answer to ${operation} within ${limitMs} ms`);
    });
  }

  private ensureWorker(): ChildProcess | undefined {
    if (this.child !== undefined) return this.child;
    if (this.stopped || this.lingering >= MAX_LINGERING) return undefined;
    if (this.options.clock.monotonic() < this.notBefore) return undefined;
    const child = (this.options.startWorker ?? (() => forkWorker()))();
    this.child = child;
    this.ready = false;
    child.on("message", (message: StorageMessage) => {
      if (this.child === child) this.receive(child, message);
    });
    child.on("error", (error) => this.lose(child, `failed: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (this.child === child) this.lose(child, `ended (${signal ?? `exit code ${code}`})`);
      else this.lingering--;
    });
    return child;
  }

  private receive(child: ChildProcess, message: StorageMessage): void {
    if (message.kind === "ready") {
      this.onReady(child);
      return;
    }
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    this.lastAnswer = this.options.clock.monotonic();
    this.currentState = "ok";
    this.backoffMs = BACKOFF_MS.first;
    pending.timer.cancel();
    if (message.kind === "part") {
      pending.timer = this.limit(child, "readAll", pending.limitMs);
      pending.onPart?.(message.clients);
      return;
    }
    this.pending.delete(message.id);
    if (message.kind === "answer") pending.resolve(message.value);
    else pending.reject(new StorageAnswerError(message.message, message.errorKind));
  }

  private onReady(child: ChildProcess): void {
    this.ready = true;
    for (const pending of this.pending.values()) {
      pending.timer.cancel();
      pending.timer = this.limit(child, pending.operation, pending.limitMs);
    }
  }

  private lose(child: ChildProcess, why: string): void {
    if (this.child !== child) return;
    this.child = undefined;
    if (child.exitCode === null && child.signalCode === null) {
      this.lingering++;
      child.kill("SIGKILL"); // nothing gentler reaches a process that waits for a dead mount
    }
    const open = [...this.pending.values()];
    this.pending.clear();
    if (!this.stopped) {
      this.currentState = "stuck";
      this.restarts++;
      this.notBefore = this.options.clock.monotonic() + this.backoffMs;
      this.options.log.warn({ why, retryInMs: this.backoffMs }, "the storage worker is replaced");
      this.backoffMs = Math.min(this.backoffMs * 2, BACKOFF_MS.most);
    }
    for (const { timer, reject } of open) {
      timer.cancel();
      reject(new StorageUnavailableError(`the storage worker ${why}`));
    }
  }
}

/**
 * Starts the worker.
 *
 * @param entry the agent's own program file: the worker is the same bundle, started with another command
 */
export function forkWorker(entry = process.argv[1]): ChildProcess {
  if (entry === undefined) throw new Error("this process does not know its own program file");
  return fork(entry, ["storage-worker"], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    serialization: "json",
    env: { ...process.env, UV_THREADPOOL_SIZE: String(STORAGE_THREADS) },
  });
}
