import type { MetricReference } from "./reference";

/** What a cluster's alarms are about. Identities are known only after deployment, hence `T`. */
export interface Watched<T> {
  readonly cluster: string;
  /** Servers that the group never goes below. */
  readonly minServers: number;
  /** Whether servers take sessions over from each other. */
  readonly takeover: boolean;
  /** Whether the VPC's routes lead to the servers. */
  readonly routed: boolean;
  /** Names of the availability zones. */
  readonly zones: readonly T[];
  /** `net/NAME/ID` and `targetgroup/NAME/ID`: the ends of the ARNs, as the load balancer's metrics have them. */
  readonly loadBalancer: T;
  readonly targetGroup: T;
  readonly groupName: T;
  readonly fileSystemId: T;
  readonly functionName: T;
  /** The rule that matches launches of servers that came to nothing. */
  readonly launchFailureRule: T;
}

/** A metric in an alarm. */
export interface AlarmMetric<T> extends MetricReference<T> {
  readonly id: string;
  readonly stat: "Average" | "Maximum" | "Minimum" | "Sum";
}

/** An alarm before it is one of AWS's. */
export interface AlarmSpec<T> {
  /** The alarm is called `CLUSTER-key`; operators and instance refreshes name it. */
  readonly key: string;
  /** What is the matter, as a symptom. */
  readonly says: string;
  /** Heading in docs/operations.md, as its anchor. */
  readonly runbook: string;
  readonly metrics: readonly AlarmMetric<T>[];
  /** Of the metrics' ids; left out where there is one metric and it is compared itself. */
  readonly expression?: string;
  readonly comparison: "GreaterThanThreshold" | "GreaterThanOrEqualToThreshold" | "LessThanThreshold";
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly periods: number;
  /** Of the periods, how many have to breach; all by default. */
  readonly datapoints?: number;
  readonly missing: Missing;
  /** Whether it stops an instance refresh: it says that new servers are worse than old ones. */
  readonly rollback?: true;
}

/**
 * What no data means. `breaching`: there is nobody to send it, which is the fault itself. `ignore`: servers say nothing, so nothing is
 * known and the alarm stays as it is; that nobody reports is another alarm. `notBreaching`: AWS sends the metric only when there is
 * something to count (or servers do, from their first minute on), so silence is zero.
 */
export type Missing = "breaching" | "ignore" | "notBreaching";
