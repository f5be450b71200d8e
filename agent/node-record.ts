import type { NodeFile } from "../registry/schema";
import type { Clock, Timer } from "./clock";
import type { StorageClient } from "./storage-client";

/** A record older than a few of these belongs to a server that is gone. */
const HEARTBEAT_MS = 10_000;

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
    const content = JSON.stringify({ ...record, time: "" });
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
