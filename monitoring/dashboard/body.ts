import type { Watched } from "../alarm";
import type { AgentMetricName } from "../metrics";
import { clusterMetric, type MetricReference, zoneMetric } from "../reference";
import {
  type DashboardBody,
  type GraphOptions,
  graph,
  inRows,
  type Line,
  perInstance,
  perSecond,
  type Statistic,
  type Widget,
} from "./widgets";

/** What a dashboard shows; everything is known when it is rendered. */
export interface DashboardInput extends Watched<string> {
  readonly region: string;
  readonly endpoint: string;
  readonly alarmArns: readonly string[];
  /** Where launches that came to nothing are logged. */
  readonly launchLog: string;
}

/** The tag that every server has, whatever the stack's own tags are. */
const SERVER_TAG = "wgc:cluster";

/** The dashboard of a cluster. Pure. */
export function dashboardBody(input: DashboardInput): DashboardBody {
  const draw = (title: string, lines: readonly Line[], more: Partial<GraphOptions> = {}) =>
    graph({ title, region: input.region, lines, ...more });
  return {
    start: "-PT6H",
    periodOverride: "inherit",
    widgets: inRows([
      { height: 2, widgets: [header(input)] },
      {
        height: 3,
        widgets: [{ type: "alarm", properties: { title: "Alarms", alarms: [...input.alarmArns] } }],
      },
      { height: 6, widgets: clients(input, draw) },
      { height: 6, widgets: traffic(input, draw) },
      { height: 6, widgets: health(input, draw) },
      { height: 6, widgets: registry(input, draw) },
      { height: 6, widgets: [serversWidget(input)] },
      { height: 6, widgets: platform(input, draw) },
      { height: 6, widgets: [launchFailures(input)] },
    ]),
  };
}

type Draw = (title: string, lines: readonly Line[], more?: Partial<GraphOptions>) => Widget;

function header({ cluster, endpoint }: DashboardInput): Widget {
  const markdown = `# ${cluster}\n${endpoint} · what to do about an alarm: docs/operations.md, "When an alarm rings"`;
  return { type: "text", properties: { markdown } };
}

function own(input: DashboardInput) {
  return (name: AgentMetricName, stat: Statistic, label: string): Line => ({
    metric: clusterMetric(input.cluster, name),
    stat,
    label,
  });
}

/** One line a zone. */
function byZone(input: DashboardInput, name: AgentMetricName): Line[] {
  return input.zones.map((zone) => ({
    metric: zoneMetric(input.cluster, name, zone),
    stat: "Sum",
    label: zone,
  }));
}

function clients(input: DashboardInput, draw: Draw): Widget[] {
  const line = own(input);
  return [
    draw("Clients online", byZone(input, "ClientsOnline"), { stacked: true, axis: "clients" }),
    draw("Handshakes", [line("Handshakes", "Sum", "handshakes")], { axis: "a minute" }),
    draw(
      "Takeovers",
      [line("Takeovers", "Sum", "taken over"), line("TakeoversFailed", "Sum", "failed or refused")],
      { axis: "a minute" },
    ),
  ];
}

function traffic(input: DashboardInput, draw: Draw): Widget[] {
  const zones = input.zones.flatMap((zone, index) => [
    ...perSecond(`in${index + 1}`, zoneMetric(input.cluster, "BytesReceived", zone), `from clients, ${zone}`),
    ...perSecond(`out${index + 1}`, zoneMetric(input.cluster, "BytesSent", zone), `to clients, ${zone}`),
  ]);
  const packets = [
    ...perSecond("received", clusterMetric(input.cluster, "PacketsReceived"), "from clients"),
    ...perSecond("sent", clusterMetric(input.cluster, "PacketsSent"), "to clients"),
  ];
  return [
    draw("Throughput by zone", zones, { axis: "bytes a second" }),
    draw("Packets", packets, { axis: "packets a second" }),
    draw("Packets over an instance's allowance", [own(input)("AllowanceExceeded", "Sum", "packets")], {
      axis: "a minute",
    }),
  ];
}

function health(input: DashboardInput, draw: Draw): Widget[] {
  const { groupName, loadBalancer, targetGroup } = input;
  const targets = { LoadBalancer: loadBalancer, TargetGroup: targetGroup };
  const aws = (namespace: string, metricName: string, dimensions: MetricReference<string>["dimensions"]) => ({
    namespace,
    metricName,
    dimensions,
  });
  const group = { AutoScalingGroupName: groupName };
  return [
    draw("Healthy servers by zone", byZone(input, "Healthy"), { stacked: true, axis: "servers" }),
    draw("Servers", [
      { metric: aws("AWS/AutoScaling", "GroupDesiredCapacity", group), stat: "Average", label: "wanted" },
      {
        metric: aws("AWS/AutoScaling", "GroupInServiceInstances", group),
        stat: "Average",
        label: "in service",
      },
      {
        metric: aws("AWS/AutoScaling", "GroupPendingInstances", group),
        stat: "Average",
        label: "on their way",
      },
      own(input)("Draining", "Sum", "draining"),
    ]),
    draw("As the load balancer sees it", [
      { metric: aws("AWS/NetworkELB", "HealthyHostCount", targets), stat: "Maximum", label: "healthy" },
      {
        metric: aws("AWS/NetworkELB", "UnHealthyHostCount", targets),
        stat: "Minimum",
        label: "unhealthy",
      },
      {
        metric: aws("AWS/NetworkELB", "UnhealthyRoutingFlowCount", { LoadBalancer: loadBalancer }),
        stat: "Sum",
        label: "flows to unhealthy servers",
        right: true,
      },
    ]),
  ];
}

