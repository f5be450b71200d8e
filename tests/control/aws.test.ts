import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { mockClient } from "aws-sdk-client-mock";
import { ControlFailure } from "../../control/client";
import type { Request } from "../../control/protocol";
import { callerArn } from "../../control/transports/caller";
import { lambdaTransport } from "../../control/transports/lambda";

const lambda = mockClient(LambdaClient);
const sts = mockClient(STSClient);
const pauses: number[] = [];
beforeEach(() => {
  lambda.reset();
  sts.reset();
  pauses.length = 0;
});

const transport = lambdaTransport({
  functionName: "wgc-dev-control",
  region: "eu-central-1",
  pause: async (milliseconds) => void pauses.push(milliseconds),
});
const read: Request = { version: 1, operation: "list", input: {} };
const change: Request = { version: 1, operation: "revoke", requestKey: "request-1", input: { name: "a" } };
const unnamed: Request = { version: 1, operation: "revoke", input: { name: "a" } };
const answer = { version: 1, ok: true, operation: "list", revision: 3, result: { clients: [], total: 0 } };

const payload = (value: unknown) => Buffer.from(JSON.stringify(value)) as never;
const awsError = (name: string, message = "") => Object.assign(new Error(message), { name });

async function failureOf(request: Request): Promise<ControlFailure> {
  const thrown = await transport(request).catch((error: unknown) => error);
  if (!(thrown instanceof ControlFailure)) throw new Error("it did not fail as it should");
  return thrown;
}

test("the request is the payload, the payload of the answer is the response", async () => {
  lambda.on(InvokeCommand).resolves({ Payload: payload(answer) });
  expect(await transport(read)).toEqual(answer);
  const [call] = lambda.commandCalls(InvokeCommand);
  expect(call?.args[0].input.FunctionName).toBe("wgc-dev-control");
  expect(JSON.parse(String(call?.args[0].input.Payload))).toEqual(read);
});

test("a refusal of the function is an answer, not a failure of the way there", async () => {
  const refusal = {
    version: 1,
    ok: false,
    error: { code: "full", message: "no address is left", issues: [] },
  };
  lambda.on(InvokeCommand).resolves({ Payload: payload(refusal) });
  expect(await transport(change)).toEqual(refusal);
  expect(lambda.calls()).toHaveLength(1);
});

const DENIED =
  "User: arn:aws:sts::111122223333:assumed-role/dev/alice is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:eu-central-1:111122223333:function:wgc-dev-control because no identity-based policy allows the lambda:InvokeFunction action";

/** What AWS or the SDK throws, the sentence that is told, its code, and how often a repeatable request is sent. */
const TROUBLES: [string, Error, RegExp, string, number][] = [
  [
    "no right",
    awsError("AccessDeniedException", DENIED),
    /^the IAM action lambda:InvokeFunction on arn:aws:lambda:eu-central-1:111122223333:function:wgc-dev-control is missing for arn:aws:sts::111122223333:assumed-role\/dev\/alice;/,
    "forbidden",
    1,
  ],
  [
    "no right, without the details",
    awsError("AccessDeniedException", "Access denied"),
    /lambda:InvokeFunction on arn:aws:lambda:eu-central-1:\*:function:wgc-dev-control is missing for this AWS identity/,
    "forbidden",
    1,
  ],
  [
    "an explicit deny",
    awsError("AccessDeniedException", `${DENIED} with an explicit deny`),
    /denies it explicitly/,
    "forbidden",
    1,
  ],
  [
    "no credentials",
    awsError("CredentialsProviderError", "Could not load credentials from any providers"),
    /^no AWS credentials were found; .*AWS_PROFILE/,
    "forbidden",
    1,
  ],
  [
    "an expired token",
    awsError("ExpiredTokenException", "The security token included in the request is expired"),
    /^the AWS session has expired; sign in again/,
    "forbidden",
    1,
  ],
  [
    "an expired SSO session",
    awsError("CredentialsProviderError", "The SSO session associated with this profile has expired"),
    /^the AWS session has expired/,
    "forbidden",
    1,
  ],
  [
    "foreign credentials",
    awsError("UnrecognizedClientException", "The security token included in the request is invalid."),
    /^AWS does not accept these credentials/,
    "forbidden",
    1,
  ],
  [
    "a wrong clock",
    awsError("InvalidSignatureException", "Signature expired: 2026 is now earlier than 2027"),
    /^AWS refuses the request's time; set this machine's clock/,
    "forbidden",
    1,
  ],
  ["no region", awsError("Error", "Region is missing"), /^no AWS region is set/, "forbidden", 1],
  [
    "another region or stack",
    awsError("ResourceNotFoundException", "Function not found"),
    /^there is no function wgc-dev-control in eu-central-1; check the stack and its region/,
    "unreachable",
    1,
  ],
  [
    "throttling",
    awsError("TooManyRequestsException", "Rate Exceeded."),
    /is busy: too many calls at once/,
    "unreachable",
    4,
  ],
  [
    "a request that is too large",
    awsError("RequestTooLargeException"),
    /too large for an invocation/,
    "invalid-request",
    1,
  ],
  [
    "a file system that cannot be mounted",
    awsError("EFSMountFailureException", "permission"),
    /cannot reach its file system: EFSMountFailureException: permission/,
    "storage",
    1,
  ],
  [
    "a mount that takes too long",
    awsError("EFSMountTimeoutException"),
    /cannot reach its file system/,
    "storage",
    4,
  ],
  [
    "a deployment that is going on",
    awsError("ResourceConflictException"),
    /is being updated/,
    "unreachable",
    4,
  ],
  [
    "no network",
    Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }),
    /^AWS Lambda in eu-central-1 is not reached \(ENOTFOUND\)/,
    "unreachable",
    4,
  ],
  [
    "silence",
    awsError("TimeoutError", "the request socket did not establish a connection with the server"),
    /is not reached \(TimeoutError\)/,
    "unreachable",
    4,
  ],
  [
    "an answer that does not come",
    Object.assign(awsError("TimeoutError", "a request has exceeded the configured 905000 ms"), {
      code: "ETIMEDOUT",
    }),
    /did not answer in time; whether the change was made is not known; .*first completes or undoes/,
    "unreachable",
    1,
  ],
  ["trouble inside AWS", awsError("ServiceException"), /AWS Lambda has an internal error/, "unreachable", 4],
  [
    "something new",
    awsError("NewException", "first line\nsecond line"),
    /could not be called: NewException: first line;/,
    "unreachable",
    1,
  ],
];

