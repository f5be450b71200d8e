import { comparable, differences, type PropertyChange, sorted } from "./against-values";
import { objects, types } from "./lookup";
import type { Condition } from "./replace-entry";
import { replaceTable, stateful, statefulNamed } from "./replace-table";
import type { Json, JsonObject, Plan, PlannedResource } from "./types";
import { makeUrn } from "./urn";

export type Action = "create" | "update" | "replace" | "delete" | "same";

/** What a deployment of the newer plan would do to one resource. */
export interface ResourceChange {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly action: Action;
  readonly changes: readonly PropertyChange[];
  /** Properties because of which it is replaced; the paths are those of {@link changes}. */
  readonly replacedBy: readonly string[];
  /** Things worth knowing: servers are rolled, the old one stays, Pulumi refuses. */
  readonly notes: readonly string[];
  /** Set when something is lost that cannot be had again. */
  readonly danger?: string;
  /** True for a group whose servers are replaced one after the other. */
  readonly rolls: boolean;
}

export interface Comparison {
  readonly project: string;
  readonly stack: string;
  readonly counts: Readonly<Record<Action, number>>;
  readonly changes: readonly ResourceChange[];
  /** Types that the replace table does not know; their changes are shown as updates. */
  readonly unknownTypes: readonly string[];
}

/** Inputs of a launch template whose change makes no new version (aws_launch_template, `resourceLaunchTemplateUpdate`). */
const NO_NEW_VERSION = new Set([
  "defaultVersion",
  "name",
  "namePrefix",
  "region",
  "tags",
  "updateDefaultVersion",
]);
/** Where a group names the version of its launch template. */
const VERSIONS: Readonly<Record<string, string>> = {
  launchTemplate: "launchTemplate.version",
  mixedInstancesPolicy: "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.version",
};
/** What starts an instance refresh whatever `triggers` says (aws_autoscaling_group, `instance_refresh`). */
const REFRESHES = ["launchConfiguration", "launchTemplate", "mixedInstancesPolicy"] as const;

/**
 * Compares two plans of one stack: what a deployment of `after` would do where `before` is deployed.
 * INVARIANTS: resources are taken in the order of their dependencies, so that what a replaced one does to others is known when
 * they are looked at; a plan compared with itself is all "same".
 */
export function comparePlans(before: Plan, after: Plan): Comparison {
  const old = new Map(managed(before).map((resource) => [resource.urn, resource]));
  const was = comparable(before);
  const is = comparable(after);
  const done = new Map<string, ResourceChange>();
  for (const resource of inOrder(managed(after))) {
    const previous = formerUrns(resource).flatMap((urn) => old.get(urn) ?? [])[0];
    if (previous !== undefined) old.delete(previous.urn);
    const former = previous && { resource: previous, inputs: was(previous) };
    done.set(resource.urn, judge(former, { resource, inputs: is(resource) }, done));
  }
  for (const resource of old.values()) done.set(resource.urn, deleted(resource));
  const front = frontAddresses(before);
  const changes = [...done.values()]
    .map((change) => (change.type === types.eip && !front.has(change.urn) ? harmless(change) : change))
    .sort((a, b) => (a.urn < b.urn ? -1 : 1));
  const count = (action: Action): number => changes.filter((change) => change.action === action).length;
  return {
    project: after.project,
    stack: after.stack,
    counts: {
      create: count("create"),
      update: count("update"),
      replace: count("replace"),
      delete: count("delete"),
      same: count("same"),
    },
    changes,
    unknownTypes: [...new Set(changes.map(({ type }) => type))].filter((type) => !replaceTable[type]).sort(),
  };
}

/** The addresses that clients know: a NAT gateway's can be another one tomorrow. */
function frontAddresses(plan: Plan): Set<string> {
  const balancers = managed(plan).filter(({ type }) => type === types.loadBalancer);
  return new Set(
    balancers.flatMap(({ propertyDependencies }) => propertyDependencies["subnetMappings"] ?? []),
  );
}

