/** Fields of a foreign program's JSON, read without trusting any of it. */

/** The value as an object; undefined when it is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The value as a text that says something; undefined when it is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/** The texts of a list; a text with commas counts as a list. */
export function textsOf(value: unknown): string[] {
  const list = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [];
  return list.flatMap((item) => textOf(item) ?? []);
}

/** ISO 8601 with a zone, or a day: `Date.parse` also takes what people read in two ways, like 01/02/2027. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** A point in time as the registry writes it; undefined when the text is none. */
export function timeOf(value: unknown): string | undefined {
  const text = textOf(value) ?? "";
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** Whether a field says anything at all. */
function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && !(typeof value === "string" && value.trim() === "");
}

/**
 * Why the end of a client's access cannot be told from its fields; undefined where it can. What is there and not understood must not
 * pass for "no end": that would be access that nobody has given.
 */
export function accessProblem(
  fields: Readonly<Record<string, unknown>>,
  end: string,
  flag: string,
): string | undefined {
  if (isSaid(fields[end]) && timeOf(fields[end]) === undefined)
    return `${end} is not understood: it is no time like 2027-01-31T00:00:00Z`;
  if (isSaid(fields[flag]) && typeof fields[flag] !== "boolean")
    return `${flag} is not understood: it is neither true nor false`;
  return undefined;
}

/** Parses JSON; undefined when the text is none. The parser's own message is not used: it repeats a piece of the text. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}
