import type { NodeFile } from "../registry/schema";
import type { Clock, Timer } from "./clock";
import type { Health } from "./health";
import type { StorageClient } from "./storage-client";

/** A record older than a few of these belongs to a server that is gone. */
const HEARTBEAT_MS = 10_000;

/** Reasons that a record has at most, and characters of each: it is for people who look at all servers at once. */
const PROBLEMS = { most: 5, length: 300 } as const;

/** What a record is made of. */
export interface NodeState {
  readonly instance: string;
  readonly revision: number;
  readonly peers: number;
  readonly health: Pick<Health, "healthy" | "reasons">;
  readonly version: string;
  /** Milliseconds of the wall clock. */
  readonly now: number;
  readonly address: string | undefined;
  readonly serverKey: string;
  readonly nextServerKey: string | undefined;
}

/** The record's content. Pure. */
export function nodeFile(state: NodeState): NodeFile {
  const { instance, revision, peers, health, version, now, address, serverKey, nextServerKey } = state;
  const problems = health.reasons.slice(0, PROBLEMS.most).map((reason) => reason.slice(0, PROBLEMS.length));
  return {
    ...{ schema: 1, instance, revision, peers, healthy: health.healthy, version },
    time: new Date(now).toISOString(),
    ...(address === undefined ? {} : { address }),
    serverKey,
    ...(nextServerKey === undefined ? {} : { nextServerKey }),
    ...(problems.length === 0 ? {} : { problems }),
  };
}

/** What counts as news: neither the time nor a number in a reason ("for 3 s"), which would have the record written all the time. */
function newsOf(record: NodeFile): string {
  return JSON.stringify({
    ...record,
    time: "",
    problems: record.problems?.map((problem) => problem.replaceAll(/\d+/g, "0")),
  });
}

/**
 * Tells the others what this server has applied, in the runtime folder: at once when it changes, else every ten seconds.
 * A failure is not an error of this server; the storage's own state reports it.
 */
export class NodeRecord {
  private writing = false;
  private timer: Timer | undefined;
  private lastWritten = "";
  private stopped = false;

  constructor(
    private readonly storage: Pick<StorageClient, "request">,
    private readonly runtimeRoot: string,
    private readonly clock: Clock,
    private readonly record: () => NodeFile,
  ) {}

  /** Writes the record when it says something new. */
  update(): void {
    if (this.writing || this.stopped) return;
    const record = this.record();
    const content = newsOf(record);
    if (content !== this.lastWritten) void this.write(record, content);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async write(record: NodeFile, content: string): Promise<void> {
    this.writing = true;
    this.timer?.cancel();
    try {
      await this.storage.request("writeNode", { runtimeRoot: this.runtimeRoot, record });
      this.lastWritten = content;
    } catch {
      this.lastWritten = "";
    }
    this.writing = false;
    if (this.stopped) return;
    this.timer = this.clock.after(HEARTBEAT_MS, () => {
      this.lastWritten = "";
      this.update();
    });
    // What changed while this was written; a failed write waits for the next pass or heartbeat instead of spinning.
    if (this.lastWritten !== "") this.update();
  }
}
