import type { JsonObject } from "../../plan";
import { type Call, call } from "./call";

/** Calls that servers make about themselves, so that their inputs are in the extract of AWS's models. */
export const agentCalls = {
  completeLifecycle: (input: JsonObject): Call => call("autoscaling", "CompleteLifecycleAction", input),
  heartbeat: (input: JsonObject): Call => call("autoscaling", "RecordLifecycleActionHeartbeat", input),
} as const;
