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

/** What a group's servers send to CloudWatch. */
export interface Sending {
  /** What they are told to send; `none` when that is not known. */
  readonly level: MonitoringLevel;
  /** How many custom metrics that makes, however many servers there are. */
  readonly metrics: number;
}

/** Reads it from a group's user data. */
export function sendingOf(group: ServerGroup): Sending {
  const { monitoring: level = "none", addressing } = agentConfig(group) ?? {};
  return { level, metrics: customMetricCount(level, group.zones.length, addressing === "routed") };
}
