import { readModel } from "../../lab/model";
import type { MountRight } from "../../lab/rights";
import type { JsonObject, Plan, PlannedResource } from "../../plan";
import { stackPlan } from "../support/plans";

let dev: Plan;
beforeAll(async () => {
  dev = await stackPlan("dev");
}, 60_000);

/** The plan with one resource's inputs changed. */
function changed(name: string, change: (inputs: JsonObject) => JsonObject): Plan {
  const hits = dev.resources.filter((resource) => resource.name === name && resource.custom);
  expect(hits).toHaveLength(1);
  const resources = dev.resources.map(
    (one): PlannedResource => (hits.includes(one) ? { ...one, inputs: change(one.inputs) } : one),
  );
  return { ...dev, resources };
}

const idOf = (name: string, output = "arn"): string =>
  String(dev.resources.find((one) => one.name === name && one.custom)?.outputs[output]);

type Statement = Record<string, unknown> & { Sid: string };
/** The plan with the statements of a policy changed. */
const withStatements = (policy: string, change: (statements: Statement[]) => unknown[]): Plan =>
  changed(policy, (inputs) => {
    const document = JSON.parse(String(inputs["policy"]));
    return { ...inputs, policy: JSON.stringify({ ...document, Statement: change(document.Statement) }) };
  });

/** What servers get at the registry and at the runtime access point. */
function rights(plan: Plan): [MountRight | undefined, MountRight | undefined] {
  const points = readModel(plan).fileSystems[0]?.accessPoints;
  const right = (path: string) => points?.find((point) => point.path === path)?.right;
  return [right("/registry"), right("/registry/runtime")];
}

describe("what servers may do is what the plan's policies say", () => {
  const server = "wgc-server-policy";
  const guard = "wgc-storage-policy";
  const all = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"];
  const at = (name: string, Effect: string, Action: unknown, more: object = {}) => ({
    ...{ Sid: "More", Effect, Action, Resource: idOf("wgc-storage-efs") },
    Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": idOf(name) } },
    ...more,
  });

  test("as deployed: the registry is read, the records are written", () => {
    expect(rights(dev)).toEqual(["read", "write"]);
  });

  test("another role's rights are not theirs", () => {
    const plan = changed(server, (inputs) => ({ ...inputs, role: "somebody-else" }));
    expect(rights(plan)).toEqual(["none", "none"]);
  });

  test("without ClientMount there is nothing, whatever else is allowed", () => {
    const plan = withStatements(server, (list) => list.filter(({ Sid }) => Sid !== "MountSharedStorage"));
    expect(rights(plan)).toEqual(["none", "none"]);
  });

  test("ClientWrite for the registry makes it writable", () => {
    const plan = withStatements(server, (list) => [...list, at("wgc-storage-registry", "Allow", all)]);
    expect(rights(plan)).toEqual(["write", "write"]);
  });

  test.each([
    ["any case", "ELASTICFILESYSTEM:clientwrite", {}],
    ["an action with a star", "elasticfilesystem:Client*", {}],
    ["every resource", all, { Resource: "*" }],
    [
      "a pattern of access points",
      all,
      { Condition: { ArnLike: { "elasticfilesystem:AccessPointArn": "arn:*" } } },
    ],
    ["no condition", all, { Condition: undefined }],
  ])("%s is understood", (_, action, more) => {
    const plan = withStatements(server, (list) => [
      ...list,
      at("wgc-storage-registry", "Allow", action, more),
    ]);
    expect(rights(plan)[0]).toBe("write");
  });

  test.each([
    [
      "another file system",
      { Resource: "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1" },
    ],
    ["clear text only", { Condition: { Bool: { "aws:SecureTransport": "false" } } }],
  ])("what is allowed for %s is not allowed here", (_, more) => {
    const plan = withStatements(server, (list) => [...list, at("wgc-storage-registry", "Allow", all, more)]);
    expect(rights(plan)[0]).toBe("read");
  });

  test("a deny wins, in the role and in the file system's policy", () => {
    const deny = at("wgc-storage-runtime", "Deny", "elasticfilesystem:ClientWrite");
    expect(rights(withStatements(server, (list) => [deny, ...list]))).toEqual(["read", "read"]);
    expect(rights(withStatements(guard, (list) => [...list, deny]))).toEqual(["read", "read"]);
  });

  test("an access point that the file system's policy does not name is closed", () => {
    const arn = idOf("wgc-storage-runtime");
    const plan = withStatements(guard, (list) =>
      list.map((statement) => JSON.parse(JSON.stringify(statement).replace(`,"${arn}"`, ""))),
    );
    expect(rights(plan)).toEqual(["read", "none"]);
  });

  test.each([
    [
      "the condition operator NumericEquals",
      { Condition: { NumericEquals: { "aws:SecureTransport": "1" } } },
    ],
    ["the condition key aws:SourceIp", { Condition: { StringEquals: { "aws:SourceIp": "10.0.0.1" } } }],
    ["NotAction", { Action: undefined, NotAction: "s3:GetObject" }],
  ])("%s is refused and not guessed", (what, more) => {
    const plan = withStatements(server, (list) => [...list, at("wgc-storage-registry", "Allow", all, more)]);
    expect(() => readModel(plan)).toThrow(what);
  });
});

