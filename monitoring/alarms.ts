import type { AlarmMetric, AlarmSpec, Watched } from "./alarm";
import type { MonitoringLevel } from "./metrics";
import { clusterMetric, zoneMetric } from "./reference";

const MINUTE = 60;
const FIVE_MINUTES = 300;
/** Below this many, a share of the clients says nothing. */
const FEW_TAKEOVERS = 20;
/** Bursts of 100 MiB/s last for another hour and a half. */
const BURST_CREDIT_BYTES = 512 * 2 ** 30;

/** The alarms of a cluster; none at level `none`. */
export function alarmSpecs<T>(watched: Watched<T>, level: MonitoringLevel): AlarmSpec<T>[] {
  if (level === "none") return [];
  return [
    ...availability(watched),
    ...servers(watched),
    ...(watched.takeover ? takeovers(watched) : []),
    ...(watched.routed ? routing(watched) : []),
    ...platform(watched),
  ];
}

function availability<T>(watched: Watched<T>): AlarmSpec<T>[] {
  const { cluster, loadBalancer, minServers, targetGroup, zones } = watched;
  const balancer = { LoadBalancer: loadBalancer, TargetGroup: targetGroup };
  const below = { comparison: "LessThanThreshold", periodSeconds: MINUTE, missing: "breaching" } as const;
  const healthy = { ...clusterMetric<T>(cluster, "Healthy"), id: "healthy", stat: "Sum" } as const;
  return [
    {
      ...below,
      key: "no-healthy-server",
      says: "the load balancer finds no healthy server",
      runbook: "no-server-is-healthy",
      // The highest that any of its nodes sees, as AWS recommends. Without targets nothing is reported.
      metrics: [
        {
          namespace: "AWS/NetworkELB",
          metricName: "HealthyHostCount",
          dimensions: balancer,
          id: "hosts",
          stat: "Maximum",
        },
      ],
      threshold: 1,
      periods: 2,
      rollback: true,
    },
    {
      ...below,
      key: "servers-below-minimum",
      says: `fewer than ${minServers} servers have been healthy for ten minutes, and the group has not made up for it`,
      runbook: "fewer-servers-than-the-minimum",
      metrics: [healthy],
      threshold: minServers,
      periods: 10,
      rollback: true,
    },
    // With fewer servers than zones some zone is empty by design.
    ...(minServers < zones.length ? [] : zones).map(
      (zone, index): AlarmSpec<T> => ({
        ...below,
        key: `zone-${index + 1}-empty`,
        says: `the cluster's zone ${index + 1} has had no healthy server for five minutes`,
        runbook: "a-zone-has-no-healthy-server",
        metrics: [{ ...zoneMetric(cluster, "Healthy", zone), id: "healthy", stat: "Sum" }],
        threshold: 1,
        periods: 5,
      }),
    ),
    {
      key: "fails-open",
      says: "the load balancer sends clients to servers that it finds unhealthy, because it has no others",
      runbook: "the-load-balancer-fails-open",
      metrics: [
        {
          namespace: "AWS/NetworkELB",
          metricName: "UnhealthyRoutingFlowCount",
          dimensions: { LoadBalancer: loadBalancer },
          id: "flows",
          stat: "Sum",
        },
      ],
      comparison: "GreaterThanThreshold",
      threshold: 0,
      periodSeconds: MINUTE,
      periods: 3,
      datapoints: 2,
      missing: "notBreaching",
    },
  ];
}

function servers<T>(watched: Watched<T>): AlarmSpec<T>[] {
  const { cluster, launchFailureRule } = watched;
  const worst = { comparison: "LessThanThreshold", threshold: 1, periodSeconds: MINUTE, periods: 3 } as const;
  return [
    {
      ...worst,
      key: "probe-failing",
      says: "a server's own packets do not come back through tunnel, firewall and masquerade",
      runbook: "the-forwarding-probe-fails",
      metrics: [{ ...clusterMetric(cluster, "ProbeUp"), id: "probe", stat: "Minimum" }],
      missing: "ignore",
      rollback: true,
    },
    {
      ...worst,
      key: "storage-down",
      says: "the file system does not answer a server",
      runbook: "efs-is-down",
      metrics: [{ ...clusterMetric(cluster, "StorageUp"), id: "storage", stat: "Minimum" }],
      missing: "ignore",
    },
    {
      key: "registry-lag",
      says: "a server has not had everything that the registry says for more than a minute: revoked clients may still get in there",
      runbook: "a-server-does-not-follow-the-registry",
      metrics: [{ ...clusterMetric(cluster, "SyncAge"), id: "age", stat: "Maximum" }],
      comparison: "GreaterThanThreshold",
      threshold: 60,
      periodSeconds: MINUTE,
      periods: 3,
      missing: "ignore",
      rollback: true,
    },
    {
      key: "boot-failures",
      says: "two launches of servers or more came to nothing within half an hour",
      runbook: "servers-do-not-boot",
      metrics: [
        {
          namespace: "AWS/Events",
          metricName: "Invocations",
          dimensions: { RuleName: launchFailureRule },
          id: "failures",
          stat: "Sum",
        },
      ],
      comparison: "GreaterThanOrEqualToThreshold",
      // One may be chance (a host, a moment without capacity) and is made up for by the group; a bad version fails every time.
      threshold: 2,
      periodSeconds: 1800,
      periods: 1,
      missing: "notBreaching",
      rollback: true,
    },
    {
      key: "allowance-exceeded",
      says: "an instance is at a network limit of its type, and packets wait or are lost",
      runbook: "an-instance-is-at-its-network-limits",
      metrics: [{ ...clusterMetric(cluster, "AllowanceExceeded"), id: "packets", stat: "Sum" }],
      comparison: "GreaterThanThreshold",
      threshold: 0,
      periodSeconds: MINUTE,
      // Bursts of less than a second exceed an allowance now and then, and nobody notices.
      periods: 15,
      datapoints: 5,
      missing: "notBreaching",
    },
  ];
}

