import type { ResourceValidationPolicy } from "@pulumi/policy";
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
  },
};

function divides(expression: string, counted: readonly unknown[]): boolean {
  return counted.some((query) =>
    new RegExp(`/\\s*PERIOD\\(\\s*${text(query, "id")}\\s*\\)`).test(expression),
  );
}
