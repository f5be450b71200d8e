import * as z from "zod";
import { type DashboardInput, dashboardBody, metricsOf } from "../../monitoring/dashboard/body";
import { referenceFault } from "../../monitoring/reference";
import { WATCHED } from "./watched";

const INPUT: DashboardInput = {
  ...WATCHED,
  region: "eu-central-1",
  endpoint: "vpn.example.com:51820",
  alarmArns: ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:c-x"],
  launchLog: "/aws/events/wgc/c/launch-failures",
};
const body = dashboardBody(INPUT);

/**
 * The parts of a dashboard's body that are used, after
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/);
const stat = z.enum(["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);
const place = {
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  width: z.int().min(1).max(24),
  height: z.int().min(1).max(1000),
};
const id = z.string().regex(/^[a-z][A-Za-z0-9_]{0,254}$/);
const rendering = z.strictObject({
  stat: stat.optional(),
  label: z.string().optional(),
  id: id.optional(),
  visible: z.boolean().optional(),
  yAxis: z.enum(["left", "right"]).optional(),
  expression: z.string().max(1024).optional(),
});
const axis = z.strictObject({
  min: z.number(),
  label: z.string().optional(),
  showUnits: z.boolean().optional(),
});
const widget = z.discriminatedUnion("type", [
  z.strictObject({ ...place, type: z.literal("text"), properties: z.strictObject({ markdown: z.string() }) }),
  z.strictObject({
    ...place,
    type: z.literal("alarm"),
    properties: z.strictObject({
      title: z.string(),
      alarms: z
        .array(z.string().regex(/^arn:[\w-]+:cloudwatch:/))
        .min(1)
        .max(100),
    }),
  }),
  z.strictObject({
    ...place,
    type: z.literal("metric"),
    properties: z.strictObject({
      title: z.string(),
      region,
      view: z.enum(["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]),
      stacked: z.boolean(),
      period: z.int().refine((seconds) => seconds % 60 === 0),
      metrics: z
        .array(z.array(z.union([z.string(), rendering])).min(1))
        .min(1)
        .max(500),
      yAxis: z.strictObject({ left: axis, right: axis.optional() }),
    }),
  }),
  z.strictObject({
    ...place,
    type: z.literal("log"),
    properties: z.strictObject({
      title: z.string(),
      region,
      query: z.string().startsWith("SOURCE '"),
      view: z.enum(["table", "timeSeries", "bar", "pie"]),
    }),
  }),
  z.strictObject({
    ...place,
    type: z.literal("explorer"),
    properties: z.strictObject({
      title: z.string(),
      region,
      metrics: z.array(z.strictObject({ metricName: z.string(), resourceType: z.string(), stat })).min(1),
      labels: z.array(z.strictObject({ key: z.string(), value: z.string() })).min(1),
      period: z.int(),
      splitBy: z.string(),
      widgetOptions: z.strictObject({
        legend: z.strictObject({ position: z.enum(["bottom", "right", "hidden"]) }),
        view: z.enum(["timeSeries", "singleValue", "bar", "pie"]),
        stacked: z.boolean(),
        rowsPerPage: z.int().min(1),
        widgetsPerPage: z.int().min(1),
      }),
    }),
  }),
]);
const bodySchema = z.strictObject({
  start: z.string().regex(/^-PT?\d+[DHM]$/),
  periodOverride: z.enum(["auto", "inherit"]),
  widgets: z.array(widget).max(500),
});

test("the body has CloudWatch's structure, and its limits for metrics hold", () => {
  const parsed = bodySchema.parse(JSON.parse(JSON.stringify(body)));
  const lines = parsed.widgets.flatMap((one) => (one.type === "metric" ? one.properties.metrics : []));
  expect(lines.length).toBeLessThanOrEqual(2500);
});

test("every graph reads metrics that servers or AWS send", () => {
  const references = metricsOf(body);
  expect(references.length).toBeGreaterThan(30);
  expect(references.flatMap((reference) => referenceFault(reference, "c", "full") ?? [])).toEqual([]);
});

test("expressions name metrics of their own graph, and hidden metrics are used", () => {
  for (const { type, properties } of body.widgets) {
    if (type !== "metric") continue;
    const options = (properties["metrics"] as unknown[][]).map(
      (line) => line.at(-1) as { id?: string; expression?: string; visible?: boolean },
    );
    const ids = options.flatMap((option) => option.id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    const used = options.flatMap(({ expression }) => expression?.match(/\b[a-z]\w*\b/g) ?? []);
    expect(ids).toEqual(expect.arrayContaining(used));
    expect(used).toEqual(expect.arrayContaining(options.flatMap((o) => (o.visible === false ? [o.id] : []))));
  }
});

test("no two widgets lie on each other", () => {
  const cells = body.widgets.flatMap(({ x, y, width, height }) =>
    Array.from({ length: width * height }, (_, at) => `${x + (at % width)},${y + Math.floor(at / width)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

test("what an operator wants to see is there", () => {
  const titles = body.widgets.map(({ properties }) => properties["title"]);
  expect(titles.filter((title) => title !== undefined)).toEqual([
    "Alarms",
    "Clients online",
    "Handshakes",
    "Takeovers",
    "Throughput by zone",
    "Packets",
    "Packets over an instance's allowance",
    "Healthy servers by zone",
    "Servers",
    "As the load balancer sees it",
    "Behind the registry",
    "Worst server (1 is good)",
    "File system",
    "Servers: CPU, bytes in and out a minute",
    "CPU",
    "Flows at the load balancer",
    "Control function",
    "Launches that came to nothing",
  ]);
});
