/** Pulumi's name for a resource: `urn:pulumi:<stack>::<project>::<types of its ancestors and its own>::<name>`. */
export function makeUrn(
  place: { stack: string; project: string },
  type: string,
  name: string,
  parent: string,
): string {
  const parentTypes = parent.split("::")[2] ?? "";
  // The stack's own type is left out of its children's URNs (Pulumi documentation, "Resource names", URN).
  const chain = parentTypes === "" || parentTypes === STACK_TYPE ? "" : `${parentTypes}$`;
  return `urn:pulumi:${place.stack}::${place.project}::${chain}${type}::${name}`;
}

export const STACK_TYPE = "pulumi:pulumi:Stack";

/** A resource as a person would call it: its type and name, or "the stack". */
export function label(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return urn === "" || types === STACK_TYPE ? "the stack" : `${types.split("$").at(-1)} "${name}"`;
}
