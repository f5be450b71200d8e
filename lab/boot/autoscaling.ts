/**
 * The calls of EC2 Auto Scaling that servers make and moto does not know: they are checked as AWS checks them, answered and remembered.
 * https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html and API_RecordLifecycleActionHeartbeat.html
 */
import type { BootModel } from "./model";

/** A call that was taken. */
export interface LifecycleCall {
  action: "CompleteLifecycleAction" | "RecordLifecycleActionHeartbeat";
  hook: string;
  instance: string;
  /** `CONTINUE` or `ABANDON`; a heartbeat has none. */
  result: string | undefined;
}

/** An answer of the query protocol. */
export interface QueryAnswer {
  status: number;
  body: string;
  call?: LifecycleCall;
}

const XMLNS = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
const COMMON = ["Action", "Version"];
const KNOWN: Readonly<Record<LifecycleCall["action"], readonly string[]>> = {
  CompleteLifecycleAction: [
    ...["AutoScalingGroupName", "LifecycleHookName", "InstanceId", "LifecycleActionToken"],
    "LifecycleActionResult",
  ],
  RecordLifecycleActionHeartbeat: [
    ...["AutoScalingGroupName", "LifecycleHookName", "InstanceId", "LifecycleActionToken"],
  ],
};

/** Answers one request. @param instances ids of the instances that the group has */
export function answerAutoScaling(
  model: Pick<BootModel, "group" | "hooks">,
  form: URLSearchParams,
  instances: readonly string[],
): QueryAnswer {
  const action = form.get("Action") ?? "";
  if (!isKnown(action))
    return refuse("InvalidAction", `Could not find operation ${action} for version 2011-01-01`);
  const problem = problemOf(action, model, form, instances);
  if (problem !== undefined) return refuse("ValidationError", problem);
  const call: LifecycleCall = {
    action,
    hook: form.get("LifecycleHookName") ?? "",
    instance: form.get("InstanceId") ?? "",
    result: form.get("LifecycleActionResult") ?? undefined,
  };
  const body =
    `<${action}Response xmlns="${XMLNS}"><${action}Result/><ResponseMetadata>` +
    `<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></${action}Response>`;
  return { status: 200, body, call };
}

function isKnown(action: string): action is LifecycleCall["action"] {
  return Object.hasOwn(KNOWN, action);
}

function problemOf(
  action: LifecycleCall["action"],
  model: Pick<BootModel, "group" | "hooks">,
  form: URLSearchParams,
  instances: readonly string[],
): string | undefined {
  const unknown = [...form.keys()].find((name) => ![...COMMON, ...KNOWN[action]].includes(name));
  if (unknown !== undefined) return `${action} has no parameter ${unknown}`;
  const hook = form.get("LifecycleHookName");
  const group = form.get("AutoScalingGroupName");
  if (group !== model.group) return `AutoScalingGroup name not found - no such group: ${group}`;
  if (!model.hooks.some(({ name }) => name === hook)) return `No lifecycle hook found with name: ${hook}`;
  const instance = form.get("InstanceId");
  if (instance === null && form.get("LifecycleActionToken") === null)
    return "Either a lifecycle action token or an instance id is required";
  if (instance !== null && !instances.includes(instance))
    return `No active Lifecycle Action found with instance ID ${instance}`;
  const result = form.get("LifecycleActionResult");
  if (action === "CompleteLifecycleAction" && !["CONTINUE", "ABANDON"].includes(result ?? ""))
    return `LifecycleActionResult must be CONTINUE or ABANDON, not ${result}`;
  return undefined;
}

/** A refusal in the form of AWS's query protocol. */
export function refuse(code: string, message: string, status = 400): QueryAnswer {
  const text = message.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${text}</Message></Error>`;
  return {
    status,
    body: `<ErrorResponse xmlns="${XMLNS}">${error}<RequestId>0</RequestId></ErrorResponse>`,
  };
}
