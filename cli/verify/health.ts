import * as z from "zod";
import { UserError } from "../../config/errors";
import type { ServerHealth } from "./steps";

const reportSchema = z.looseObject({ status: z.string(), reasons: z.array(z.string()).default([]) });

/** The agent's answer to /healthz, out of what a session printed around it. */
export function readHealth(output: string): ServerHealth {
  const line = output.split("\n").find((each) => each.trim().startsWith("{"));
  try {
    return reportSchema.parse(JSON.parse(line ?? ""));
  } catch {
    throw new UserError(
      `the agent gave no answer: ${output.trim().split("\n").at(-1) || "nothing was printed"}`,
    );
  }
}
