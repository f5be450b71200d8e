import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { OVERLAY } from "../wireguard/overlay";
import { type Flow, passFlow } from "./flow";
import { mergeTags, type Tags } from "./support";

/** How servers talk to each other, and whose packets they pass on. */
export interface MeshArgs {
  /** UDP port of heartbeats and announcements; nothing is open for them without takeover. */
  readonly meshPort: number;
  readonly takeover: boolean;
  readonly addressing: "masquerade" | "routed";
  /** With routed addressing: where clients keep their own addresses. Example: `["10.0.0.0/16"]`. */
  readonly routedPrefixes: readonly string[];
}

/** On rules that take in packets for clients; the policy pack knows them by it. */
export const ROUTED_TAG = { "wgc:routed": "true" } as const;

/**
 * Rules among the servers, and with routed addressing what lets packets for clients in.
 *
 * A packet from a backend to a client arrives at the server that the VPC routes the tunnel range to. That is mostly not the one that the
 * client's own packets left from, so the group of its interface has not seen the flow that it answers: security groups are stateful, but
 * each interface for itself (EC2 user guide, "Security group connection tracking"). Therefore everything from the routed prefixes is let in
 * here, and the servers' nftables rules decide: what is for the server itself is dropped as before, and to clients goes only what belongs to
 * their connections, or comes from `backendPrefixes`.
 */
export function connectMesh(
  name: string,
  serversId: pulumi.Input<string>,
  args: MeshArgs & { readonly tags: Tags },
  opts: pulumi.CustomResourceOptions,
): readonly pulumi.Resource[] {
  const tags = mergeTags(args.tags);
  const among = (flow: Flow) => passFlow(name, flow, { from: serversId, to: serversId, tags }, opts);
  const mesh: Flow = { name: "mesh", why: "Servers to each other", protocol: "udp", port: args.meshPort };
  const overlay: Flow = { name: "overlay", why: "Packets for clients", protocol: "udp", port: OVERLAY.port };
  return [
    ...(args.takeover ? among(mesh) : []),
    ...(args.addressing === "routed" ? among(overlay) : []),
    ...args.routedPrefixes.map(
      (cidrIpv4, index) =>
        new aws.vpc.SecurityGroupIngressRule(
          `${name}-routed-${index + 1}`,
          {
            securityGroupId: serversId,
            description: "Packets for clients, sorted by the server",
            cidrIpv4,
            ipProtocol: "-1",
            tags: mergeTags(args.tags, ROUTED_TAG),
          },
          opts,
        ),
    ),
  ];
}
