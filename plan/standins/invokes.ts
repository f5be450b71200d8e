import type { Json, JsonObject } from "../types";
import { isObject, sha256 } from "../values";
import { existingVpc } from "./existing-vpc";
import { partitionOf } from "./index";
import { ACCOUNT, type Invoke, list, text, zonesOf } from "./standin";

/** The image that every `getAmi` and AMI parameter gives. */
const AMI = "ami-0123456789abcdef0";

function parameter(args: JsonObject, region: string): JsonObject {
  const name = text(args, "name");
  const isImage = /ami|image/i.test(name);
  return {
    id: name,
    name,
    arn: `arn:${partitionOf(region)}:ssm:${region}::parameter${name}`,
    type: "String",
    value: isImage ? AMI : `value-of${name.replaceAll("/", "-")}`,
    insecureValue: isImage ? AMI : `value-of${name.replaceAll("/", "-")}`,
    version: 1,
    region,
  };
}

/** Types whose name has a `g` after the generation run on AWS Graviton (t4g, c7g, c7gn …; EC2 instance type naming). */
function instanceType(args: JsonObject, region: string): JsonObject {
  const name = text(args, "instanceType");
  const arm = /^[a-z]+\d+g/.test(name);
  return {
    id: name,
    instanceType: name,
    region,
    supportedArchitectures: [arm ? "arm64" : "x86_64"],
    burstablePerformanceSupported: name.startsWith("t"),
    currentGeneration: true,
  };
}

/** Renders statements as IAM's JSON, the way the provider does: single values as text, several as lists. */
function policyDocument(args: JsonObject): JsonObject {
  const one = (value: Json | undefined): Json | undefined => {
    const values = list(value);
    return values.length === 0 ? undefined : values.length === 1 ? values[0] : values;
  };
  const principals = (value: Json | undefined): Json | undefined => {
    const entries = list(value).filter(isObject);
    if (entries.some((entry) => entry["type"] === "*")) return "*";
    return entries.length === 0
      ? undefined
      : Object.fromEntries(entries.map((entry) => [text(entry, "type"), one(entry["identifiers"]) ?? ""]));
  };
  const conditions = (value: Json | undefined): Json | undefined => {
    const result: Record<string, Record<string, Json>> = {};
    for (const entry of list(value).filter(isObject)) {
      const test = text(entry, "test");
      result[test] = { ...result[test], [text(entry, "variable")]: one(entry["values"]) ?? "" };
    }
    return Object.keys(result).length === 0 ? undefined : result;
  };
  const statements = list(args["statements"])
    .filter(isObject)
    .map((statement) =>
      compact({
        Sid: statement["sid"],
        Effect: statement["effect"] ?? "Allow",
        Principal: principals(statement["principals"]),
        NotPrincipal: principals(statement["notPrincipals"]),
        Action: one(statement["actions"]),
        NotAction: one(statement["notActions"]),
        Resource: one(statement["resources"]),
        NotResource: one(statement["notResources"]),
        Condition: conditions(statement["conditions"]),
      }),
    );
  const json = JSON.stringify({ Version: args["version"] ?? "2012-10-17", Statement: statements }, null, 2);
  return { ...args, id: sha256(json).slice(0, 10), json, minifiedJson: JSON.stringify(JSON.parse(json)) };
}

function compact(object: Record<string, Json | undefined>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, value]): [string, Json][] =>
      value === undefined ? [] : [[key, value]],
    ),
  );
}

/** Questions that the program may ask of AWS while it runs, with the answers that a plan gives. */
export const invokes: Readonly<Record<string, Invoke>> = {
  "aws:index/getRegion:getRegion": (_args, region) => ({
    id: region,
    name: region,
    region,
    description: region,
    endpoint: `ec2.${region}.amazonaws.com`,
  }),
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({
    id: ACCOUNT,
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/plan`,
    userId: "AIDACKCEVSQ6C2EXAMPLE",
  }),
  "aws:index/getPartition:getPartition": (_args, region) => ({
    id: partitionOf(region),
    partition: partitionOf(region),
    dnsSuffix: region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com",
    reverseDnsPrefix: region.startsWith("cn-") ? "cn.com.amazonaws" : "com.amazonaws",
  }),
  "aws:index/getAvailabilityZones:getAvailabilityZones": (_args, region) => ({
    id: region,
    region,
    names: zonesOf(region),
    zoneIds: zonesOf(region).map(
      (_, index) => `${region.replace(/[^a-z0-9]/g, "").slice(0, 4)}-az${index + 1}`,
    ),
    groupNames: [region],
  }),
  ...existingVpc,
  "aws:ssm/getParameter:getParameter": parameter,
  "aws:ec2/getAmi:getAmi": (args, region) => ({
    id: AMI,
    imageId: AMI,
    arn: `arn:${partitionOf(region)}:ec2:${region}::image/${AMI}`,
    architecture: "arm64",
    name: text(args, "nameRegex", "stand-in-image"),
    rootDeviceName: "/dev/xvda",
    region,
  }),
  "aws:ec2/getInstanceType:getInstanceType": instanceType,
  "aws:iam/getPolicyDocument:getPolicyDocument": policyDocument,
  "aws:route53/getZone:getZone": (args) => ({
    id: text(args, "zoneId", "Z0123456789ABCDEFGHIJ"),
    zoneId: text(args, "zoneId", "Z0123456789ABCDEFGHIJ"),
    name: text(args, "name", "example.com"),
  }),
  "aws:ec2/getPrefixList:getPrefixList": (args) => ({ id: "pl-63a5400a", name: text(args, "name") }),
  "aws:ec2/getManagedPrefixList:getManagedPrefixList": (args) => ({
    id: "pl-63a5400a",
    name: text(args, "name"),
  }),
};
