import type { Registry } from "prom-client";
import { readMetrics } from "../read-metrics";
import type { ClusterLink } from "./cluster-link";

/** Adds the numbers of what goes on between the servers; they are read when somebody asks. */
export function addClusterMetrics(registry: Registry, cluster: ClusterLink): void {
  const { gauge, counter } = readMetrics(registry);
  const { mesh, overlay, routes, sourceCheck } = cluster;
  gauge("wgc_mesh_members", "Other servers that are heard", () => mesh.members.live.length);
  gauge("wgc_mesh_up", "1 when this server can speak to the others", () =>
    Number(mesh.problem === undefined),
  );
  counter("wgc_mesh_sent_total", "Datagrams sent to other servers", () => mesh.stats.sent);
  counter("wgc_mesh_received_total", "Datagrams of other servers", () => mesh.stats.received);
  counter(
    "wgc_mesh_refused_total",
    "Datagrams that were not made with the mesh key",
    () => mesh.stats.refused,
  );
  counter("wgc_mesh_announced_total", "Sessions announced to the other servers", () => mesh.stats.announced);
  gauge("wgc_standby", "1 while another server is the active one", () =>
    Number(cluster.standby !== undefined),
  );
  if (overlay === undefined) return;
  gauge(
    "wgc_overlay_routes",
    "Clients whose packets go on to the server that holds them",
    () => overlay.size,
  );
  counter("wgc_overlay_changes_total", "Routes to such clients made or removed", () => overlay.stats.changes);
  counter(
    "wgc_overlay_errors_total",
    "Changes of such routes that the kernel refused",
    () => overlay.stats.errors,
  );
  if (routes === undefined) return;
  gauge("wgc_vpc_routes_owned", "Route tables that this server keeps", () => routes.counts.owned);
  gauge(
    "wgc_vpc_routes_settled",
    "Route tables that this server keeps and whose route leads here",
    () => routes.counts.settled,
  );
  counter("wgc_vpc_route_replacements_total", "Routes made to lead here", () => routes.stats.replaced);
  gauge(
    "wgc_vpc_routes_away",
    "Route tables that this server keeps and whose route is not known to lead here",
    () => routes.counts.owned - routes.counts.settled,
  );
  counter("wgc_vpc_route_errors_total", "Calls for routes that failed", () => routes.stats.failed);
  counter("wgc_vpc_route_throttled_total", "Of those, throttled by AWS", () => routes.stats.throttled);
  counter(
    "wgc_vpc_route_contests_total",
    "Routes made to lead here again that another server had led to itself",
    () => routes.stats.contested,
  );
  gauge("wgc_vpc_route_seconds", "How long the last replacement took", () =>
    routes.stats.lastMs === undefined ? undefined : routes.stats.lastMs / 1000,
  );
  if (sourceCheck === undefined) return;
  gauge("wgc_source_check_off", "1 when EC2 lets packets of others through this server", () =>
    Number(sourceCheck.isOff),
  );
  counter(
    "wgc_source_check_errors_total",
    "Calls to switch the source/destination check off that failed",
    () => sourceCheck.stats.failed,
  );
}
