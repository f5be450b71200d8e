import type { MetricReference } from "../reference";

/**
 * A dashboard's body as CloudWatch takes it
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
 */
export interface DashboardBody {
  readonly start: string;
  readonly periodOverride: "inherit";
  readonly widgets: readonly PlacedWidget[];
}

export interface Widget {
  readonly type: "alarm" | "explorer" | "log" | "metric" | "text";
  readonly properties: Readonly<Record<string, unknown>>;
}

export type PlacedWidget = Widget & {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
};

/** The grid's columns. */
export const COLUMNS = 24;

/** Widgets in rows: those of a row share its width evenly. */
export function inRows(
  rows: readonly { readonly height: number; readonly widgets: readonly Widget[] }[],
): PlacedWidget[] {
  let y = 0;
  return rows.flatMap(({ height, widgets }) => {
    const width = Math.floor(COLUMNS / Math.max(1, widgets.length));
    const placed = widgets.map((widget, index) => ({ ...widget, x: index * width, y, width, height }));
    y += height;
    return placed;
  });
}

export type Statistic = "Average" | "Maximum" | "Minimum" | "Sum";

/** A line of a graph: a metric, shown or only there for an expression, or an expression over the ids of metrics. */
export type Line =
  | {
      readonly metric: MetricReference<string>;
      readonly stat: Statistic;
      readonly label?: string;
      readonly id?: string;
      readonly visible?: boolean;
      readonly right?: boolean;
    }
  | { readonly expression: string; readonly id: string; readonly label: string };

export interface GraphOptions {
  readonly title: string;
  readonly region: string;
  readonly lines: readonly Line[];
  readonly stacked?: boolean;
  /** Name of the left axis. */
  readonly axis?: string;
}

/** A graph over time, a value a minute. */
export function graph({ title, region, lines, stacked = false, axis }: GraphOptions): Widget {
  return {
    type: "metric",
    properties: {
      title,
      region,
      view: "timeSeries",
      stacked,
      period: 60,
      metrics: lines.map(lineOf),
      yAxis: { left: { min: 0, ...(axis === undefined ? {} : { label: axis, showUnits: false }) } },
    },
  };
}

function lineOf(line: Line): unknown[] {
  if ("expression" in line) {
    const { expression, id, label } = line;
    return [{ expression, id, label }];
  }
  const { metric, stat, label, id, visible, right } = line;
  return [
    metric.namespace,
    metric.metricName,
    ...Object.entries(metric.dimensions).flat(),
    {
      stat,
      ...(label === undefined ? {} : { label }),
      ...(id === undefined ? {} : { id }),
      ...(visible === undefined ? {} : { visible }),
      ...(right === true ? { yAxis: "right" } : {}),
    },
  ];
}

/** A count of a period shown as so many a second: the metric itself is hidden. */
export function perSecond(
  id: string,
  metric: MetricReference<string>,
  label: string,
  stat: Statistic = "Sum",
): Line[] {
  return [
    { metric, stat, id: `${id}Count`, visible: false },
    { expression: `${id}Count / PERIOD(${id}Count)`, id, label },
  ];
}

/** EC2's metrics of each instance that has a tag, also of those that come later. */
export function perInstance(
  title: string,
  region: string,
  metrics: readonly { readonly metricName: string; readonly stat: Statistic }[],
  tag: { readonly key: string; readonly value: string },
): Widget {
  return {
    type: "explorer",
    properties: {
      title,
      region,
      metrics: metrics.map((metric) => ({ ...metric, resourceType: "AWS::EC2::Instance" })),
      labels: [tag],
      period: 60,
      splitBy: "",
      widgetOptions: {
        legend: { position: "bottom" },
        view: "timeSeries",
        stacked: false,
        rowsPerPage: 1,
        widgetsPerPage: metrics.length,
      },
    },
  };
}
