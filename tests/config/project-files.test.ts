import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadSettings } from "../../config/load";
import { settingsSchema } from "../../config/schema";

const root = join(__dirname, "..", "..");
const yaml = (name: string) => parse(readFileSync(join(root, name), "utf8"));
const settings = Object.entries(settingsSchema.shape).map(([key, schema]) => ({
  key,
  schema,
  info: schema.meta() ?? {},
}));

test("Pulumi.yaml declares the schema's keys with the same types, defaults and descriptions, in the same order", () => {
  const declared = Object.entries(yaml("Pulumi.yaml").config as Record<string, Record<string, unknown>>);
  const expected = settings.map(({ key, info }) => [
    key,
    {
      type: info["type"],
      default: info["type"] === "string" ? info["default"] : JSON.parse(String(info["default"])),
      description: info.description,
    },
  ]);
  expect(declared).toEqual(expected);
});

test("every setting's default and example satisfy its own schema", () => {
  for (const { schema, info } of settings) {
    expect(schema.safeParse(undefined).success).toBe(true);
    expect(schema.safeParse(info["example"]).success).toBe(true);
    expect(schema.safeParse(undefined).data).toEqual(schema.safeParse(info["default"]).data);
  }
});

function stack(name: string) {
  const config = yaml(`Pulumi.${name}.yaml`).config as Record<string, unknown>;
  return loadSettings({
    stack: name,
    values: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
  });
}

test("the dev stack is the smallest sensible one, and says what that costs", () => {
  const { settings: dev, warnings } = stack("dev");
  expect(dev).toMatchObject({
    availabilityZoneCount: 2,
    minServers: 2,
    desiredServers: 3,
    maxServers: 6,
    instanceType: "t4g.small",
    protect: false,
    region: "us-east-1",
  });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("CPU credits");
});

test("the prod stack has three zones, a server in each, and protects what cannot be made again", () => {
  const { settings: prod, warnings } = stack("prod");
  expect(prod).toMatchObject({
    availabilityZoneCount: 3,
    minServers: 3,
    desiredServers: 3,
    maxServers: 9,
    instanceType: "c7g.medium",
    protect: true,
  });
  expect(warnings).toEqual([]);
});

test("the private stack has no server with a public address, and operators reach servers without NAT", () => {
  const { settings, warnings } = stack("private");
  expect(settings).toMatchObject({
    nodeSubnets: "private",
    natGateways: "onePerAz",
    interfaceEndpoints: ["ssm", "ssmmessages", "kms", "logs"],
    availabilityZoneCount: 3,
    protect: true,
    operatorPrincipals: ["account"],
  });
  expect(warnings).toEqual([]);
});