function registry(input: DashboardInput, draw: Draw): Widget[] {
  const line = own(input);
  const { fileSystemId } = input;
  const efs = (metricName: string): MetricReference<string> => ({
    namespace: "AWS/EFS",
    metricName,
    dimensions: { FileSystemId: fileSystemId },
  });
  return [
    draw("Behind the registry", [line("SyncAge", "Maximum", "slowest server")], { axis: "seconds" }),
    draw("Worst server (1 is good)", [
      line("ProbeUp", "Minimum", "forwarding probe"),
      line("StorageUp", "Minimum", "file system"),
    ]),
    draw("File system", [
      { metric: efs("PercentIOLimit"), stat: "Average", label: "% of I/O limit" },
      { metric: efs("ClientConnections"), stat: "Sum", label: "connections" },
      { metric: efs("BurstCreditBalance"), stat: "Minimum", label: "burst credits, bytes", right: true },
    ]),
  ];
}

function serversWidget({ cluster, region }: DashboardInput): Widget {
  return perInstance(
    "Servers: CPU, bytes in and out a minute",
    region,
    [
      { metricName: "CPUUtilization", stat: "Average" },
      { metricName: "NetworkIn", stat: "Sum" },
      { metricName: "NetworkOut", stat: "Sum" },
    ],
    { key: SERVER_TAG, value: cluster },
  );
}

function platform(input: DashboardInput, draw: Draw): Widget[] {
  const { functionName, groupName, loadBalancer } = input;
  const lambda = (metricName: string): MetricReference<string> => ({
    namespace: "AWS/Lambda",
    metricName,
    dimensions: { FunctionName: functionName },
  });
  const ofBalancer = (metricName: string): MetricReference<string> => ({
    namespace: "AWS/NetworkELB",
    metricName,
    dimensions: { LoadBalancer: loadBalancer },
  });
  const cpu = {
    namespace: "AWS/EC2",
    metricName: "CPUUtilization",
    dimensions: { AutoScalingGroupName: groupName },
  };
  return [
    draw("CPU", [
      { metric: cpu, stat: "Average", label: "average" },
      { metric: cpu, stat: "Maximum", label: "busiest server" },
    ]),
    draw("Flows at the load balancer", [
      { metric: ofBalancer("ActiveFlowCount_UDP"), stat: "Average", label: "active" },
      { metric: ofBalancer("NewFlowCount_UDP"), stat: "Sum", label: "new a minute", right: true },
    ]),
    draw("Control function", [
      { metric: lambda("Invocations"), stat: "Sum", label: "calls" },
      { metric: lambda("Errors"), stat: "Sum", label: "errors" },
      { metric: lambda("Throttles"), stat: "Sum", label: "throttled" },
      { metric: lambda("Duration"), stat: "Maximum", label: "longest, ms", right: true },
    ]),
  ];
}

function launchFailures({ launchLog, region }: DashboardInput): Widget {
  const query = [
    `SOURCE '${launchLog}'`,
    "fields @timestamp, detail.EC2InstanceId, detail.StatusMessage",
    "sort @timestamp desc",
    "limit 20",
  ].join(" | ");
  return {
    type: "log",
    properties: { title: "Launches that came to nothing", region, query, view: "table" },
  };
}

/** Every metric that a body names, for tests: what is misspelled would stay empty for ever. */
export function metricsOf({ widgets }: DashboardBody): MetricReference<string>[] {
  return widgets.flatMap(({ type, properties }) => {
    if (type === "explorer") {
      const named = properties["metrics"] as { metricName: string }[];
      return named.map(({ metricName }) => ({
        namespace: "AWS/EC2",
        metricName,
        dimensions: { InstanceId: "" },
      }));
    }
    if (type !== "metric") return [];
    return (properties["metrics"] as unknown[][]).flatMap((line) => {
      const texts = line.filter((part) => typeof part === "string");
      const [namespace, metricName, ...pairs] = texts;
      if (namespace === undefined || metricName === undefined) return [];
      const dimensions: Record<string, string> = {};
      for (let index = 0; index + 1 < pairs.length; index += 2)
        dimensions[pairs[index] ?? ""] = pairs[index + 1] ?? "";
      return [{ namespace, metricName, dimensions }];
    });
  });
}
