import fc from "fast-check";
import type { Json, JsonObject, Plan, PlannedResource } from "../../plan";
import { type Comparison, comparePlans, type ResourceChange } from "../../plan/against";
import { isDangerous, renderComparison } from "../../plan/against-view";

const T = {
  eip: "aws:ec2/eip:Eip",
  fileSystem: "aws:efs/fileSystem:FileSystem",
  group: "aws:autoscaling/group:Group",
  key: "aws:kms/key:Key",
  balancer: "aws:lb/loadBalancer:LoadBalancer",
  mount: "aws:efs/mountTarget:MountTarget",
  template: "aws:ec2/launchTemplate:LaunchTemplate",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  object: "aws:s3/bucketObjectv2:BucketObjectv2",
} as const;

type Given = Partial<Omit<PlannedResource, "propertyDependencies">> & {
  type: string;
  name: string;
  inputs?: JsonObject;
  from?: Record<string, string>;
};

const urnOf = (type: string, name: string): string => `urn:pulumi:dev::wgc::${type}::${name}`;

function planOf(...given: Given[]): Plan {
  const types = new Map(given.map(({ name, type }) => [name, type]));
  return {
    project: "wgc",
    stack: "dev",
    mode: "resolved",
    region: "us-east-1",
    outputs: {},
    diagnostics: [],
    resources: given.map(({ from = {}, inputs = {}, ...rest }) => ({
      urn: urnOf(rest.type, rest.name),
      parent: null,
      custom: true,
      external: false,
      id: `${rest.name}-id`,
      inputs,
      outputs: inputs,
      dependencies: [],
      propertyDependencies: Object.fromEntries(
        Object.entries(from).map(([property, name]) => [property, [urnOf(types.get(name) ?? "", name)]]),
      ),
      protect: false,
      retainOnDelete: false,
      ignoreChanges: [],
      replaceOnChanges: [],
      aliases: [],
      provider: "",
      ...rest,
    })),
  };
}

