import { type Plan, runPlan } from "../../plan";
import { comparePlans } from "../../plan/against";
import { root } from "./support";

jest.setTimeout(300_000);

const planWith = (config: Record<string, string>): Promise<Plan> =>
  runPlan({ projectDir: root, stack: "prod", mode: "resolved", config });
const plans = (async () => ({
  base: await planWith({}),
  tagged: await planWith({ "wgc:tags": "Environment=prod,Owner=network" }),
  drained: await planWith({ "wgc:drainSeconds": "25" }),
  routed: await planWith({ "wgc:addressing": "routed", "wgc:backendPrefixes": "10.0.32.0/20" }),
  passive: await planWith({ "wgc:topology": "active-passive" }),
  smaller: await planWith({ "wgc:availabilityZoneCount": "2" }),
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
    ["wgc-server-policy", "wgc-servers-group", "wgc-servers-template"],
    ["wgc-servers-overlay-in", "wgc-servers-overlay-out", "wgc-servers-routed-1"],
  ],
  ["one active server", "passive", ["wgc-servers-group", "wgc-servers-template"], []],
] as const)(
  "switching to %s and back updates in place: storage, endpoint and keys stay as they are",
  async (_, to, updated, made) => {
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
    expect([named(base, other, "create"), named(base, other, "delete")]).toEqual([made, []]);
    expect([named(other, base, "create"), named(other, base, "delete")]).toEqual([[], made]);
  },
);

test("another agent is a new object beside the old one, and rolls the servers", async () => {
  const { base } = await plans;
  const hash = /agent\/([0-9a-f]{64})\.js/.exec(JSON.stringify(base.resources))?.[1] ?? "";
  const agent = JSON.parse(reEncoded(base, hash, "f".repeat(64))) as Plan;
  const { changes } = comparePlans(base, agent);
  const changed = changes.filter(({ action }) => action !== "same");
  expect(changed.map(({ name, action, notes }) => [name, action, notes])).toEqual([
    ["wgc-agent-object", "replace", ["the old one stays"]],
    ["wgc-servers-group", "update", ["servers are replaced one after the other"]],
    ["wgc-servers-template", "update", []],
  ]);
  expect(changed.filter(({ danger }) => danger !== undefined)).toEqual([]);
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

/** The plan with another text for one, in user data (base64) too. */
function reEncoded(plan: Plan, from: string, to: string): string {
  const resources = plan.resources.map(({ inputs, ...resource }) => {
    const userData = inputs["userData"];
    if (typeof userData !== "string") return { ...resource, inputs };
    const text = Buffer.from(userData, "base64").toString("utf8").replaceAll(from, to);
    return { ...resource, inputs: { ...inputs, userData: Buffer.from(text).toString("base64") } };
  });
  return JSON.stringify({ ...plan, resources }).replaceAll(from, to);
}