test.each(TROUBLES)(
  "%s is one clear sentence, and sent again only where that may help",
  async (_, thrown, message, code, calls) => {
    lambda.on(InvokeCommand).rejects(thrown);
    const failure = await failureOf(change);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain("\n");
    expect(failure.error.code).toBe(code);
    expect(failure.error.remedy?.length).toBeGreaterThan(10);
    expect(lambda.calls()).toHaveLength(calls);
    expect(pauses).toHaveLength(calls - 1);
  },
);

test("a change without a request key is never sent twice", async () => {
  lambda.on(InvokeCommand).rejects(awsError("TooManyRequestsException"));
  await failureOf(unnamed);
  expect(lambda.calls()).toHaveLength(1);
});

test("an answer that comes at the second attempt is the answer; both attempts were the same request", async () => {
  lambda
    .on(InvokeCommand)
    .rejectsOnce(awsError("ServiceException"))
    .resolves({ Payload: payload({ ...answer, operation: "revoke" }) });
  expect(await transport(change)).toMatchObject({ ok: true, revision: 3 });
  const sent = lambda.commandCalls(InvokeCommand).map((call) => String(call.args[0].input.Payload));
  expect(sent).toEqual([JSON.stringify(change), JSON.stringify(change)]);
});

test.each([
  [
    { errorMessage: "2030 id Task timed out after 30.03 seconds", errorType: "Sandbox.Timedout" },
    /did not finish in time; whether the change was made is not known/,
    1,
  ],
  [{ errorType: "Runtime.ExitError", errorMessage: "secret" }, /failed \(Runtime\.ExitError\)/, 4],
  [{ errorType: "odd\nname" }, /failed \(unknown\)/, 4],
  ["no object", /failed \(unknown\)/, 4],
])(
  "a function that died says so without its own text; one that crashed is asked again: %j",
  async (value, message, calls) => {
    lambda.on(InvokeCommand).resolves({ FunctionError: "Unhandled", Payload: payload(value) });
    const failure = await failureOf(change);
    expect(failure.message).toMatch(message);
    expect(failure.error).toMatchObject({
      unsettled: true,
      remedy: expect.stringMatching(/^repeat the command/),
    });
    expect(failure.message).not.toContain("secret");
    expect(lambda.calls()).toHaveLength(calls);
  },
);

test("an answer that is none is not understood, and not asked for again", async () => {
  lambda.on(InvokeCommand).resolves({});
  expect((await failureOf(change)).error.code).toBe("unsupported-version");
  expect(lambda.calls()).toHaveLength(1);
});

test("no key is repeated from an error of AWS", async () => {
  const key = "A".repeat(43);
  lambda.on(InvokeCommand).rejects(awsError("NewException", `about ${key}=`));
  expect((await failureOf(change)).message).toContain("about [redacted]");
});

test("who asks is what STS says, and unknown where it says nothing", async () => {
  const Arn = "arn:aws:sts::111122223333:assumed-role/ops/alice";
  sts
    .on(GetCallerIdentityCommand)
    .resolvesOnce({ Arn })
    .resolvesOnce({})
    .rejects(awsError("CredentialsProviderError"));
  const who = () => callerArn({ region: "eu-central-1" });
  expect([await who(), await who(), await who()]).toEqual([Arn, "unknown", "unknown"]);
});
