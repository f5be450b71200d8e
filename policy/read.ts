/**
 * Readers of resource properties, which are whatever a provider's plugin says they are. What is absent or of another kind is
 * `undefined`; what is unknown during a preview throws inside Pulumi's own proxy, which makes the rule "could not be evaluated".
 */
export function field(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

/** A text, or a number or flag as the text that AWS would get: providers take `"true"` as well as `true`. */
export function text(value: unknown, key: string): string | undefined {
  const found = field(value, key);
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean"
    ? String(found)
    : undefined;
}

export function number(value: unknown, key: string): number | undefined {
  const found = text(value, key);
  return found === undefined || found.trim() === "" || Number.isNaN(Number(found))
    ? undefined
    : Number(found);
}

export function isOn(value: unknown, key: string): boolean {
  return text(value, key) === "true";
}

/** The elements of a list; one thing that stands alone is a list of one, as blocks of Terraform are. */
export function list(value: unknown, key: string): readonly unknown[] {
  const found = field(value, key);
  if (found === undefined || found === null) return [];
  return Array.isArray(found) ? found : [found];
}

export function texts(value: unknown, key: string): string[] {
  return list(value, key).filter((element) => typeof element === "string");
}
