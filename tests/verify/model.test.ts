import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inputFaults, modelOf, services } from "../../verify/model";
import { root } from "../plan/support";

test.each([
  [
    "a member that is missing",
    "efs",
    "CreateMountTarget",
    { FileSystemId: "fs-0123456789abcdef0" },
    ["CreateMountTarget.SubnetId is required"],
  ],
  [
    "a member that the service does not know",
    "kms",
    "CreateKey",
    { Rotates: true },
    ["CreateKey.Rotates is not known to the service"],
  ],
  [
    "a value that is none of the enumeration",
    "elbv2",
    "CreateListener",
    { LoadBalancerArn: "arn", Protocol: "WIREGUARD", DefaultActions: [{ Type: "forward" }] },
    [/^CreateListener\.Protocol is "WIREGUARD", which is none of HTTP, /],
  ],
  [
    "a text of another form",
    "efs",
    "CreateAccessPoint",
    { ClientToken: "t", FileSystemId: "fs-0123456789abcdef0", RootDirectory: { Path: "registry" } },
    [/^CreateAccessPoint\.RootDirectory\.Path is "registry", which does not match /],
  ],
  [
    "a number that is too small, and one that is too large",
    "elbv2",
    "CreateTargetGroup",
    { Name: "tg", HealthCheckIntervalSeconds: 4, Port: 65_536 },
    [
      "CreateTargetGroup.HealthCheckIntervalSeconds is 4, at least 5 are asked for",
      "CreateTargetGroup.Port is 65536, at most 65535 are allowed",
    ],
  ],
  [
    "a text that is too long",
    "iam",
    "CreateRole",
    { RoleName: "r".repeat(65), AssumeRolePolicyDocument: "{}" },
    ["CreateRole.RoleName has 65 characters, at most 64 are allowed"],
  ],
  [
    "values of another kind",
    "ec2",
    "CreateLaunchTemplate",
    {
      LaunchTemplateName: "abc",
      LaunchTemplateData: { Monitoring: { Enabled: "true" }, NetworkInterfaces: {} },
    },
    [
      "CreateLaunchTemplate.LaunchTemplateData.Monitoring.Enabled is no flag but a string",
      "CreateLaunchTemplate.LaunchTemplateData.NetworkInterfaces is no list",
    ],
  ],
  ["nothing wrong", "logs", "PutRetentionPolicy", { logGroupName: "/wgc/dev", retentionInDays: 30 }, []],
] as const)("%s", (_, service, operation, input, faults) => {
  const found = inputFaults(service, operation, JSON.parse(JSON.stringify(input)));
  expect(found).toEqual(
    faults.map((fault) => (typeof fault === "string" ? fault : expect.stringMatching(fault))),
  );
});

test("the extracts hold every call that is checked, of one version of botocore, which the notice names", () => {
  const folder = join(root, "verify", "calls");
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  const called = sources.flatMap((source) =>
    [...source.matchAll(/call\(\s*"(\w+)",\s*"(\w+)"/g)].map(
      ([, service, operation]) => `${service}.${operation}`,
    ),
  );
  const held = services.flatMap((service) =>
    Object.keys(modelOf(service).inputs).map((name) => `${service}.${name}`),
  );
  expect([...new Set(called)].sort()).toEqual(held.sort());
  const [version] = new Set(services.map((service) => modelOf(service).botocore));
  expect(new Set(services.map((service) => modelOf(service).botocore)).size).toBe(1);
  expect(readFileSync(join(root, "verify", "botocore", "NOTICE"), "utf8")).toContain(`botocore ${version}\n`);
});

test("every pattern of the models can be read", () => {
  for (const service of services)
    for (const [name, shape] of Object.entries(modelOf(service).shapes))
      if (shape.type === "string" && shape.pattern !== undefined)
        expect(() => inputFaultsOfText(service, name)).not.toThrow();
});

function inputFaultsOfText(service: (typeof services)[number], shape: string): void {
  const model = modelOf(service);
  model.inputs[`Try${shape}`] = shape;
  inputFaults(service, `Try${shape}`, "x" as unknown as Record<string, never>);
  delete model.inputs[`Try${shape}`];
}
