import type { Json, PlannedResource } from "../plan";

/** Rules for names and sizes that the service models do not have; each from the API reference of the call. */
interface Limit {
  readonly property: string;
  readonly pattern: RegExp;
  readonly says: string;
}

const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  "aws:lb/loadBalancer:LoadBalancer": [
    {
      property: "name",
      pattern: /^(?!-|internal-)[A-Za-z0-9-]{1,32}(?<!-)$/,
      says: "1 to 32 letters, digits and hyphens, no hyphen at either end, not internal- (CreateLoadBalancer)",
    },
  ],
  "aws:lb/targetGroup:TargetGroup": [
    {
      property: "name",
      pattern: /^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/,
      says: "1 to 32 letters, digits and hyphens, no hyphen at either end (CreateTargetGroup)",
    },
  ],
  "aws:ec2/securityGroup:SecurityGroup": [
    {
      property: "name",
      pattern: /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/,
      says: "1 to 255 characters, not sg- (CreateSecurityGroup)",
    },
    {
      property: "description",
      pattern: /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/,
      says: "1 to 255 of a-z A-Z 0-9 space ._-:/()#,@[]+=&;{}!$* (CreateSecurityGroup)",
    },
  ],
  "aws:s3/bucket:Bucket": [
    {
      property: "bucket",
      pattern: /^(?!xn--|sthree-)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias|--ol-s3)$/,
      says: "3 to 63 lower-case letters, digits, dots and hyphens (S3 user guide, bucket naming rules)",
    },
  ],
  "aws:kms/alias:Alias": [
    {
      property: "name",
      pattern: /^alias\/(?!aws\/)[\w/-]{1,250}$/,
      says: "alias/ and letters, digits, /_-, not alias/aws/ (CreateAlias)",
    },
  ],
};

/** Security group rules' descriptions may hold fewer characters than one would write (IpRange). */
const RULE_DESCRIPTION = /^[\w .:/()#,@[\]+=&;{}!$*-]{0,255}$/;
const RULES = [
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
];
/** EC2 user guide, "Run commands on your Linux instance at launch": before base64. */
const USER_DATA_BYTES = 16_384;
/** 50 tags (AWS general reference, tag naming limits); keys that begin with aws: are AWS's. */
const MOST_TAGS = 50;

/** Names, sizes and tags of a resource that AWS would refuse. */
export function limitFaults({ type, name, inputs }: PlannedResource): string[] {
  const limits = (LIMITS[type] ?? []).flatMap(({ property, pattern, says }) => {
    const value = inputs[property];
    return value === undefined || pattern.test(String(value))
      ? []
      : [`${name}.${property} is "${value}": ${says}`];
  });
  const description = inputs["description"];
  const rule =
    RULES.includes(type) && typeof description === "string" && !RULE_DESCRIPTION.test(description)
      ? [`${name}.description is "${description}": characters that EC2 refuses (IpRange)`]
      : [];
  return [
    ...limits,
    ...rule,
    ...userDataFaults(name, inputs["userData"]),
    ...tagFaults(name, inputs["tags"]),
  ];
}

function userDataFaults(name: string, userData: Json | undefined): string[] {
  if (typeof userData !== "string") return [];
  const bytes = Buffer.from(userData, "base64").length;
  return bytes > USER_DATA_BYTES
    ? [`${name}.userData has ${bytes} bytes, at most ${USER_DATA_BYTES} are allowed`]
    : [];
}

function tagFaults(name: string, tags: Json | undefined): string[] {
  if (typeof tags !== "object" || tags === null) return [];
  const keys = Array.isArray(tags) ? tags.map((tag) => keyOf(tag)) : Object.keys(tags);
  return [
    ...(keys.length > MOST_TAGS ? [`${name} has ${keys.length} tags, at most ${MOST_TAGS} are allowed`] : []),
    ...(new Set(keys).size < keys.length ? [`${name} has a tag twice`] : []),
    ...keys
      .filter((key) => /^aws:/i.test(key))
      .map((key) => `${name} has the tag ${key}, and aws: is AWS's own`),
  ];
}

function keyOf(tag: Json): string {
  return typeof tag === "object" && tag !== null && !Array.isArray(tag) ? String(tag["key"]) : "";
}
