import { readFileSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../config/errors";
import { MONITORING_LEVELS } from "../monitoring/metrics";
import { describeIssues } from "../registry/schema";
import { isCidr } from "../wireguard/addresses";

const port = z.int().min(1).max(65535);
const cidr = z.string().refine(isCidr, "is not an address range in CIDR form");
const absolutePath = z.string().startsWith("/", "is not an absolute path");

const routed = z.strictObject({
  /** UDP port of the overlay between servers. */
  overlayPort: port,
  /** Towards these clients keep their tunnel addresses. */
  prefixes: z.array(cidr).min(1),
  /** The VPC's route tables that carry the tunnel range, each with the zone whose server it shall point at. */
  routeTables: z.array(
    z.strictObject({
      id: z.string().regex(/^rtb-[0-9a-f]{8,17}$/, "is not the id of a route table"),
      zone: z.string().min(1),
    }),
  ),
  /** Whether clients reach each other. */
  clientToClient: z.boolean(),
});

const lifecycleSchema = z.strictObject({
  /** Name of this server's Auto Scaling group and of its two lifecycle hooks. */
  group: z.string().min(1),
  launchHook: z.string().min(1),
  terminateHook: z.string().min(1),
  /** Seconds that the terminate hook waits without a word. */
  heartbeatSeconds: z.int().min(30).max(7200),
});

/** What a server needs to complete its own lifecycle actions. */
export type LifecycleConfig = z.infer<typeof lifecycleSchema>;

/** `/etc/wgc/agent.json`, written by user data: everything the agent needs to know about its server. */
export const agentConfigSchema = z
  .strictObject({
    version: z.literal(1),
    cluster: z.string().min(1),
    region: z.string().min(1),
    /** At most 15 characters: the kernel's limit for interface names (IFNAMSIZ). */
    interface: z.string().regex(/^[A-Za-z0-9_-]{1,15}$/, "is not an interface name"),
    listenPort: port,
    healthPort: port,
    /** 576 is the least an IPv4 link may have (RFC 791). */
    mtu: z.int().min(576).max(65535),
    tunnelIpv4: cidr,
    registryPath: absolutePath,
    runtimePath: absolutePath,
    statePath: absolutePath,
    /** How long a server that was told to stop goes on serving while the load balancer moves its flows. */
    drainSeconds: z.int().min(0).max(3600),
    /** So long the load balancer leads flows to a server that its Auto Scaling group has deregistered. */
    deregistrationDelaySeconds: z.int().min(0).max(3600),
    /** Seconds between two health checks of the load balancer: when they stop to come, this server is cut off. */
    healthCheckSeconds: z.number().positive().max(300),
    /** Whether servers take sessions over from each other. */
    takeover: z.boolean(),
    /** Which metrics go to CloudWatch. */
    monitoring: z.enum(MONITORING_LEVELS),
    /** Whether packets of clients go on with the server's address or with the client's own. */
    addressing: z.enum(["masquerade", "routed"]).default("masquerade"),
    /** Whether all servers serve, or one and the others stand by. */
    topology: z.enum(["active-active", "active-passive"]).default("active-active"),
    /** How servers talk to each other: heartbeats and announcements of sessions. */
    mesh: z.strictObject({ port }),
    /** There with addressing `routed` and only then. */
    routed: routed.optional(),
    /** Without it nothing is completed: a server outside of an Auto Scaling group. */
    lifecycle: lifecycleSchema.optional(),
  })
  .refine((config) => (config.addressing === "routed") === (config.routed !== undefined), {
    error: "must be there with addressing routed, and only then",
    path: ["routed"],
  });

/** The agent's configuration. */
export type AgentConfig = z.infer<typeof agentConfigSchema>;

/** Where the configuration is, unless the environment says otherwise. */
export function agentConfigPath(env: NodeJS.ProcessEnv): string {
  return env["WGC_AGENT_CONFIG"] ?? "/etc/wgc/agent.json";
}

/** Reads and checks the configuration; every fault in it is named at once. */
export function loadAgentConfig(path: string): AgentConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot read the agent's configuration ${path}: ${why}`, { cause: error });
  }
  const parsed = agentConfigSchema.safeParse(value);
  if (!parsed.success) {
    throw new UserError(
      `the agent's configuration ${path} is wrong: ${describeIssues(parsed.error)}; user data writes this file, so mend the stack's configuration`,
    );
  }
  return parsed.data;
}
