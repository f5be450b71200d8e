import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";

/** One resource that a program made, with what the engine is told about it. */
export interface Made {
  readonly type: string;
  readonly name: string;
  // Inputs are whatever the program passes; tests compare them whole.
  // biome-ignore lint/suspicious/noExplicitAny: the inputs of any resource
  readonly inputs: any;
  readonly parent: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly dependencies: readonly string[];
}

/** Public and private ones of four zones, the zone's number in the id. */
const SUBNETS = [1, 2, 3, 4].flatMap((number) =>
  ["pub", "priv"].map((kind) => ({ id: `${kind}-${number}`, zone: `eu-central-1${"abcd"[number - 1]}` })),
);

const PROVIDED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "awsx:ec2:Vpc": {
    vpcId: "vpc-1",
    publicSubnetIds: ["pub-1", "pub-2", "pub-3", "pub-4"],
    privateSubnetIds: ["priv-1", "priv-2", "priv-3", "priv-4"],
    routeTables: [{ id: "rtb-1" }, { id: "rtb-2" }, { id: "rtb-3" }, { id: "rtb-4" }],
    subnets: SUBNETS.map(({ id, zone }) => ({ id, availabilityZone: zone })),
    routeTableAssociations: SUBNETS.map(({ id }) => ({ subnetId: id, routeTableId: `rtb-of-${id}` })),
  },
  "aws:lb/loadBalancer:LoadBalancer": { dnsName: "nlb.example.net", zoneId: "ZNLB" },
  "aws:ec2/eip:Eip": { publicIp: "192.0.2.1", allocationId: "eipalloc-1" },
  "aws:ec2/launchTemplate:LaunchTemplate": { latestVersion: 7 },
  "random:index/randomId:RandomId": { hex: "0badcafe" },
  "aws:kms/key:Key": { keyId: "key-1" },
  "aws:efs/mountTarget:MountTarget": { availabilityZoneName: "zone-of-the-mount-target" },
  "aws:lambda/invocation:Invocation": {
    result: JSON.stringify({
      version: 1,
      ok: true,
      operation: "init",
      result: { publicKey: "the public key" },
    }),
  },
};

const CALLS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "aws:index/getCallerIdentity:getCallerIdentity": {
    accountId: "123456789012",
    arn: "arn:aws-cn:iam::123456789012:user/deployer",
  },
  "aws:ssm/getParameter:getParameter": { value: "ami-0123456789abcdef0" },
  "aws:route53/getZone:getZone": { zoneId: "ZEXAMPLE" },
};

/** Answers to look-ups by their token: the answer, or what makes it from the question. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments of any look-up
type Answer = Readonly<Record<string, unknown>> | ((inputs: any) => Record<string, unknown>);
type Calls = Readonly<Record<string, Answer>>;

/** A resource's ARN in a test. */
export const arn = (name: string): string => `arn:test:${name}`;

/**
 * Runs a program with a stand-in for every resource and returns what it made, sorted by name. Rejects when the program
 * fails, when one name is used twice for a type, or when it looks up something that has no stand-in.
 */
export async function make(program: () => void, preview = false, calls: Calls = {}): Promise<Made[]> {
  const made: Made[] = [];
  // Parents, protection and dependencies are part of the registration, which mocks are not shown.
  const register = MockMonitor.prototype.registerResource;
  const spy = jest.spyOn(MockMonitor.prototype, "registerResource").mockImplementation(async function (
    this: MockMonitor,
    request,
    callback,
  ) {
    made.push({
      type: request.getType(),
      name: request.getName(),
      inputs: pulumi.runtime.deserializeProperties(request.getObject()),
      parent: nameOf(request.getParent()),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      ignoreChanges: request.getIgnorechangesList().map(String),
      dependencies: namesOf(request.getDependenciesList()),
    });
    return register.call(this, request, callback);
  });
  try {
    await pulumi.runtime.setMocks(
      { newResource: standIn, call: (asked) => answer(asked, calls) },
      "wgc",
      "test",
      preview,
    );
    program();
    await pulumi.runtime.disconnect();
  } finally {
    spy.mockRestore();
  }
  const identities = made.map(({ type, name }) => `${type} ${name}`);
  const twice = identities.filter((identity, index) => identities.indexOf(identity) !== index);
  if (twice.length > 0) throw new Error(`made twice: ${twice.join(", ")}`);
  return made.sort((a, b) => a.name.localeCompare(b.name));
}

function standIn({ type, name, inputs }: pulumi.runtime.MockResourceArgs): pulumi.runtime.MockResourceResult {
  return { id: `${name}-id`, state: { name, ...inputs, arn: arn(name), ...PROVIDED[type] } };
}

function answer({ token, inputs }: pulumi.runtime.MockCallArgs, calls: Calls): Record<string, unknown> {
  const given = calls[token] ?? CALLS[token];
  const known = typeof given === "function" ? given(inputs) : given;
  if (known === undefined) throw new Error(`the test has no answer for ${token}`);
  return { ...known };
}

function namesOf(urns: readonly string[]): string[] {
  return [...new Set(urns.map(nameOf))].sort();
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

/** The only resource of a type (and name, where there are several). */
export function only(made: readonly Made[], type: string, name?: string): Made {
  const found = made.filter((one) => one.type === type && (name === undefined || one.name === name));
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`expected one ${type} ${name ?? ""}, found ${found.length}`);
  return first;
}

/** All resources of a type. */
export function all(made: readonly Made[], type: string): Made[] {
  return made.filter((one) => one.type === type);
}

/** How many resources of each type there are, components and the stack aside. */
export function census(made: readonly Made[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of made) {
    if (!type.startsWith("wgc:") && !type.startsWith("pulumi:")) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

/** A policy document that a resource was given as text. */
// biome-ignore lint/suspicious/noExplicitAny: documents are compared whole
export function document(text: unknown): any {
  return JSON.parse(String(text));
}
