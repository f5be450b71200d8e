import { answerAutoScaling } from "../../../lab/boot/autoscaling";

const MODEL = {
  group: "wgc-dev",
  hooks: [{ name: "launch", transition: "autoscaling:EC2_INSTANCE_LAUNCHING" }],
};
const COMPLETE = {
  Action: "CompleteLifecycleAction",
  Version: "2011-01-01",
  AutoScalingGroupName: "wgc-dev",
  LifecycleHookName: "launch",
  InstanceId: "i-1",
  LifecycleActionResult: "ABANDON",
};
const ask = (form: Record<string, string>) =>
  answerAutoScaling(MODEL, new URLSearchParams(form), ["i-1", "i-2"]);
const without = (name: keyof typeof COMPLETE) =>
  Object.fromEntries(Object.entries(COMPLETE).filter(([key]) => key !== name));

test("a lifecycle action is completed, and a heartbeat taken", () => {
  const call = { action: "CompleteLifecycleAction", hook: "launch", instance: "i-1", result: "ABANDON" };
  expect(ask(COMPLETE)).toEqual({
    status: 200,
    body: expect.stringContaining("<CompleteLifecycleActionResult/>"),
    call,
  });
  const heartbeat = { ...without("LifecycleActionResult"), Action: "RecordLifecycleActionHeartbeat" };
  expect(ask(heartbeat).call).toEqual({
    action: "RecordLifecycleActionHeartbeat",
    hook: "launch",
    instance: "i-1",
    result: undefined,
  });
});

test.each([
  ["another group", { ...COMPLETE, AutoScalingGroupName: "wgc-prod" }, "no such group: wgc-prod"],
  [
    "a hook that the plan lacks",
    { ...COMPLETE, LifecycleHookName: "x" },
    "No lifecycle hook found with name: x",
  ],
  [
    "an instance that is not the group's",
    { ...COMPLETE, InstanceId: "i-9" },
    "No active Lifecycle Action found with instance ID i-9",
  ],
  [
    "neither instance nor token",
    without("InstanceId"),
    "Either a lifecycle action token or an instance id is required",
  ],
  ["no result", without("LifecycleActionResult"), "must be CONTINUE or ABANDON"],
  [
    "another result",
    { ...COMPLETE, LifecycleActionResult: "RETRY" },
    "must be CONTINUE or ABANDON, not RETRY",
  ],
  ["an unknown parameter", { ...COMPLETE, Result: "ABANDON" }, "has no parameter Result"],
  [
    "a heartbeat with a result",
    { ...COMPLETE, Action: "RecordLifecycleActionHeartbeat" },
    "has no parameter LifecycleActionResult",
  ],
])("%s is refused and not remembered", (_, form, message) => {
  const answer = ask(form);
  expect([answer.status, answer.call]).toEqual([400, undefined]);
  expect(answer.body).toContain("<Code>ValidationError</Code>");
  expect(answer.body).toContain(message);
});

test("a call that is not known is refused, and what it is called does not break the answer", () => {
  const answer = ask({ ...COMPLETE, Action: "<b>&" });
  expect([answer.status, answer.call]).toEqual([400, undefined]);
  expect(answer.body).toContain("Could not find operation &#60;b&#62;&#38;");
});
