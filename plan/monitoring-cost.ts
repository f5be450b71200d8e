import { parse } from "yaml";
import * as z from "zod";
import { customMetricCount, MONITORING_LEVELS, type MonitoringLevel } from "../monitoring/metrics";
import type { ServerGroup } from "./lookup";

const filesSchema = z.object({
  write_files: z.array(z.object({ path: z.string(), content: z.string() })),
});
const agentSchema = z.object({
  monitoring: z.enum(MONITORING_LEVELS),
  addressing: z.string().optional(),
});
/** Where user data puts the agent's configuration. */
const AGENT_CONFIG = "/etc/wgc/agent.json";

/** Calls of PutMetricData that a server makes in a month of 730 hours, one a minute. */
export const CALLS_PER_SERVER = 730 * 60;

/** The agent's configuration on a group's servers; undefined when that is not known (a preview). */
function agentConfig({ template }: ServerGroup): z.infer<typeof agentSchema> | undefined {
  const userData = template?.inputs["userData"];
  if (typeof userData !== "string") return undefined;
  const files = filesSchema.safeParse(parse(Buffer.from(userData, "base64").toString()));
  const content = files.data?.write_files.find(({ path }) => path === AGENT_CONFIG)?.content;
  return content === undefined ? undefined : agentSchema.safeParse(JSON.parse(content)).data;
}

/** What a group's servers are told to send to CloudWatch; `none` when that is not known. */
export function monitoringLevel(group: ServerGroup): MonitoringLevel {
  return agentConfig(group)?.monitoring ?? "none";
}

/** How many custom metrics the servers of a group make; the number does not depend on how many servers there are. */
export function customMetrics(group: ServerGroup): number {
  const isRouted = agentConfig(group)?.addressing === "routed";
  return customMetricCount(monitoringLevel(group), group.zones.length, isRouted);
}
