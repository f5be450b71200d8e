import * as pulumi from "@pulumi/pulumi";

/** Tags as plain values; every resource that takes tags gets the stack's. */
export type Tags = Readonly<Record<string, string>>;

/** Merges tags, later ones win; done here and not in the provider, so that it holds whatever provider a caller passes. */
export function mergeTags(...all: readonly Tags[]): Record<string, string> {
  return Object.assign({}, ...all);
}

/** The i-th text of a list that is known only after deployment. */
export function at(list: pulumi.Output<string[]>, index: number): pulumi.Output<string> {
  return list.apply((items) => {
    const item = items[index];
    if (item === undefined) throw new Error(`expected at least ${index + 1} elements, found ${items.length}`);
    return item;
  });
}

/** A whole IAM policy document. */
export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: "*" | Readonly<Record<string, pulumi.Input<string> | readonly pulumi.Input<string>[]>>;
  readonly Action: string | readonly string[];
  readonly Resource?: pulumi.Input<string> | readonly pulumi.Input<string>[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, pulumi.Input<string> | readonly pulumi.Input<string>[]>>>
  >;
}

/** Renders a policy for AWS. */
export function policy(...statements: readonly PolicyStatement[]): pulumi.Output<string> {
  const document: PolicyDocument = { Version: "2012-10-17", Statement: statements };
  return pulumi.jsonStringify(document);
}

/** The trust policy that lets one AWS service take a role. */
export function trust(service: string, condition?: PolicyStatement["Condition"]): pulumi.Output<string> {
  return policy({
    Sid: "ServiceTakesRole",
    Effect: "Allow",
    Principal: { Service: service },
    Action: "sts:AssumeRole",
    ...(condition === undefined ? {} : { Condition: condition }),
  });
}

/** The account and its region, for ARNs. */
export interface Place {
  readonly region: string;
  readonly accountId: pulumi.Input<string>;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  readonly partition: pulumi.Input<string>;
}

/** ARN of an Auto Scaling group that need not exist yet: AWS makes up one part of it, which no other group of that name can have. */
export function groupArn({ partition, region, accountId }: Place, name: string): pulumi.Output<string> {
  return pulumi.interpolate`arn:${partition}:autoscaling:${region}:${accountId}:autoScalingGroup:*:autoScalingGroupName/${name}`;
}

/** Throws one error for all faults of a component's plain arguments, before any resource exists. */
export function refuse(
  component: string,
  faults: readonly (readonly [property: string, wrong: boolean, reason: string])[],
): void {
  const errors = faults
    .filter(([, wrong]) => wrong)
    .map(([propertyPath, , reason]) => ({ propertyPath, reason }));
  if (errors.length === 0) return;
  const list = errors.map(({ propertyPath, reason }) => `${propertyPath} ${reason}`).join("; ");
  throw new pulumi.InputPropertiesError({ message: `${component}: ${list}`, errors });
}