function harmless({ danger: _, ...change }: ResourceChange): ResourceChange {
  return change;
}

function managed(plan: Plan): PlannedResource[] {
  return plan.resources.filter(
    ({ custom, external, type }) => custom && !external && !type.startsWith("pulumi:providers:"),
  );
}

/** Dependencies before what depends on them. */
function inOrder(resources: readonly PlannedResource[]): PlannedResource[] {
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  const done = new Set<PlannedResource>();
  const visit = (resource: PlannedResource): void => {
    if (done.has(resource)) return;
    done.add(resource);
    for (const urn of [...sources(resource), ...resource.dependencies]) {
      const dependency = byUrn.get(urn);
      if (dependency !== undefined) visit(dependency);
    }
    order.push(resource);
  };
  const order: PlannedResource[] = [];
  for (const resource of resources) visit(resource);
  return order;
}

function sources({ propertyDependencies }: PlannedResource): string[] {
  return Object.values(propertyDependencies).flat();
}

/** The URN that the resource has and those that it had, by its aliases. */
function formerUrns({ urn, type, name, parent, aliases }: PlannedResource): string[] {
  const [, , stack = ""] = urn.split(":");
  const project = urn.split("::")[1] ?? "";
  const text = (value: Json | undefined, fallback: string): string =>
    typeof value === "string" && value !== "" ? value : fallback;
  const former = objects([...aliases]).flatMap(({ urn: whole, spec }) => {
    if (typeof whole === "string" && whole !== "") return [whole];
    return objects(spec).map((part) =>
      makeUrn(
        { stack: text(part["stack"], stack), project: text(part["project"], project) },
        text(part["type"], type),
        text(part["name"], name),
        part["noparent"] === true ? "" : text(part["parenturn"], parent ?? ""),
      ),
    );
  });
  return [urn, ...former];
}

/** A resource and its inputs in comparable form. */
interface Side {
  readonly resource: PlannedResource;
  readonly inputs: JsonObject;
}

function judge(
  former: Side | undefined,
  now: Side,
  done: ReadonlyMap<string, ResourceChange>,
): ResourceChange {
  const after = now.resource;
  const { urn, type, name } = after;
  const base = { urn, type, name, replacedBy: [], notes: [], rolls: false };
  if (former === undefined) return { ...base, action: "create", changes: [] };
  const before = former.resource;
  const own = differences(former.inputs, now.inputs).filter(
    ({ path }) => !isIgnored(path, after.ignoreChanges),
  );
  const passedOn = inherited(after, own, done);
  const changes = [...own, ...passedOn];
  if (changes.length === 0) return { ...base, action: "same", changes };
  const replacedBy = [
    ...own.filter(({ path }) => replaces(former, now, path)),
    ...passedOn.filter(({ path }) => replacesWhenPassedOn(after, path)),
  ].map(({ path }) => path);
  const rolls = isRolled(after, changes);
  if (replacedBy.length === 0) {
    return {
      ...base,
      action: "update",
      changes,
      rolls,
      notes: rolls ? ["servers are replaced one after the other"] : [],
    };
  }
  const notes = [
    ...(after.retainOnDelete ? ["the old one stays"] : []),
    ...(before.protect ? ["Pulumi refuses: the resource is protected"] : []),
  ];
  return { ...base, action: "replace", changes, replacedBy, rolls, notes, ...dangerOf(before) };
}

function deleted(resource: PlannedResource): ResourceChange {
  const { urn, type, name } = resource;
  const notes = [
    ...(resource.retainOnDelete ? ["it stays in AWS"] : []),
    ...(resource.protect ? ["Pulumi refuses: the resource is protected"] : []),
  ];
  return {
    urn,
    type,
    name,
    action: "delete",
    changes: [],
    replacedBy: [],
    notes,
    rolls: false,
    ...dangerOf(resource),
  };
}

