import { type MonitoringLevel, namespaceOf } from "../../monitoring/metrics";
import type { AwsQuery, Parameter } from "../aws/query";
import { withRetry } from "../aws/retry";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";
import { Datums, type Sample } from "./datums";

export interface PublisherOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly cluster: string;
  readonly level: Exclude<MonitoringLevel, "none">;
  /** The availability zone that this server is in. @throws Error while it cannot be found out */
  readonly zone: () => Promise<string>;
  /** All metrics as they are now. */
  readonly read: () => Promise<readonly Sample[]>;
  readonly query: Pick<AwsQuery, "call">;
  readonly random?: () => number;
}

const MINUTE_MS = 60_000;
/** Servers do not all call at the full minute. */
const SPREAD_MS = 20_000;
/** With a call's limit of five seconds all tries end before the next minute. */
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 2000;
export const CALL_LIMIT_MS = 5000;

/**
 * Sends this server's metrics to CloudWatch once a minute.
 *
 * INVARIANTS: one value a minute and metric, dated at the minute's start, so that sums over servers count servers; only a call whose answer
 * was lost is made twice, and CloudWatch then adds both. One call at a
 * time; nothing else waits for it. A minute that could not be sent is given up after three tries, its counts go with the next one.
 */
export class CloudWatchPublisher {
  readonly stats = { sent: 0, failed: 0 };
  private readonly datums: Datums;
  private readonly offset: number;
  private timer: Timer | undefined;
  private stopped = false;
  private failing = false;

  constructor(private readonly options: PublisherOptions) {
    this.datums = new Datums(options.level);
    this.offset = (options.random ?? Math.random)() * SPREAD_MS;
  }

  /** Takes note of the counters as they are, and begins with the next minute. */
  async start(): Promise<void> {
    this.datums.of(await this.options.read(), "", new Date(this.options.clock.now()));
    this.datums.accept();
    this.wait();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private wait(): void {
    if (this.stopped) return;
    const now = this.options.clock.now();
    const next = (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
    this.timer = this.options.clock.after(next + this.offset - now, () => void this.send(next));
  }

  private async send(minute: number): Promise<void> {
    const { clock, cluster, log, query, read, zone } = this.options;
    try {
      const data = this.datums.of(await read(), await zone(), new Date(minute));
      const input = { Namespace: namespaceOf(cluster), MetricData: data as unknown as Parameter };
      const retry = { clock, attempts: ATTEMPTS, firstMs: FIRST_PAUSE_MS };
      await withRetry(retry, () => query.call("PutMetricData", input));
      this.datums.accept();
      this.stats.sent++;
      if (this.failing) log.info("CloudWatch takes metrics again");
      this.failing = false;
    } catch (error) {
      this.stats.failed++;
      // Once: the counter goes on, and the log of a server without a way to CloudWatch would fill with it.
      if (!this.failing) log.warn({ problem: messageOf(error) }, "metrics cannot be sent to CloudWatch");
      this.failing = true;
    }
    this.wait();
  }
}
