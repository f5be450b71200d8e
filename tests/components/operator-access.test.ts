import { OperatorAccess } from "../../components/operator-access";
import { SessionLog } from "../../components/session-log";
import { loadSettings } from "../../config/load";
import { all, census, document, make, only } from "./harness";

const place = { region: "eu-central-1", accountId: "123456789012", partition: "aws" };
const common = { clusterName: "wgc-test", place, tags: { Owner: "net" } };

const build = (principals: readonly string[] = ["account"]) =>
  make(() => {
    const log = new SessionLog("s", { ...common, protect: true, logRetentionDays: 90 });
    new OperatorAccess("o", {
      ...common,
      principals,
      healthPort: 8081,
      log,
      controlFunctionArn: "arn:control",
    });
  });

test("one role, its policy, four documents, a log and a key", async () => {
  expect(census(await build())).toEqual({
    "aws:cloudwatch/logGroup:LogGroup": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 1,
    "aws:kms/key:Key": 1,
    "aws:ssm/document:Document": 4,
  });
});

test("the role lasts an hour and is taken with MFA of the last hour, under one's own name", async () => {
  const user = "arn:aws:iam::123456789012:user/alice";
  const { inputs } = only(await build(["account", user]), "aws:iam/role:Role");
  expect(inputs.maxSessionDuration).toBe(3600);
  expect(document(inputs.assumeRolePolicy).Statement).toEqual([
    {
      Sid: "UserWithMfaTakesRole",
      Effect: "Allow",
      Principal: { AWS: ["arn:aws:iam::123456789012:root", user] },
      Action: "sts:AssumeRole",
      Condition: {
        Bool: { "aws:MultiFactorAuthPresent": "true" },
        NumericLessThan: { "aws:MultiFactorAuthAge": "3600" },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own variable
        StringEquals: { "sts:RoleSessionName": "${aws:username}" },
      },
    },
  ]);
});

test("as many users as the settings take fit into the 2,048 characters of a trust policy", async () => {
  const users = (count: number) =>
    Array.from(
      { length: count },
      (_, index) => `arn:aws-us-gov:iam::123456789012:user/${100 + index}${"u".repeat(61)}`,
    );
  const load = (count: number) =>
    loadSettings({
      stack: "test",
      values: { "aws:region": "us-gov-west-1", "wgc:operatorPrincipals": users(count).join(",") },
    }).settings.operatorPrincipals;
  const { assumeRolePolicy } = only(await build(load(12)), "aws:iam/role:Role").inputs;
  expect(assumeRolePolicy.length).toBeLessThanOrEqual(2048);
  expect(() => load(13)).toThrow("at most 12");
});

test("every session is recorded while it goes on, in the encrypted log, and ends by itself", async () => {
  const made = await build();
  const log = only(made, "aws:cloudwatch/logGroup:LogGroup");
  expect(log.inputs).toMatchObject({
    name: "/wgc/wgc-test/sessions",
    retentionInDays: 90,
    kmsKeyId: "arn:test:s-key",
  });
  const documents = all(made, "aws:ssm/document:Document");
  expect(documents.map(({ inputs }) => inputs.name)).toEqual([
    "drain-wgc-test",
    "health-wgc-test",
    "shell-wgc-test",
    "undrain-wgc-test",
  ]);
  for (const { inputs } of documents) {
    expect(inputs).toMatchObject({ documentType: "Session", documentFormat: "JSON", tags: { Owner: "net" } });
    expect(document(inputs.content)).toMatchObject({
      schemaVersion: "1.0",
      inputs: {
        s3BucketName: "",
        cloudWatchLogGroupName: "/wgc/wgc-test/sessions",
        cloudWatchEncryptionEnabled: true,
        cloudWatchStreamingEnabled: true,
        kmsKeyId: "arn:test:s-key",
        runAsEnabled: false,
        idleSessionTimeout: "15",
        maxSessionDuration: "60",
      },
    });
  }
});

test("a shell, or fixed commands without parameters", async () => {
  const made = await build();
  const content = (session: string) =>
    document(only(made, "aws:ssm/document:Document", `o-${session}`).inputs.content);
  expect(content("shell")).toMatchObject({ sessionType: "Standard_Stream" });
  const fixed = ["health", "drain", "undrain"].map(content);
  expect(
    fixed.map(({ sessionType, parameters, properties }) => [sessionType, parameters, properties.linux]),
  ).toEqual([
    [
      "NonInteractiveCommands",
      undefined,
      {
        commands: "curl --silent --show-error --max-time 10 http://127.0.0.1:8081/healthz",
        runAsElevated: false,
      },
    ],
    [
      "NonInteractiveCommands",
      undefined,
      { commands: "/opt/wgc/bin/node /opt/wgc/agent.js drain", runAsElevated: true },
    ],
    [
      "NonInteractiveCommands",
      undefined,
      { commands: "/opt/wgc/bin/node /opt/wgc/agent.js undrain", runAsElevated: true },
    ],
  ]);
});

test("the key of sessions is kept, rotates, and encrypts nothing but sessions and their log", async () => {
  const key = only(await build(), "aws:kms/key:Key");
  expect([key.protect, key.inputs.enableKeyRotation]).toEqual([true, true]);
  // A key that is gone takes every session's record with it; a month is the longest that KMS waits.
  expect(key.inputs.deletionWindowInDays).toBe(30);
  const [, log, sessions] = document(key.inputs.policy).Statement;
  expect(log).toMatchObject({
    Principal: { Service: "logs.eu-central-1.amazonaws.com" },
    Condition: {
      ArnEquals: {
        "kms:EncryptionContext:aws:logs:arn":
          "arn:aws:logs:eu-central-1:123456789012:log-group:/wgc/wgc-test/sessions",
      },
    },
  });
  expect(sessions).toMatchObject({
    Action: ["kms:Decrypt", "kms:GenerateDataKey"],
    Condition: { Null: { "kms:EncryptionContext:aws:ssm:SessionId": "false" } },
  });
});

test("a role for nobody is refused", async () => {
  await expect(build([])).rejects.toThrow("OperatorAccess: principals must name at least one");
});