const actions = ({ changes }: Comparison): string[] => changes.map(({ name, action }) => `${name} ${action}`);
const change = ({ changes }: Comparison, name: string): ResourceChange => {
  const found = changes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no change of ${name}`);
  return found;
};
const paths = (one: ResourceChange): string[] => one.changes.map(({ path }) => path);
const json = fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== undefined) as fc.Arbitrary<Json>;

test("a plan compared with itself, or with its lists that are sets in another order, has no changes", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1 }), json),
      fc.uniqueArray(fc.string()),
      (inputs, groups) => {
        const one = planOf({
          type: T.group,
          name: "group",
          inputs: { ...inputs, vpcZoneIdentifiers: groups },
        });
        const other = planOf({
          type: T.group,
          name: "group",
          inputs: { ...inputs, vpcZoneIdentifiers: [...groups].reverse() },
        });
        expect(comparePlans(one, one).counts).toEqual({
          create: 0,
          update: 0,
          replace: 0,
          delete: 0,
          same: 1,
        });
        expect(comparePlans(one, other).counts.same).toBe(1);
      },
    ),
  );
});

test("create, update, replace and delete, each with what changed", () => {
  const before = planOf(
    { type: T.eip, name: "gone" },
    { type: T.fileSystem, name: "efs", inputs: { encrypted: false, throughputMode: "bursting" } },
    { type: T.group, name: "group", inputs: { minSize: 2, tags: [{ key: "a", value: "1" }] } },
  );
  const after = planOf(
    { type: T.eip, name: "new" },
    { type: T.fileSystem, name: "efs", inputs: { encrypted: true, throughputMode: "elastic" } },
    { type: T.group, name: "group", inputs: { minSize: 3, tags: [{ key: "a", value: "2" }] } },
  );
  const compared = comparePlans(before, after);
  expect(actions(compared)).toEqual(["group update", "gone delete", "new create", "efs replace"]);
  expect(change(compared, "group").changes).toEqual([
    { path: "minSize", before: 2, after: 3 },
    { path: "tags", before: [{ key: "a", value: "1" }], after: [{ key: "a", value: "2" }] },
  ]);
  expect(paths(change(compared, "efs"))).toEqual(["encrypted", "throughputMode"]);
  expect(change(compared, "efs").replacedBy).toEqual(["encrypted"]);
  expect(compared.counts).toEqual({ create: 1, update: 1, replace: 1, delete: 1, same: 0 });
});

test("a replaced key replaces the file system and its mount targets; each of them is a danger", () => {
  const plan = (keyUsage: string): Plan =>
    planOf(
      { type: T.mount, name: "mount", inputs: { fileSystemId: "efs-id" }, from: { fileSystemId: "efs" } },
      {
        type: T.fileSystem,
        name: "efs",
        inputs: { kmsKeyId: "key-id" },
        from: { kmsKeyId: "key" },
        protect: true,
      },
      { type: T.key, name: "key", inputs: { keyUsage } },
    );
  const compared = comparePlans(plan("ENCRYPT_DECRYPT"), plan("SIGN_VERIFY"));
  expect(actions(compared)).toEqual(["efs replace", "mount replace", "key replace"]);
  expect(compared.changes.map(({ danger }) => danger === undefined)).toEqual([false, false, false]);
  expect(change(compared, "efs").notes).toEqual(["Pulumi refuses: the resource is protected"]);
  expect(isDangerous(compared)).toBe(true);
  const text = renderComparison(compared, "old.json", true);
  expect(text).toContain(
    "[31mWARNING: efs.FileSystem efs would be replaced: the registry, all clients and the server's key pair are in it",
  );
});

test("what only gets bigger or smaller: a load balancer takes one more zone and refuses to lose one", () => {
  const balancer = (zones: string[], groups: string[]): Plan =>
    planOf({
      type: T.balancer,
      name: "nlb",
      inputs: { subnetMappings: zones.map((subnetId) => ({ subnetId })), securityGroups: groups },
    });
  const action = (before: Plan, after: Plan): string | undefined =>
    comparePlans(before, after).changes[0]?.action;
  expect(action(balancer(["a", "b"], ["g"]), balancer(["a", "b", "c"], ["g"]))).toBe("update");
  expect(action(balancer(["a", "b", "c"], ["g"]), balancer(["c", "a"], ["g"]))).toBe("replace");
  expect(action(balancer(["a", "b"], ["g"]), balancer(["a", "b"], ["h"]))).toBe("update");
  expect(action(balancer(["a", "b"], []), balancer(["a", "b"], ["h"]))).toBe("replace");
  expect(action(balancer(["a", "b"], ["g"]), balancer(["b", "a"], []))).toBe("replace");
});

test("a lost address is a danger where clients know it, and not where it is a NAT gateway's", () => {
  const balancer = { type: T.balancer, name: "nlb", from: { subnetMappings: "front" } };
  const before = planOf({ type: T.eip, name: "front" }, { type: T.eip, name: "nat" }, balancer);
  const { changes } = comparePlans(before, planOf({ ...balancer, from: {} }));
  expect(changes.map(({ name, action, danger }) => [name, action, danger])).toEqual([
    ["front", "delete", "clients know this address"],
    ["nat", "delete", undefined],
    ["nlb", "same", undefined],
  ]);
});

test("the record of operators' sessions is a danger to lose, another log is not", () => {
  const logs = "aws:cloudwatch/logGroup:LogGroup";
  const before = planOf({ type: logs, name: "wgc-sessions-log" }, { type: logs, name: "wgc-flow-log" });
  const { changes } = comparePlans(before, planOf());
  expect(changes.map(({ name, danger }) => [name, danger])).toEqual([
    ["wgc-flow-log", undefined],
    ["wgc-sessions-log", "it is the record of what operators did on servers"],
  ]);
});

describe("servers are rolled", () => {
  const servers = (template: JsonObject, group: JsonObject = {}): Plan =>
    planOf(
      {
        type: T.group,
        name: "group",
        inputs: {
          launchTemplate: { id: "template-id", version: "1" },
          instanceRefresh: { strategy: "Rolling" },
          ...group,
        },
        from: { launchTemplate: "template" },
      },
      { type: T.template, name: "template", inputs: template },
    );
  const base = servers({ userData: "YQ==", tags: { Owner: "a" } });

  test("by a new version of their launch template, and nothing is replaced", () => {
    const compared = comparePlans(base, servers({ userData: "Yg==", tags: { Owner: "a" } }));
    expect(actions(compared)).toEqual(["group update", "template update"]);
    expect(change(compared, "template").changes).toEqual([{ path: "userData", before: "a", after: "b" }]);
    expect(paths(change(compared, "group"))).toEqual(["launchTemplate.version"]);
    expect(compared.changes.map(({ rolls }) => rolls)).toEqual([true, false]);
    expect(renderComparison(compared, "x")).toContain("servers: replaced one after the other (group)\n");
  });

  test("by a new version of a template that a mix of instance types names", () => {
    const mixed = (userData: string, version: string): Plan =>
      planOf(
        {
          type: T.group,
          name: "group",
          inputs: {
            instanceRefresh: { strategy: "Rolling" },
            mixedInstancesPolicy: {
              launchTemplate: { launchTemplateSpecification: { launchTemplateId: "template-id", version } },
            },
          },
          from: { mixedInstancesPolicy: "template" },
        },
        { type: T.template, name: "template", inputs: { userData } },
      );
    const pinned = change(comparePlans(mixed("YQ==", "1"), mixed("Yg==", "1")), "group");
    expect([pinned.rolls, paths(pinned)]).toEqual([
      true,
      ["mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.version"],
    ]);
    const latest = comparePlans(mixed("YQ==", "$Latest"), mixed("Yg==", "$Latest"));
    expect(latest.changes.some(({ rolls }) => rolls)).toBe(false);
  });

  test("not by the template's own tags, by the group's size, nor by a group that follows $Latest", () => {
    const rolls = (before: Plan, after: Plan): boolean =>
      comparePlans(before, after).changes.some((one) => one.rolls);
    expect(rolls(base, servers({ userData: "YQ==", tags: { Owner: "b" } }))).toBe(false);
    expect(rolls(base, servers({ userData: "YQ==", tags: { Owner: "a" } }, { minSize: 3 }))).toBe(false);
    const latest = { launchTemplate: { id: "template-id", version: "$Latest" } };
    expect(rolls(servers({ userData: "YQ==" }, latest), servers({ userData: "Yg==" }, latest))).toBe(false);
  });

  test("by whatever the group names as a trigger", () => {
    const refresh = { instanceRefresh: { strategy: "Rolling", triggers: ["tag"] } };
    const tagged = (value: string) =>
      servers({ userData: "YQ==" }, { ...refresh, tags: [{ key: "k", value, propagateAtLaunch: true }] });
    expect(change(comparePlans(tagged("1"), tagged("2")), "group").rolls).toBe(true);
  });
});

describe("noise", () => {
  test("made-up ids and generated names of another version of this program are no change", () => {
    const plan = (digits: string): Plan =>
      planOf(
        { type: T.group, name: "group", inputs: { name: `group-${digits}` }, id: `group-${digits}` },
        { type: T.fileSystem, name: "efs", id: `fs-${digits}aaaa` },
        {
          type: T.rolePolicy,
          name: "policy",
          inputs: { policy: `{"Statement":[{"Resource":"arn:aws:x/fs-${digits}aaaa"}]}` },
        },
      );
    expect(comparePlans(plan("1234567"), plan("89abcde")).counts.same).toBe(3);
  });

  test("an id that begins like another one is not mistaken for it", () => {
    const plan = (one: string, other: string): Plan =>
      planOf(
        { type: T.key, name: "one", id: one },
        { type: T.key, name: "other", id: other },
        { type: T.fileSystem, name: "efs", inputs: { kmsKeyId: other } },
      );
    expect(comparePlans(plan("key-aaaa", "key-aaaabb"), plan("key-cccc", "key-dddd")).counts.same).toBe(3);
  });

  test("a name that the program gives is a change", () => {
    const plan = (name: string): Plan => planOf({ type: T.group, name: "group", inputs: { name }, id: name });
    expect(actions(comparePlans(plan("mine-1"), plan("mine-2")))).toEqual(["group replace"]);
  });

  test("the order of lists in a policy is none; of another list it is", () => {
    const policy = (...actions: string[]): Plan =>
      planOf({
        type: T.rolePolicy,
        name: "policy",
        inputs: { policy: JSON.stringify({ Statement: [{ Action: actions }] }) },
      });
    expect(comparePlans(policy("a:B", "a:C"), policy("a:C", "a:B")).counts.same).toBe(1);
    expect(comparePlans(policy("a:B"), policy("a:C")).counts.update).toBe(1);
    const ordered = (...list: string[]): Plan =>
      planOf({ type: T.group, name: "group", inputs: { terminationPolicies: list } });
    expect(comparePlans(ordered("a", "b"), ordered("b", "a")).counts.update).toBe(1);
  });

  test("statements with names are compared by name: one that is gone is no change of those behind it", () => {
    const policy = (...statements: JsonObject[]): Plan =>
      planOf({
        type: T.rolePolicy,
        name: "policy",
        inputs: { policy: JSON.stringify({ Statement: statements }) },
      });
    const named = (Sid: string): JsonObject => ({ Sid, Action: `s3:${Sid}` });
    const [a, b, c] = [named("A"), named("B"), named("C")];
    const paths = (before: Plan, after: Plan) => change(comparePlans(before, after), "policy").changes;
    expect(paths(policy(a, b, c), policy(b, { ...c, Action: "s3:D" }))).toEqual([
      { path: "policy.Statement[A]", before: a, after: undefined },
      { path: "policy.Statement[C].Action", before: "s3:C", after: "s3:D" },
    ]);
    expect(paths(policy(b), policy(b, c))).toEqual([
      { path: "policy.Statement[C]", before: undefined, after: c },
    ]);
    // Without names, or with one twice, only their order is left.
    const nameless = paths(policy(a, { Action: "s3:Z" }), policy(a, { Action: "s3:Y" }));
    expect(nameless.map(({ path }) => path)).toEqual(["policy.Statement[1].Action"]);
  });

  test("a file counts by its content, and what Pulumi ignores is ignored", () => {
    const file = (path: string, sha256: string): Plan =>
      planOf({ type: T.object, name: "object", inputs: { source: { $asset: { path, sha256 } } } });
    expect(comparePlans(file("a", "1"), file("b", "1")).counts.same).toBe(1);
    expect(comparePlans(file("a", "1"), file("a", "2")).counts.update).toBe(1);
    const size = (desiredCapacity: number): Plan =>
      planOf({
        type: T.group,
        name: "group",
        inputs: { desiredCapacity },
        ignoreChanges: ["desiredCapacity"],
      });
    expect(comparePlans(size(2), size(3)).counts.same).toBe(1);
  });
});

test("an alias is the same resource under another name", () => {
  const before = planOf({ type: T.eip, name: "old", inputs: { domain: "vpc" } });
  const aliases = [{ spec: { name: "old", type: "", stack: "", project: "", parenturn: "" } }];
  const after = planOf({ type: T.eip, name: "new", inputs: { domain: "vpc" }, aliases });
  expect(actions(comparePlans(before, after))).toEqual(["new same"]);
});

test("an object that stays in AWS when it is replaced is no danger, and a type without an entry is named", () => {
  const object = (key: string): Plan =>
    planOf(
      { type: T.object, name: "agent", inputs: { key }, retainOnDelete: true },
      { type: "aws:x/y:Z", name: "odd" },
    );
  const compared = comparePlans(object("a"), object("b"));
  expect(change(compared, "agent")).toMatchObject({ action: "replace", notes: ["the old one stays"] });
  const kept = planOf({ type: T.key, name: "key", retainOnDelete: true });
  expect(comparePlans(kept, planOf()).changes[0]).toMatchObject({
    action: "delete",
    notes: ["it stays in AWS"],
  });
  expect([compared, comparePlans(kept, planOf())].map(isDangerous)).toEqual([false, false]);
  expect(compared.unknownTypes).toEqual(["aws:x/y:Z"]);
});

test("resources to which the same happens are one paragraph", () => {
  const plan = (owner: string): Plan =>
    planOf(
      ...["one", "two", "three"].map((name) => ({ type: T.eip, name, inputs: { tags: { Owner: owner } } })),
    );
  expect(renderComparison(comparePlans(plan("a"), plan("b")), "old.json")).toBe(
    [
      "wgc / dev  against old.json",
      "~ update  3 resources: one, three, two",
      "            tags.Owner: a → b",
      "",
      "0 to create, 3 to update, 0 to replace, 0 to delete, 0 the same",
      "servers: none is replaced",
      "",
    ].join("\n"),
  );
});
