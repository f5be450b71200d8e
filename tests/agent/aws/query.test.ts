import { AUTO_SCALING, AwsError, AwsQuery, EC2, element, flatten } from "../../../agent/aws/query";

const KEYS = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "secret-of-the-role",
  sessionToken: "token-of-the-role",
};
const credentials = { get: () => Promise.resolve(KEYS) };

interface Sent {
  url: string;
  headers: Record<string, string>;
  body: URLSearchParams;
}

function api(answer: () => Response, env: NodeJS.ProcessEnv = {}, service = EC2) {
  const sent: Sent[] = [];
  const fetchUrl = (url: URL | Request | string, init?: RequestInit) => {
    sent.push({
      url: String(url),
      headers: init?.headers as Record<string, string>,
      body: new URLSearchParams(String(init?.body)),
    });
    return Promise.resolve(answer());
  };
  return { sent, query: new AwsQuery({ service, region: "eu-west-1", credentials, env, fetchUrl }) };
}

test("a call is a signed form to the service of the region", async () => {
  const { sent, query } = api(() => new Response("<a><return>true</return></a>"));
  const xml = await query.call("ReplaceRoute", { RouteTableId: "rtb-1", DryRun: false, Left: undefined });
  expect(element(xml, "return")).toBe("true");
  const [call] = sent;
  expect(call?.url).toBe("https://ec2.eu-west-1.amazonaws.com/");
  expect([...(call?.body ?? [])]).toEqual([
    ["Action", "ReplaceRoute"],
    ["Version", "2016-11-15"],
    ["RouteTableId", "rtb-1"],
    ["DryRun", "false"],
  ]);
  expect(call?.headers["authorization"]).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/ec2\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
  );
  expect(call?.headers["x-amz-security-token"]).toBe("token-of-the-role");
  expect(JSON.stringify(sent)).not.toContain("secret-of-the-role");
});

test.each([
  [{ AWS_ENDPOINT_URL: "http://127.0.0.1:5000" }, "http://127.0.0.1:5000/"],
  [
    { AWS_ENDPOINT_URL: "http://127.0.0.1:5000", AWS_ENDPOINT_URL_AUTO_SCALING: "http://127.0.0.1:5001" },
    "http://127.0.0.1:5001/",
  ],
])("the SDKs' variables name another endpoint: %j", async (env, url) => {
  const { sent, query } = api(() => new Response(""), env, AUTO_SCALING);
  await query.call("DescribeLifecycleHooks", {});
  expect(sent[0]?.url).toBe(url);
});

test("lists are numbered as each service numbers them", () => {
  const value = { Tag: [{ Key: "a", Values: [1, 2] }], On: true };
  expect(flatten("", value, "")).toEqual([
    ["Tag.1.Key", "a"],
    ["Tag.1.Values.1", "1"],
    ["Tag.1.Values.2", "2"],
    ["On", "true"],
  ]);
  expect(flatten("", value, ".member")[2]).toEqual(["Tag.member.1.Values.member.2", "2"]);
});

test.each([
  [
    503,
    "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error></Errors></Response>",
    "RequestLimitExceeded",
    true,
  ],
  [
    400,
    "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
    "Throttling",
    true,
  ],
  [
    403,
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
    "UnauthorizedOperation",
    false,
  ],
  [500, "<html>", "HTTP500", true],
])("HTTP %i is an error with AWS's code", async (status, text, code, retryable) => {
  const { query } = api(() => new Response(text, { status }));
  const error = await query.call("ReplaceRoute", {}).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AwsError);
  expect(error).toMatchObject({ action: "ReplaceRoute", code, status, retryable });
});

test("no answer at all may be tried again, and says why", async () => {
  const { query } = api(() => {
    throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:9") });
  });
  const error = await query.call("ReplaceRoute", {}).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "Unreachable", retryable: true });
  expect(String(error)).toContain("ECONNREFUSED");
});
