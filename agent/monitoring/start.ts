import type { Registry } from "prom-client";
import { RoleCredentials } from "../aws/credentials";
import { AwsQuery, CLOUDWATCH } from "../aws/query";
import type { Clock } from "../clock";
import type { AgentConfig } from "../config";
import type { Imds } from "../imds";
import { type Log, messageOf } from "../log";
import { addPublisherMetrics } from "./metrics";
import { CALL_LIMIT_MS, CloudWatchPublisher } from "./publisher";

export interface PublishOptions {
  readonly config: Pick<AgentConfig, "cluster" | "monitoring" | "region">;
  readonly imds: Pick<Imds, "get">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Registry;
}

/** Begins to send metrics to CloudWatch, where the stack wants that. Gives back what ends it. */
export function publishMetrics(options: PublishOptions): () => void {
  const { clock, config, imds, log, metrics } = options;
  const { cluster, monitoring: level, region } = config;
  if (level === "none") return () => {};
  const credentials = new RoleCredentials(imds, clock);
  const publisher = new CloudWatchPublisher({
    clock,
    log,
    cluster,
    level,
    zone: zoneOf(imds),
    read: () => metrics.getMetricsAsJSON(),
    query: new AwsQuery({ service: CLOUDWATCH, region, credentials, limitMs: CALL_LIMIT_MS }),
  });
  addPublisherMetrics(metrics, publisher);
  publisher
    .start()
    .catch((error: unknown) => log.error({ problem: messageOf(error) }, "metrics cannot be read"));
  return () => publisher.stop();
}

/** The instance's availability zone, which never changes: it is asked for until it is known. */
export function zoneOf(imds: Pick<Imds, "get">): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    known ??= await imds.get("placement/availability-zone");
    if (known === undefined) throw new Error("the instance metadata names no availability zone");
    return known;
  };
}
