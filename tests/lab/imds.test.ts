import { RoleCredentials } from "../../agent/aws/credentials";
import { type InstanceMetadata, Metadata } from "../../lab/imds";

const S1: InstanceMetadata = {
  instance: "i-1",
  zone: "us-east-1a",
  targetLifecycleState: "InService",
  spotEnd: undefined,
  interface: { id: "eni-1", mac: "02:00:0a:00:20:0a", address: "10.0.32.10" },
  role: {
    role: "servers",
    accessKeyId: "ASIA1",
    secretAccessKey: "secret",
    sessionToken: "token",
    expiration: "2026-01-01T06:00:00.000Z",
  },
};
const S2 = { ...S1, instance: "i-2" };
const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN = "x-aws-ec2-metadata-token";

const put = (headers: Record<string, string>) => ({ method: "PUT", path: "/latest/api/token", headers });
const get = (item: string, token?: string, method = "GET") => ({
  method,
  path: `/latest/meta-data/${item}`,
  headers: token === undefined ? {} : { [TOKEN]: token },
});

test("a token is given for 1 to 21,600 seconds, and not through a proxy", () => {
  const metadata = new Metadata();
  const status = (headers: Record<string, string>): number => metadata.answer(S1, put(headers), 0).status;
  expect(["1", "60", "21600"].map((ttl) => status({ [TTL]: ttl }))).toEqual([200, 200, 200]);
  expect(["0", "-1", "21601", "1.5", "x", ""].map((ttl) => status({ [TTL]: ttl }))).toEqual(
    Array.from({ length: 6 }, () => 400),
  );
  expect(status({})).toBe(400);
  expect(status({ [TTL]: "60", "x-forwarded-for": "10.0.0.1" })).toBe(403);
});

test("nothing is told without a token of one's own that is still good", () => {
  const metadata = new Metadata();
  const token = metadata.answer(S1, put({ [TTL]: "60" }), 1000).body;
  expect(metadata.answer(S1, get("instance-id", token), 60_999)).toEqual({ status: 200, body: "i-1" });
  expect(metadata.answer(S1, get("instance-id", token), 61_000).status).toBe(401);
  expect(metadata.answer(S2, get("instance-id", token), 2000).status).toBe(401);
  expect(metadata.answer(S1, get("instance-id", "guess"), 2000).status).toBe(401);
  expect(metadata.answer(S1, get("instance-id"), 2000).status).toBe(401);
});

test.each([
  ["instance-id", "i-1"],
  ["placement/availability-zone", "us-east-1a"],
  ["placement/region", "us-east-1"],
  ["autoscaling/target-lifecycle-state", "InService"],
  ["spot/instance-action", undefined],
  ["mac", "02:00:0a:00:20:0a"],
  ["local-ipv4", "10.0.32.10"],
  ["network/interfaces/macs/", "02:00:0a:00:20:0a/"],
  ["network/interfaces/macs/02:00:0a:00:20:0a/interface-id", "eni-1"],
  ["network/interfaces/macs/02:00:0a:00:20:0a/local-ipv4s", "10.0.32.10"],
  ["network/interfaces/macs/02:00:0a:00:20:0b/interface-id", undefined],
  ["iam/security-credentials/", "servers"],
  ["iam/security-credentials/others", undefined],
])("%s", (item, value) => {
  const metadata = new Metadata();
  const token = metadata.answer(S1, put({ [TTL]: "60" }), 0).body;
  expect(metadata.answer(S1, get(item, token), 0)).toEqual(
    value === undefined ? { status: 404, body: "Not Found\n" } : { status: 200, body: value },
  );
});

test("the role's keys are in the form that EC2 gives them, and that the agent reads", async () => {
  const metadata = new Metadata();
  const token = metadata.answer(S1, put({ [TTL]: "60" }), 0).body;
  const { body } = metadata.answer(S1, get("iam/security-credentials/servers", token), 0);
  expect(JSON.parse(body)).toEqual({
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: "ASIA1",
    SecretAccessKey: "secret",
    Token: "token",
    Expiration: "2026-01-01T06:00:00.000Z",
  });
  const imds = { get: async (item: string) => metadata.answer(S1, get(item, token), 0).body };
  const keys = await new RoleCredentials(imds, { now: () => Date.now() }).get();
  expect(keys).toEqual({ accessKeyId: "ASIA1", secretAccessKey: "secret", sessionToken: "token" });
});

test("what is to come shows at once", () => {
  const metadata = new Metadata();
  const token = metadata.answer(S1, put({ [TTL]: "60" }), 0).body;
  const leaving = { ...S1, targetLifecycleState: "Terminated" as const, spotEnd: "2026-01-01T00:02:00.000Z" };
  const ask = (item: string): string => metadata.answer(leaving, get(item, token), 0).body;
  expect(ask("autoscaling/target-lifecycle-state")).toBe("Terminated");
  expect(JSON.parse(ask("spot/instance-action"))).toEqual({
    action: "terminate",
    time: "2026-01-01T00:02:00.000Z",
  });
});

test("other methods are refused", () => {
  const metadata = new Metadata();
  const token = metadata.answer(S1, put({ [TTL]: "60" }), 0).body;
  for (const method of ["PUT", "POST", "DELETE"])
    expect(metadata.answer(S1, get("instance-id", token, method), 0).status).toBe(405);
  expect(metadata.answer(S1, { method: "GET", path: "/latest/api/token", headers: {} }, 0).status).toBe(405);
});

const BOOTED: InstanceMetadata = {
  ...S1,
  boot: { userData: "#cloud-config\n", account: "123456789012", image: "ami-1", instanceType: "c7gn.medium" },
};

test.each([
  ["/latest/user-data", "#cloud-config\n"],
  ["/2021-03-23/user-data", "#cloud-config\n"],
  ["/latest/meta-data/iam/security-credentials/", "servers"],
  ["/latest/meta-data/iam/security-credentials", "servers"],
  ["/latest/meta-data/iam/security-credentials/other", undefined],
  ["/latest/meta-data/local-hostname", "ip-10-0-32-10.ec2.internal"],
  ["/2021-03-23/meta-data/placement/", "availability-zone\nregion"],
  ["/latest/dynamic/", "instance-identity/"],
  ["/newest/meta-data/instance-id", undefined],
  ["/latest/meta-data/instance-id/more", undefined],
  ["/latest/meta-data/toString", undefined],
])("a server that boots by itself finds at %s what EC2 has there", (path, value) => {
  const metadata = new Metadata();
  const token = metadata.answer(BOOTED, put({ [TTL]: "60" }), 0).body;
  expect(metadata.answer(BOOTED, { method: "GET", path, headers: { [TOKEN]: token } }, 0)).toEqual(
    value === undefined ? { status: 404, body: "Not Found\n" } : { status: 200, body: value },
  );
});

test("keys and user data are told with a token only", () => {
  const metadata = new Metadata();
  for (const path of ["/latest/user-data", "/latest/meta-data/iam/security-credentials/servers"])
    expect(metadata.answer(BOOTED, { method: "GET", path, headers: {} }, 0).status).toBe(401);
});
