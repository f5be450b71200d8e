import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import { replaceTable } from "../../plan/replace-table";
import { sdkSchemas } from "../../plan/sdk-schema";
import { root } from "./support";

const database = loadAwsServiceSpecSync();
const schemas = sdkSchemas(root);

/** CloudFormation's properties of a type that it replaces on, and all it knows. */
function cloudFormation(type: string): { all: Set<string>; replacing: Set<string> } {
  const resources = database.lookup("resource", "cloudFormationType", "equals", type);
  if (resources.length !== 1) throw new Error(`the specification has ${resources.length} resources ${type}`);
  const properties = Object.entries(resources.only().properties);
  return {
    all: new Set(properties.map(([name]) => name)),
    replacing: new Set(
      properties.filter(([, { causesReplacement }]) => causesReplacement === "yes").map(([name]) => name),
    ),
  };
}

/** What the table says and CloudFormation does not (+), or the other way round (-), for inputs that both know. */
function differencesOf(type: string): string[] {
  const entry = replaceTable[type];
  const schema = schemas(type);
  if (entry?.cloudFormation === undefined || schema === undefined) return [];
  const { all, replacing } = cloudFormation(entry.cloudFormation);
  const short = type.split(":").at(-1);
  return [...schema.inputs].sort().flatMap((input) => {
    const name = entry.names?.[input] ?? `${input.charAt(0).toUpperCase()}${input.slice(1)}`;
    if (!all.has(name)) return [];
    const here = entry.replace.includes(input);
    return here === replacing.has(name) ? [] : [`${here ? "+" : "-"} ${short}.${input}`];
  });
}

/** ModifySecurityGroupRules changes them in place; only another kind of source makes a new rule. */
const RULE_CHANGES = "the provider calls ModifySecurityGroupRules";
/** CloudFormation tries an update and lets KMS refuse it; the provider makes a new key. */
const KEY_CHANGES = "ForceNew in the provider: KMS has no call that changes it";

/** Where the provider (file named in the table) and CloudFormation do otherwise, and why the table follows the provider. */
const reviewed: Readonly<Record<string, string>> = {
  "+ Eip.publicIpv4Pool": "ForceNew in the provider: an address comes from one pool",
  "+ Key.customerMasterKeySpec": KEY_CHANGES,
  "+ Key.keyUsage": KEY_CHANGES,
  "+ Key.multiRegion": KEY_CHANGES,
  "+ LogGroup.logGroupClass": "ForceNew in the provider: CloudWatch Logs has no call that changes it",
  "- RouteTableAssociation.routeTableId": "the provider calls ReplaceRouteTableAssociation, without a gap",
  "- SecurityGroupEgressRule.cidrIpv4": RULE_CHANGES,
  "- SecurityGroupEgressRule.cidrIpv6": RULE_CHANGES,
  "- SecurityGroupEgressRule.fromPort": RULE_CHANGES,
  "- SecurityGroupEgressRule.ipProtocol": RULE_CHANGES,
  "- SecurityGroupEgressRule.toPort": RULE_CHANGES,
  "- SecurityGroupIngressRule.cidrIpv4": RULE_CHANGES,
  "- SecurityGroupIngressRule.cidrIpv6": RULE_CHANGES,
  "- SecurityGroupIngressRule.fromPort": RULE_CHANGES,
  "- SecurityGroupIngressRule.ipProtocol": RULE_CHANGES,
  "- SecurityGroupIngressRule.toPort": RULE_CHANGES,
};

test("the table differs from CloudFormation only where that was looked at", () => {
  const differences = Object.keys(replaceTable).flatMap(differencesOf).sort();
  expect(differences).toEqual([...Object.keys(reviewed)].sort());
});

test("every entry is of a type that the installed SDK has, with inputs that it takes", () => {
  const wrong = Object.entries(replaceTable).flatMap(([type, { replace, conditions = {}, names = {} }]) => {
    const inputs = schemas(type)?.inputs;
    if (inputs === undefined) return [type];
    return [...replace, ...Object.keys(conditions), ...Object.keys(names)]
      .filter((input) => !inputs.has(input))
      .map((input) => `${type}.${input}`);
  });
  expect(wrong).toEqual([]);
});
