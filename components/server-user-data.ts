import * as pulumi from "@pulumi/pulumi";
import type { ClusterSettings } from "../config/load";
import { renderUserData } from "../userdata/render";
import type { RoutedArgs } from "../userdata/types";
import type { AgentBundle } from "./agent-bundle";
import { HEALTH_CHECK } from "./endpoint";
import { lifecycleOf } from "./lifecycle";
import { eachTableOnce } from "./route-tables";
import type { Storage } from "./storage";

type RouteTableInput = { readonly id: pulumi.Input<string>; readonly zone: pulumi.Input<string> };

/** What a server boots with, once storage and bundle are known. */
export function serverUserData(
  args: ClusterSettings,
  storage: Storage,
  bundle: AgentBundle,
  ownRouteTables: pulumi.Input<readonly RouteTableInput[]>,
): pulumi.Output<string> {
  const known = pulumi.all([
    storage.fileSystemId,
    storage.registryAccessPoint.id,
    storage.runtimeAccessPoint.id,
    bundle.bucketName,
    // Servers that masquerade change no routes, and must not be rolled for one.
    args.addressing === "routed" ? ownRouteTables : [],
  ]);
  return known.apply(([fileSystemId, registryAccessPointId, runtimeAccessPointId, bucket, tables]) =>
    renderUserData({
      ...args,
      cluster: args.clusterName,
      healthCheckSeconds: HEALTH_CHECK.interval,
      lifecycle: lifecycleOf(args.clusterName),
      fileSystemId,
      registryAccessPointId,
      runtimeAccessPointId,
      agent: { bucket, key: bundle.key, sha256: bundle.sha256 },
      ...(args.addressing === "routed"
        ? { routed: routedArgs(args, eachTableOnce(tables, args.routeTables)) }
        : {}),
    }),
  );
}

function routedArgs(args: ClusterSettings, routeTables: RoutedArgs["routeTables"]): RoutedArgs {
  const { routedPrefixes: prefixes, backendPrefixes, clientToClient } = args;
  return { prefixes, backendPrefixes, clientToClient, routeTables };
}