function dangerOf({ type, name, retainOnDelete }: PlannedResource): { danger?: string } {
  const danger = stateful[type] ?? statefulNamed[name];
  return danger === undefined || retainOnDelete ? {} : { danger };
}

/** Ignored paths are Pulumi's: a property, or a path into it. */
function isIgnored(path: string, ignored: readonly string[]): boolean {
  return ignored.some((one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`));
}

/** What others do to this resource: a replaced one has another id, and a launch template's update another version. */
function inherited(
  resource: PlannedResource,
  own: readonly PropertyChange[],
  done: ReadonlyMap<string, ResourceChange>,
): PropertyChange[] {
  return Object.entries(resource.propertyDependencies).flatMap(([property, urns]) => {
    const known = own.some(({ path }) => topOf(path) === property);
    if (known || isIgnored(property, resource.ignoreChanges)) return [];
    const causes = urns.flatMap((urn) => done.get(urn) ?? []);
    const replaced = causes.find(({ action }) => action === "replace");
    if (replaced !== undefined)
      return [{ path: property, before: `<${replaced.name}>`, after: `<the new ${replaced.name}>` }];
    const template = causes.find(makesVersion);
    const version = VERSIONS[property];
    const pinned = version !== undefined && !namesLatest(resource.inputs[property]);
    return template !== undefined && pinned
      ? [{ path: version, before: "as deployed", after: "the next one" }]
      : [];
  });
}

/** `$Latest` and `$Default` stay what they are, so nothing tells the group. */
function namesLatest(source: Json | undefined): boolean {
  return objects(source).some(
    ({ version, launchTemplate, launchTemplateSpecification }) =>
      (typeof version === "string" && version.startsWith("$")) ||
      namesLatest(launchTemplate) ||
      namesLatest(launchTemplateSpecification),
  );
}

function makesVersion({ type, action, changes }: ResourceChange): boolean {
  return (
    type === types.launchTemplate &&
    action === "update" &&
    changes.some(({ path }) => !NO_NEW_VERSION.has(topOf(path)))
  );
}

function isRolled({ type, inputs }: PlannedResource, changes: readonly PropertyChange[]): boolean {
  const [refresh] = objects(inputs["instanceRefresh"]);
  if (type !== types.group || refresh === undefined) return false;
  const triggers = Array.isArray(refresh["triggers"]) ? refresh["triggers"] : [];
  const properties = new Set<Json>([...REFRESHES, ...triggers]);
  // Terraform's name of the group's tags is "tag".
  if (properties.has("tag")) properties.add("tags");
  return changes.some(({ path }) => properties.has(topOf(path)));
}

function replaces(former: Side, now: Side, path: string): boolean {
  const property = topOf(path);
  const condition = replaceTable[now.resource.type]?.conditions?.[property];
  return (
    isListed(now.resource, path) ||
    (condition !== undefined && holds(condition, former.inputs[property], now.inputs[property]))
  );
}

/** A list with another id in it has lost an element. */
function replacesWhenPassedOn(resource: PlannedResource, path: string): boolean {
  return isListed(resource, path) || replaceTable[resource.type]?.conditions?.[topOf(path)] === "shrinks";
}

function isListed({ type, replaceOnChanges }: PlannedResource, path: string): boolean {
  const asked = replaceOnChanges.some((one) => one === "*" || isIgnored(path, [one]));
  return asked || replaceTable[type]?.replace.includes(topOf(path)) === true;
}

function holds(condition: Condition, before: Json | undefined, after: Json | undefined): boolean {
  const old = elements(before);
  const now = elements(after);
  if (condition === "empties") return (old.length === 0) !== (now.length === 0);
  return old.some((element) => !now.includes(element));
}

function elements(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(sorted) : [];
}

function topOf(path: string): string {
  return path.split(/[.[]/)[0] ?? path;
}