describe("a control function that could not work on AWS is refused", () => {
  const code = "wgc-control-function";
  const without =
    (key: string) =>
    ({ [key]: _, ...inputs }: JsonObject): JsonObject =>
      inputs;
  const cases: [string, () => Plan, RegExp][] = [
    [
      "no file system",
      () => changed(code, without("fileSystemConfig")),
      /has no fileSystemConfig, so there is no \/mnt\/registry where it runs/,
    ],
    [
      "another folder than it was told",
      () =>
        changed(code, (inputs) => ({
          ...inputs,
          fileSystemConfig: { ...(inputs["fileSystemConfig"] as object), localMountPath: "/mnt/efs" },
        })),
      /WGC_REGISTRY is \/mnt\/registry, but its file system is mounted at \/mnt\/efs/,
    ],
    [
      "an access point that it has no right to",
      () =>
        changed(code, (inputs) => ({
          ...inputs,
          fileSystemConfig: { arn: idOf("wgc-storage-runtime"), localMountPath: "/mnt/registry" },
        })),
      /EFSMountFailureException: access denied by server: its role lacks elasticfilesystem:ClientMount on fsap-/,
    ],
    [
      "an access point that does not exist",
      () =>
        changed(code, (inputs) => ({
          ...inputs,
          fileSystemConfig: { arn: "arn:nowhere", localMountPath: "/mnt/registry" },
        })),
      /the access point arn:nowhere does not exist in the plan/,
    ],
    [
      "no right to write",
      () =>
        withStatements("wgc-control-rights-policy", (list) =>
          list.map((one) =>
            one.Sid === "MountRegistry" ? { ...one, Action: "elasticfilesystem:ClientMount" } : one,
          ),
        ),
      /EFSMountFailureException: .* lacks elasticfilesystem:ClientWrite/,
    ],
    [
      "a closed port at its own end",
      () => changed("wgc-control-storage-out", (inputs) => ({ ...inputs, toPort: 2048, fromPort: 2048 })),
      /EFSMountConnectivityException: TCP 2049 to the mount targets is closed/,
    ],
    [
      "a closed port at the file system",
      () => changed("wgc-control-storage-in", (inputs) => ({ ...inputs, referencedSecurityGroupId: "sg-1" })),
      /EFSMountConnectivityException: TCP 2049 to the mount targets is closed/,
    ],
    [
      "a zone without a mount target",
      () => ({ ...dev, resources: dev.resources.filter(({ name }) => name !== "wgc-storage-mount-2") }),
      /EFSMountConnectivityException: subnet-\w+ has no mount target/,
    ],
    [
      "a call of another function",
      () => changed("wgc-control-init", (inputs) => ({ ...inputs, functionName: "other" })),
      /Function not found: other is not in the plan/,
    ],
  ];
  test.each(cases)("%s", (_, plan, message) => {
    expect(() => readModel(plan())).toThrow(expect.objectContaining({ name: "UserError" }));
    expect(() => readModel(plan())).toThrow(message);
  });
});
