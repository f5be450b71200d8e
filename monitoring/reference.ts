import { AWS_METRICS } from "./aws-metrics";
import {
  AGENT_METRICS,
  type AgentMetricName,
  type MonitoringLevel,
  namespaceOf,
  type Scope,
  scopesOf,
  ZONE_DIMENSION,
} from "./metrics";

/** A metric as alarms and dashboards name it; dimension values are known only after deployment, hence `T`. */
export interface MetricReference<T> {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Readonly<Record<string, T>>;
}

/** One of the agent's metrics over the whole cluster. */
export function clusterMetric<T>(cluster: string, metricName: AgentMetricName): MetricReference<T> {
  return { namespace: namespaceOf(cluster), metricName, dimensions: {} };
}

/** One of the agent's metrics in an availability zone. */
export function zoneMetric<T>(cluster: string, metricName: AgentMetricName, zone: T): MetricReference<T> {
  return { namespace: namespaceOf(cluster), metricName, dimensions: { [ZONE_DIMENSION]: zone } };
}

/**
 * What is wrong with a reference: undefined when servers send such a metric at this level, or AWS does by the reviewed table.
 * CloudWatch itself takes any name and never has data for a wrong one.
 */
export function referenceFault(
  reference: MetricReference<unknown>,
  cluster: string,
  level: MonitoringLevel,
): string | undefined {
  const { namespace, metricName } = reference;
  const dimensions = Object.keys(reference.dimensions).sort();
  const shown = `${namespace} ${metricName} {${dimensions.join(", ")}}`;
  if (namespace === namespaceOf(cluster)) {
    const metric = AGENT_METRICS.find(({ name }) => name === metricName);
    if (metric === undefined) return `${shown}: servers send no such metric`;
    const sent = scopesOf(metric, level).some((scope) => same(dimensionsOf(scope), dimensions));
    return sent ? undefined : `${shown}: servers do not send it by these dimensions at level ${level}`;
  }
  const entries = (AWS_METRICS[namespace] ?? []).filter(({ metrics }) => metrics.includes(metricName));
  if (entries.length === 0) return `${shown}: not in monitoring/aws-metrics.ts`;
  const known = entries.some((entry) => entry.dimensions.some((set) => same([...set].sort(), dimensions)));
  return known ? undefined : `${shown}: AWS does not publish it by these dimensions`;
}

function dimensionsOf(scope: Scope): readonly string[] {
  return scope === "zone" ? [ZONE_DIMENSION] : [];
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
