import type { ResourceValidationPolicy } from "@pulumi/policy";
import { MixedUnits, powerOfPeriod } from "../metric-math";
import { field, isOn, list, text } from "../read";

const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
/** Metrics that count bytes or packets of a period, whatever the period is (EC2 user guide, "List the available metrics"). */
const PER_PERIOD =
  /^(Network(In|Out|PacketsIn|PacketsOut)|ProcessedBytes(_\w+)?|Data(Read|Write)IOBytes|BytesOutTo\w+|BytesInFrom\w+)$/;

/** The mistake is invisible in tests and costs a day in production: a limit in bytes per second against bytes per minute. */
export const alarmUnits: ResourceValidationPolicy = {
  name: "alarm-units",
  description:
    "An alarm on bytes divides by the period: CloudWatch's byte metrics are per period, not per second.",
  enforcementLevel: "mandatory",
  remediationSteps:
    'Use metric math, as in "(netIn + netOut) / PERIOD(netIn)", and give the limit in bytes per second.',
  validateResource: ({ type, props }, report) => {
    if (type !== ALARM) return;
    const single = text(props, "metricName");
    if (single !== undefined && PER_PERIOD.test(single))
      report(`compares ${single}, bytes per period, with a limit`);
    const queries = list(props, "metricQueries");
    const counted = queries.filter((query) =>
      PER_PERIOD.test(text(field(query, "metric"), "metricName") ?? ""),
    );
    for (const query of counted) {
      const id = text(query, "id") ?? "";
      const divided = queries.some((other) => divides(text(other, "expression") ?? "", counted));
      if (isOn(query, "returnData") || !divided)
        report(
          `${id} (${text(field(query, "metric"), "metricName")}) is bytes per period and nothing divides it by PERIOD(…)`,
        );
    }
    for (const query of queries) {
      const expression = text(query, "expression");
      if (expression !== undefined && counted.length > 0 && isMixed(expression, queries))
        report(`"${expression}" adds bytes per period to bytes per second; are there parentheses missing?`);
    }
  },
};

function isMixed(expression: string, queries: readonly unknown[]): boolean {
  /** @param within expressions that led here: those that name each other in a circle are CloudWatch's to refuse */
  const powerIn = (outer: string, within: readonly string[]): number | undefined =>
    powerOfPeriod(outer, (id) => {
      const query = queries.find((one) => text(one, "id") === id);
      const metric = text(field(query, "metric"), "metricName");
      if (metric !== undefined) return PER_PERIOD.test(metric) ? 1 : 0;
      const other = text(query, "expression");
      return other === undefined || within.includes(other) ? undefined : powerIn(other, [...within, other]);
    });
  try {
    powerIn(expression, [expression]);
    return false;
  } catch (error) {
    if (error instanceof MixedUnits) return true;
    throw error;
  }
}

function divides(expression: string, counted: readonly unknown[]): boolean {
  return counted.some((query) =>
    new RegExp(`/\\s*PERIOD\\(\\s*${text(query, "id")}\\s*\\)`).test(expression),
  );
}
