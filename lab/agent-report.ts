/** What a server's agent says of itself at the address of its health check. */
import { get } from "node:http";
import { z } from "zod";

const reportSchema = z.looseObject({
  /** What it answers the load balancer with. */
  status: z.string(),
  /** Revision of the registry that it has applied. */
  revision: z.number(),
  drain: z.object({ reason: z.string(), over: z.boolean() }).nullable(),
});

export type AgentReport = z.infer<typeof reportSchema>;

const LIMIT_MS = 1000;

/** The agent's report, whether it is healthy or not; undefined when none comes within a second. */
export function askAgent(
  host: string,
  health: { port: number; path: string },
): Promise<AgentReport | undefined> {
  const { port, path } = health;
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, timeout: LIMIT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve(parse(body)));
      response.on("error", () => resolve(undefined));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
  });
}

function parse(body: string): AgentReport | undefined {
  try {
    return reportSchema.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}
