import { promises as fs } from "node:fs";
import { join } from "node:path";
import { AwsError } from "../../../agent/aws/query";
import { LifecycleCalls } from "../../../agent/lifecycle/calls";
import { SettledTarget } from "../../../agent/lifecycle/settled";
import { agentCalls } from "../../../verify/calls/agent";
import { inputFaults } from "../../../verify/model";
import { temporaryFolder } from "../namespace";

const NAMES = { group: "wgc-dev-servers", launchHook: "up", terminateHook: "down", heartbeatSeconds: 90 };

function calls(answer: () => string) {
  const sent: [string, Record<string, string>][] = [];
  const query = {
    call: async (action: string, parameters: object) => {
      sent.push([action, parameters as Record<string, string>]);
      return answer();
    },
  };
  return { sent, calls: new LifecycleCalls(query, NAMES, "i-0123456789abcdef0") };
}
const refuse = (code: string, message: string) => () => {
  throw new AwsError("CompleteLifecycleAction", code, message, 400);
};

test("each call names the group, its own hook and this instance, as AWS's model asks", async () => {
  const { sent, calls: made } = calls(() => "<ok/>");
  expect(await made.complete("launch")).toBe("done");
  expect(await made.complete("terminate")).toBe("done");
  expect(await made.heartbeat("terminate")).toBe("done");
  const common = { AutoScalingGroupName: "wgc-dev-servers", InstanceId: "i-0123456789abcdef0" };
  expect(sent).toEqual([
    ["CompleteLifecycleAction", { ...common, LifecycleHookName: "up", LifecycleActionResult: "CONTINUE" }],
    ["CompleteLifecycleAction", { ...common, LifecycleHookName: "down", LifecycleActionResult: "CONTINUE" }],
    ["RecordLifecycleActionHeartbeat", { ...common, LifecycleHookName: "down" }],
  ]);
  const [complete, , beat] = sent.map(([, parameters]) => parameters);
  for (const call of [agentCalls.completeLifecycle(complete ?? {}), agentCalls.heartbeat(beat ?? {})])
    expect(inputFaults(call.service, call.operation, call.input)).toEqual([]);
});

test("an instance that does not wait is no failure; whatever else is refused is one", async () => {
  const early = "No active Lifecycle Action found with instance ID i-0123456789abcdef0";
  expect(await calls(refuse("ValidationError", early)).calls.complete("launch")).toBe("early");
  for (const [code, message] of [
    ["ValidationError", "No Lifecycle Hook found with name: up"],
    ["AccessDenied", "not authorized"],
  ] as const)
    await expect(calls(refuse(code, message)).calls.complete("launch")).rejects.toThrow(message);
});

describe("the note of what is done", () => {
  const folder = temporaryFolder();

  test("outlives the agent, and is no other instance's", async () => {
    const state = join(folder, "state");
    const note = new SettledTarget(state, "i-1");
    expect(await note.read()).toBeUndefined();
    await note.save("Warmed:Stopped");
    await note.save("InService");
    expect(await new SettledTarget(state, "i-1").read()).toBe("InService");
    expect(await new SettledTarget(state, "i-2").read()).toBeUndefined();
    expect((await fs.stat(join(state, "lifecycle.json"))).mode & 0o777).toBe(0o600);
  });
});
