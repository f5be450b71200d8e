import type {
  Policies,
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";

/** A resource of a made-up stack, as far as rules look at one. */
export interface Given {
  readonly type: string;
  readonly name?: string;
  readonly props?: Record<string, unknown>;
  readonly protect?: boolean;
  readonly stack?: string;
  /** Which property came from which resource, by name. */
  readonly from?: Readonly<Record<string, string>>;
}

export type Rule = Policies[number];

/** What a rule says about a stack of these resources: `name: message`, in the order of the resources. */
export async function judge(rule: Rule, given: readonly Given[]): Promise<string[]> {
  const resources = given.map(resourceOf);
  for (const [index, { from = {} }] of given.entries())
    for (const [property, name] of Object.entries(from)) {
      const source = resources.find((resource) => resource.name === name);
      if (source === undefined) throw new Error(`no resource is called ${name}`);
      const { propertyDependencies = {} } = resources[index] ?? {};
      propertyDependencies[property] = [source];
    }
  const said: string[] = [];
  const nameOf = (urn: string | undefined): string =>
    resources.find((one) => one.urn === urn)?.name ?? "stack";
  if (isStackRule(rule)) {
    await rule.validateStack({ ...shared, resources }, (message, urn) =>
      said.push(`${nameOf(urn)}: ${message}`),
    );
    return said;
  }
  const check = rule.validateResource;
  if (check === undefined || Array.isArray(check)) throw new Error(`${rule.name} has not exactly one check`);
  for (const resource of resources)
    await check(argumentsOf(resource), (message) => said.push(`${resource.name}: ${message}`));
  return said;
}

const shared = {
  stackTags: new Map<string, string>(),
  getConfig: <T extends object>(): T => ({}) as T,
  notApplicable: (): never => {
    throw new Error("not applicable");
  },
};

function isStackRule(rule: Rule): rule is StackValidationPolicy {
  return "validateStack" in rule && !("validateResource" in (rule as Partial<ResourceValidationPolicy>));
}

function resourceOf({
  type,
  name = "it",
  props = {},
  protect = false,
  stack = "prod",
}: Given): PolicyResource {
  return {
    type,
    name,
    props,
    urn: `urn:pulumi:${stack}::wgc::${type}::${name}`,
    opts: {
      protect,
      ignoreChanges: [],
      aliases: [],
      additionalSecretOutputs: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
    },
    dependencies: [],
    propertyDependencies: {},
    isType: () => false,
    asType: () => undefined,
  };
}

function argumentsOf({ type, name, props, urn, opts }: PolicyResource): ResourceValidationArgs {
  return { ...shared, type, name, props, urn, opts, isType: () => false, asType: () => undefined };
}
