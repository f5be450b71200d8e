/** Where the age is read from; moments are monotonic milliseconds. */
export interface SyncSource {
  /** The newest revision of the registry that this server knows, and the one that its interface has. */
  known(): number;
  applied(): number | undefined;
  /** When the registry was last read without an error; undefined when never. */
  readAt(): number | undefined;
  now(): number;
}

/**
 * How long ago this server last had everything that the registry says. It grows while the registry cannot be read and while what was
 * read cannot be applied: in both cases clients that were revoked since then still get in here. It counts from the start of the
 * agent, so a server that never reached the registry does not look up to date.
 */
export class SyncAge {
  private inStepAt: number;

  constructor(private readonly source: SyncSource) {
    this.inStepAt = source.now();
  }

  /** Looks whether the server is in step; to be called after each pass. */
  look(): void {
    const { known, applied, readAt } = this.source;
    const has = applied();
    const at = readAt();
    if (has !== undefined && at !== undefined && has >= known()) this.inStepAt = Math.max(this.inStepAt, at);
  }

  get seconds(): number {
    this.look();
    return (this.source.now() - this.inStepAt) / 1000;
  }
}
