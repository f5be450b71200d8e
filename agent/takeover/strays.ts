import type { Clock } from "../clock";
import type { FlowEvent } from "./flow-events";

/** What the strays need. */
export interface StraysOptions {
  readonly clock: Clock;
  /** Acts on a stray packet; false when nobody knows its index. */
  readonly judge: (event: FlowEvent) => boolean;
  /** Settles after a look at the directory that began after the call. */
  readonly refresh: () => Promise<void>;
}

/** So many strays wait for the directory at a time, and so many for a record that is not there yet. */
const MOST = { waiting: 4096, puzzling: 1000 } as const;
/**
 * A client that moves on right after its handshake is faster than the record of it, which has to be written, and read here. The
 * kernel tells of the same stray again only after 2 s, so one that nobody knows is kept until shortly before.
 */
const PUZZLING_MS = 1800;

/**
 * Stray packets until somebody knows whose they are.
 *
 * INVARIANTS: bounded, whatever strangers send; one look at the directory at a time serves all that wait; each stray is acted on
 * at most once.
 */
export class Strays {
  private waiting: FlowEvent[] = [];
  /** Those that the running look is for: it may take seconds, and an announcement may come meanwhile. */
  private looking: FlowEvent[] = [];
  private puzzling: { readonly event: FlowEvent; readonly until: number }[] = [];
  private refreshing = false;
  private stopped = false;
  /** Strays that nobody knew after a look. */
  unknown = 0;

  constructor(private readonly options: StraysOptions) {}

  /** Whether a record that is read soon would be acted on. */
  get open(): boolean {
    return this.refreshing || this.puzzling.length > 0;
  }

  stop(): void {
    this.stopped = true;
  }

  add(event: FlowEvent): void {
    if (this.options.judge(event)) return;
    // Perhaps its record is newer than the last look at the directory.
    if (this.waiting.length < MOST.waiting) this.waiting.push(event);
    void this.refresh();
  }

  /** Told when the directory has news, or may have had enough time for them. */
  retry(): void {
    const { clock, judge } = this.options;
    const now = clock.monotonic();
    this.puzzling = this.puzzling.filter(({ event, until }) => now < until && !judge(event));
    this.looking = this.looking.filter((event) => !judge(event));
    this.waiting = this.waiting.filter((event) => !judge(event));
  }

  private async refresh(): Promise<void> {
    if (this.refreshing) return;
    const { clock, judge, refresh } = this.options;
    this.refreshing = true;
    while (this.waiting.length > 0 && !this.stopped) {
      this.looking = this.waiting;
      this.waiting = [];
      await refresh();
      const until = clock.monotonic() + PUZZLING_MS;
      for (const event of this.looking) {
        if (judge(event)) continue;
        this.unknown++;
        if (this.puzzling.length < MOST.puzzling) this.puzzling.push({ event, until });
      }
      this.looking = [];
    }
    this.refreshing = false;
  }
}