function takeovers<T>({ cluster }: Watched<T>): AlarmSpec<T>[] {
  const sum = (id: string, name: "ClientsOnline" | "Takeovers" | "TakeoversFailed"): AlarmMetric<T> => ({
    ...clusterMetric(cluster, name),
    id,
    stat: "Sum",
  });
  const lasting = {
    comparison: "GreaterThanOrEqualToThreshold",
    threshold: 1,
    periodSeconds: FIVE_MINUTES,
    periods: 3,
    missing: "notBreaching",
  } as const;
  return [
    {
      ...lasting,
      key: "many-takeovers",
      says: "for a quarter of an hour more than half of the clients have changed servers every five minutes",
      runbook: "many-takeovers",
      metrics: [sum("moved", "Takeovers"), sum("online", "ClientsOnline")],
      // Clients online are sent every minute, so their sum is as many times too high as the period has minutes.
      expression: `IF(moved > ${FEW_TAKEOVERS} AND moved > online / (PERIOD(online) / 60) / 2, 1, 0)`,
    },
    {
      ...lasting,
      key: "takeovers-failing",
      says: "for a quarter of an hour more takeovers have failed than worked",
      runbook: "takeovers-fail",
      metrics: [sum("moved", "Takeovers"), sum("failed", "TakeoversFailed")],
      expression: `IF(failed > ${FEW_TAKEOVERS} AND failed > moved, 1, 0)`,
    },
  ];
}

function routing<T>({ cluster }: Watched<T>): AlarmSpec<T>[] {
  return [
    {
      key: "routes-away",
      says: "a route of the VPC to the clients does not lead to the server that keeps it",
      runbook: "a-route-of-the-vpc-is-not-where-it-should-be",
      metrics: [{ ...clusterMetric(cluster, "RoutesAway"), id: "tables", stat: "Maximum" }],
      comparison: "GreaterThanThreshold",
      threshold: 0,
      periodSeconds: MINUTE,
      // A route that moves takes a second or two.
      periods: 3,
      missing: "ignore",
    },
  ];
}

/** File system and control function. */
function platform<T>({ fileSystemId, functionName }: Watched<T>): AlarmSpec<T>[] {
  const storage = { namespace: "AWS/EFS", dimensions: { FileSystemId: fileSystemId } };
  const control = { namespace: "AWS/Lambda", dimensions: { FunctionName: functionName } };
  const counted = {
    comparison: "GreaterThanThreshold",
    threshold: 0,
    periodSeconds: FIVE_MINUTES,
    missing: "notBreaching",
  } as const;
  return [
    {
      key: "efs-io-limit",
      says: "the file system is at the limit of what it does in a second",
      runbook: "efs-is-at-its-limits",
      metrics: [{ ...storage, metricName: "PercentIOLimit", id: "percent", stat: "Average" }],
      comparison: "GreaterThanThreshold",
      threshold: 90,
      periodSeconds: FIVE_MINUTES,
      periods: 3,
      missing: "ignore",
    },
    {
      key: "efs-burst-credits",
      says: "the file system has little left of what it may do above its base rate, and becomes slow when that is used up",
      runbook: "efs-is-at-its-limits",
      metrics: [{ ...storage, metricName: "BurstCreditBalance", id: "bytes", stat: "Minimum" }],
      comparison: "LessThanThreshold",
      threshold: BURST_CREDIT_BYTES,
      periodSeconds: FIVE_MINUTES,
      periods: 3,
      missing: "ignore",
    },
    {
      ...counted,
      key: "control-errors",
      says: "a call of the control function ended in an error of the function itself, so a change of clients was not made",
      runbook: "the-control-function-fails",
      metrics: [{ ...control, metricName: "Errors", id: "errors", stat: "Sum" }],
      periods: 1,
    },
    {
      ...counted,
      key: "control-throttled",
      says: "calls of the control function have been turned away for a quarter of an hour, because too many run at once",
      runbook: "the-control-function-fails",
      metrics: [{ ...control, metricName: "Throttles", id: "throttled", stat: "Sum" }],
      periods: 3,
    },
  ];
}

/**
 * The name of an alarm. The slash is in no cluster's name, so that no cluster's alarms begin like those of another (`wgc`, `wgc-prod`):
 * who may publish to the topic goes by the beginning.
 */
export function alarmName(cluster: string, key: string): string {
  return `${cluster}/${key}`;
}

/**
 * Names of the alarms that stop and undo an instance refresh, as plain text: the group can name them without depending on them, since
 * they depend on the group. At most ten are allowed (Auto Scaling API reference, AlarmSpecification). None at level `none`.
 */
export function rollbackAlarmNames(cluster: string, level: MonitoringLevel): readonly string[] {
  const anywhere = { loadBalancer: "", targetGroup: "", groupName: "", fileSystemId: "", functionName: "" };
  const watched = {
    cluster,
    minServers: 1,
    takeover: true,
    routed: true,
    zones: [],
    launchFailureRule: "",
    ...anywhere,
  };
  return alarmSpecs(watched, level)
    .filter(({ rollback }) => rollback === true)
    .map(({ key }) => alarmName(cluster, key));
}
