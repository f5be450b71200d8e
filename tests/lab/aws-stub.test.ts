import { AUTO_SCALING, AwsQuery } from "../../agent/aws/query";
import { AutoScalingStub, type StubRequest } from "../../lab/aws-stub/auto-scaling";
import { startAwsStub } from "../../lab/aws-stub/server";

const INSTANCE = "i-0123456789abcdef0";
const HOOKS = [
  { name: "launch", transition: "launch", heartbeatSeconds: 600, defaultResult: "ABANDON" },
  { name: "terminate", transition: "terminate", heartbeatSeconds: 90, defaultResult: "CONTINUE" },
] as const;
const stubOf = () => new AutoScalingStub({ name: "wgc-dev-servers", region: "us-east-1" }, HOOKS);

const FORM = {
  Action: "CompleteLifecycleAction",
  Version: "2011-01-01",
  AutoScalingGroupName: "wgc-dev-servers",
  LifecycleHookName: "launch",
  InstanceId: INSTANCE,
  LifecycleActionResult: "CONTINUE",
};
const HEADERS = {
  host: "autoscaling",
  "content-type": "application/x-www-form-urlencoded; charset=utf-8",
  "x-amz-date": "20260101T000000Z",
  "x-amz-security-token": "token",
  authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE0000000/20260101/us-east-1/autoscaling/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=${"0".repeat(64)}`,
};
const request = (form: Record<string, string | undefined> = {}, more: Partial<StubRequest> = {}) => ({
  method: "POST",
  headers: HEADERS,
  body: new URLSearchParams(
    Object.entries({ ...FORM, ...form }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as [string, string]],
    ),
  ).toString(),
  ...more,
});
const code = (body: string) => /<Code>(\w+)<\/Code>/.exec(body)?.[1];

test("an instance waits until it says so itself, once", async () => {
  const stub = stubOf();
  const outcome = stub.wait(INSTANCE, "launch", 0);
  expect(stub.waits(INSTANCE, "launch")).toBe(true);
  expect(stub.answer(request(), 1000).status).toBe(200);
  expect(await outcome).toBe("CONTINUE");
  const again = stub.answer(request(), 2000);
  expect([again.status, code(again.body)]).toEqual([400, "ValidationError"]);
  expect(again.body).toContain(`No active Lifecycle Action found with instance ID ${INSTANCE}`);
  expect(stub.calls.map(({ refused }) => refused === undefined)).toEqual([true, false]);
});

test("without a word the hook's default counts; each heartbeat starts the time anew", async () => {
  const stub = stubOf();
  const silent = stub.wait("i-00000001", "launch", 0);
  const alive = stub.wait(INSTANCE, "terminate", 0);
  const beat = request({
    Action: "RecordLifecycleActionHeartbeat",
    LifecycleHookName: "terminate",
    LifecycleActionResult: undefined,
  });
  expect(stub.answer(beat, 80_000).status).toBe(200);
  stub.tick(169_999);
  expect(stub.waits(INSTANCE, "terminate")).toBe(true);
  stub.tick(170_000);
  expect(await alive).toBe("CONTINUE");
  stub.tick(600_000);
  expect(await silent).toBe("ABANDON");
});

test.each([
  ["another group", { AutoScalingGroupName: "other" }],
  ["another hook", { LifecycleHookName: "other" }],
  ["the hook of the other way", { LifecycleHookName: "terminate" }],
  ["another instance", { InstanceId: "i-00000001" }],
  ["no instance", { InstanceId: undefined }],
  ["a result that is none", { LifecycleActionResult: "DONE" }],
  ["a member that is unknown", { Extra: "1" }],
])("%s is refused, and the instance goes on waiting", (_, form) => {
  const stub = stubOf();
  void stub.wait(INSTANCE, "launch", 0);
  const answer = stub.answer(request(form), 0);
  expect([answer.status, code(answer.body)]).toEqual([400, "ValidationError"]);
  expect(stub.waits(INSTANCE, "launch")).toBe(true);
});

test.each([
  ["no signature", { headers: { ...HEADERS, authorization: undefined } }, "MissingAuthenticationToken"],
  [
    "no session token",
    { headers: { ...HEADERS, "x-amz-security-token": undefined } },
    "InvalidClientTokenId",
  ],
  [
    "a signature for another region",
    { headers: { ...HEADERS, authorization: HEADERS.authorization.replace("us-east-1", "eu-west-1") } },
    "SignatureDoesNotMatch",
  ],
  ["a GET", { method: "GET" }, "MethodNotAllowed"],
])("%s is refused", (_, more, expected) => {
  const stub = stubOf();
  void stub.wait(INSTANCE, "launch", 0);
  expect(code(stub.answer(request({}, more), 0).body)).toBe(expected);
  expect(stub.waits(INSTANCE, "launch")).toBe(true);
});

test("the agent's own calls pass, over HTTP", async () => {
  const stub = stubOf();
  const running = await startAwsStub(stub, { host: "127.0.0.1", port: 0 });
  try {
    const outcome = stub.wait(INSTANCE, "launch", performance.now());
    const query = new AwsQuery({
      service: AUTO_SCALING,
      region: "us-east-1",
      credentials: {
        get: async () => ({
          accessKeyId: "AKIDEXAMPLE0000000",
          secretAccessKey: "secret",
          sessionToken: "token",
        }),
      },
      env: { AWS_ENDPOINT_URL_AUTO_SCALING: running.url },
    });
    const { Action, Version: _, ...parameters } = FORM;
    await query.call(Action, parameters);
    expect(await outcome).toBe("CONTINUE");
    await expect(query.call(Action, parameters)).rejects.toMatchObject({
      code: "ValidationError",
      status: 400,
    });
  } finally {
    running.close();
  }
});
