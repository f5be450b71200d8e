import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Plan, runPlan } from "../../plan";
import { comparePlans } from "../../plan/against";
import { stackPlan } from "../support/plans";
import { root } from "./support";

jest.setTimeout(600_000);

const T = {
  accessPoint: "aws:efs/accessPoint:AccessPoint",
  balancer: "aws:lb/loadBalancer:LoadBalancer",
  eip: "aws:ec2/eip:Eip",
  fileSystem: "aws:efs/fileSystem:FileSystem",
  key: "aws:kms/key:Key",
  mountTarget: "aws:efs/mountTarget:MountTarget",
};
const planWith = (config: Record<string, string>): Promise<Plan> => stackPlan("prod", config);
const plans = (async () => ({
  base: await planWith({}),
  tagged: await planWith({ "wgc:tags": "Environment=prod,Owner=network" }),
  drained: await planWith({ "wgc:drainSeconds": "25" }),
  routed: await planWith({ "wgc:addressing": "routed", "wgc:backendPrefixes": "10.0.32.0/20" }),
  passive: await planWith({ "wgc:topology": "active-passive" }),
  smaller: await planWith({ "wgc:availabilityZoneCount": "2" }),
  newerImage: await planWith({ "wgc:amiId": "ami-0fedcba9876543210" }),
  edited: await editedAgent(),
  dev: await stackPlan("dev"),
}))();

test("the table knows every type that the program makes", async () => {
  const { base } = await plans;
  const { counts, unknownTypes } = comparePlans(base, base);
  expect({ ...counts, same: 0 }).toEqual({ create: 0, update: 0, replace: 0, delete: 0, same: 0 });
  expect(unknownTypes).toEqual([]);
});

test("other user data rolls the servers and replaces nothing", async () => {
  const { base, drained } = await plans;
  const { changes, counts } = comparePlans(base, drained);
  expect(counts).toMatchObject({ create: 0, update: 2, replace: 0, delete: 0 });
  expect(
    changes
      .filter(({ action }) => action !== "same")
      .map(({ name, changes, rolls }) => [name, changes.map(({ path }) => path), rolls]),
  ).toEqual([
    ["wgc-servers-group", ["launchTemplate.version"], true],
    ["wgc-servers-template", ["userData"], false],
  ]);
});

test.each([
  [
    "routed addressing",
    "routed",
    ["wgc-monitoring-dashboard", "wgc-server-policy", "wgc-servers-group", "wgc-servers-template"],
    [
      "wgc-monitoring-routes-away",
      "wgc-servers-overlay-in",
      "wgc-servers-overlay-out",
      "wgc-servers-routed-1",
    ],
    [],
  ],
  ["one active server", "passive", ["wgc-servers-group", "wgc-servers-template"], [], []],
] as const)(
  "switching to %s and back updates in place: storage, endpoint and keys stay as they are",
  async (_, to, updated, made, gone) => {
    const { base, [to]: other } = await plans;
    const named = (from: Plan, into: Plan, wanted: string) =>
      comparePlans(from, into)
        .changes.filter(({ action }) => action === wanted)
        .map(({ name }) => name)
        .sort();
    for (const [from, into] of [
      [base, other],
      [other, base],
    ] as const) {
      expect(named(from, into, "update")).toEqual(updated);
      expect(named(from, into, "replace")).toEqual([]);
      expect(comparePlans(from, into).changes.filter(({ danger }) => danger !== undefined)).toEqual([]);
    }
    expect([named(base, other, "create"), named(base, other, "delete")]).toEqual([made, gone]);
    expect([named(other, base, "create"), named(other, base, "delete")]).toEqual([gone, made]);
  },
);
/** The project with one more line in the agent, as after an edit. */
async function editedAgent(): Promise<Plan> {
  const copy = mkdtempSync(join(tmpdir(), "wgc-edited-"));
  try {
    const sources = [
      "agent",
      "components",
      "config",
      "control",
      "monitoring",
      "registry",
      "userdata",
      "wireguard",
    ];
    const files = ["index.ts", "package.json", "tsconfig.json", "Pulumi.yaml", "Pulumi.prod.yaml"];
    for (const part of [...sources, ...files])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    appendFileSync(join(copy, "agent", "main.ts"), 'process.title = "edited";\n');
    return await runPlan({ projectDir: copy, stack: "prod", mode: "resolved", config: {} });
  } finally {
    rmSync(copy, { recursive: true });
  }
}

test("another agent is a new object beside the old one, and rolls the servers", async () => {
  const { base, edited } = await plans;
  const { changes } = comparePlans(base, edited);
  const changed = changes.filter(({ action }) => action !== "same");
  expect(changed.map(({ name, action, notes }) => [name, action, notes])).toEqual([
    ["wgc-agent-object", "replace", ["the old one stays"]],
    ["wgc-servers-group", "update", ["servers are replaced one after the other"]],
    ["wgc-servers-template", "update", []],
  ]);
  expect(changed.filter(({ danger }) => danger !== undefined)).toEqual([]);
});

test("the image is one that the deployment looked up, by its id; a newer one rolls the servers", async () => {
  const { base, newerImage } = await plans;
  const template = base.resources.find(({ name }) => name === "wgc-servers-template");
  expect(template?.inputs["imageId"]).toBe("ami-0123456789abcdef0");
  const changed = comparePlans(base, newerImage).changes.filter(({ action }) => action !== "same");
  expect(changed.map(({ name, changes, rolls }) => [name, changes.map(({ path }) => path), rolls])).toEqual([
    ["wgc-servers-group", ["launchTemplate.version"], true],
    ["wgc-servers-template", ["imageId"], false],
  ]);
});

test("what deploys again unchanged has nothing to roll: a refresh skips servers that match", async () => {
  const { base } = await plans;
  const group = base.resources.find(({ name }) => name === "wgc-servers-group");
  expect(group?.inputs["instanceRefresh"]).toMatchObject({
    preferences: { skipMatching: true, minHealthyPercentage: 100, autoRollback: true },
  });
  expect(comparePlans(base, base).changes.filter(({ rolls }) => rolls)).toEqual([]);
});

test("every resource that cannot be had again is protected in prod, and none of them in dev", async () => {
  const { base, dev } = await plans;
  const kinds = [T.fileSystem, T.key, T.eip, T.mountTarget, T.accessPoint, T.balancer];
  const unprotected = (plan: Plan) =>
    plan.resources.filter(({ type, protect }) => kinds.includes(type) && !protect);
  expect(unprotected(base)).toEqual([]);
  const found = new Set(base.resources.map(({ type }) => type));
  expect(kinds.filter((type) => !found.has(type))).toEqual([]);
  expect(dev.resources.filter(({ protect }) => protect)).toEqual([]);
});

test("one zone less would take an address from the clients", async () => {
  const { base, smaller } = await plans;
  const dangers = comparePlans(base, smaller).changes.filter(({ danger }) => danger !== undefined);
  expect(dangers.map(({ name, action }) => `${name} ${action}`)).toEqual([
    "wgc-endpoint-ip-3 delete",
    "wgc-endpoint-nlb replace",
    "wgc-storage-mount-3 delete",
  ]);
});

test("another tag updates in place and rolls nothing", async () => {
  const { base, tagged } = await plans;
  const { changes, counts } = comparePlans(base, tagged);
  expect(counts).toMatchObject({ create: 0, replace: 0, delete: 0 });
  expect(counts.update).toBeGreaterThan(40);
  expect(changes.filter(({ rolls }) => rolls)).toEqual([]);
});
