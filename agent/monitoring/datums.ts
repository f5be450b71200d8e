import {
  AGENT_METRICS,
  type AgentMetric,
  type MonitoringLevel,
  type Scope,
  type Source,
  scopesOf,
  ZONE_DIMENSION,
} from "../../monitoring/metrics";

/** One metric as prom-client hands it over (`Registry.getMetricsAsJSON`). */
export interface Sample {
  readonly name: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number | undefined>>;
  }[];
}

/** A value of CloudWatch's (API reference, MetricDatum), as a query's parameter. */
export interface Datum {
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Timestamp: string;
  readonly Value: number;
  readonly Unit: string;
  readonly [name: string]: unknown;
}

/** The series that a source names, each with a key of its own. */
function series(samples: ReadonlyMap<string, Sample>, { metric, labels = {} }: Source): [string, number][] {
  const wanted = Object.entries(labels);
  return (samples.get(metric)?.values ?? [])
    .filter((value) => wanted.every(([label, text]) => value.labels[label] === text))
    .map(({ value, labels: own }) => [`${metric}${JSON.stringify(own)}`, value]);
}

/**
 * Turns the agent's metrics into what is sent for a minute.
 *
 * INVARIANTS: what a counter has grown by is sent once, in the first minute that CloudWatch takes: a failed minute's counts are in the
 * next. A series that was not there before counts from when it is first seen (the kernel's counters are older than the agent), and one
 * that fell has begun anew.
 */
export class Datums {
  private taken = new Map<string, number>();
  private offered = new Map<string, number>();

  constructor(
    private readonly level: MonitoringLevel,
    private readonly metrics: readonly AgentMetric[] = AGENT_METRICS,
  ) {}

  /** What to send for the minute that begins then. Metrics without a number are left out. */
  of(all: readonly Sample[], zone: string, minute: Date): Datum[] {
    const samples = new Map(all.map((sample) => [sample.name, sample]));
    this.offered = new Map();
    return this.metrics.flatMap((metric) => {
      const scopes = scopesOf(metric, this.level);
      const value = scopes.length === 0 ? undefined : this.valueOf(metric, samples);
      return value === undefined ? [] : scopes.map((scope) => datum(metric, value, scope, zone, minute));
    });
  }

  /** CloudWatch has taken what was last made. */
  accept(): void {
    this.taken = this.offered;
  }

  private valueOf({ from, kind }: AgentMetric, samples: ReadonlyMap<string, Sample>): number | undefined {
    const found = from.flatMap((source) => series(samples, source));
    if (found.length === 0) return undefined;
    if (kind === "gauge") return found.reduce((sum, [, value]) => sum + value, 0);
    return found.reduce((sum, [key, value]) => {
      this.offered.set(key, value);
      const before = this.taken.get(key) ?? value;
      return sum + (value >= before ? value - before : value);
    }, 0);
  }
}

function datum({ name, unit }: AgentMetric, value: number, scope: Scope, zone: string, minute: Date): Datum {
  return {
    MetricName: name,
    Dimensions: scope === "zone" ? [{ Name: ZONE_DIMENSION, Value: zone }] : [],
    Timestamp: minute.toISOString(),
    Value: value,
    Unit: unit,
  };
}
