import * as z from "zod";
import { canonical, parseRange } from "./cidr";

/** Pulumi hands every value of a stack over as text; these parsers turn one text into one typed value or say why not. */
type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** The type that `Pulumi.yaml` declares for a key. */
export type DeclaredType = "string" | "integer" | "boolean";

/** What a person needs to know about a setting; the reference table and the error messages are made from it. */
export interface SettingInfo {
  readonly type: DeclaredType;
  /** The value when the stack sets none, as text. Empty text means "not set". */
  readonly default: string;
  readonly description: string;
  /** What is allowed, completing "must be ...". */
  readonly allowed: string;
  /** A value that is always valid, used in the `pulumi config set` line of an error. */
  readonly example: string;
}

/** A setting of one text, from its description and its parser. */
export function setting<T>(info: SettingInfo, parse: (text: string) => Parsed<T>) {
  return z
    .string()
    .transform((text, context) => {
      const result = parse(text.trim());
      if ("value" in result) return result.value;
      context.addIssue({ code: "custom", message: result.problem });
      return z.NEVER;
    })
    .prefault(info.default)
    .meta({ ...info });
}

/** What is told of a setting besides what its parser knows. */
export type Info = Omit<SettingInfo, "type" | "allowed">;

/** A whole number between two bounds, both allowed. */
export function integer(min: number, max: number, info: Info, also: readonly number[] = []) {
  const extra = also.length === 0 ? "" : `, or ${also.join(" or ")}`;
  const allowed = `a whole number from ${min} to ${max}${extra}`;
  return setting<number>({ ...info, type: "integer", allowed }, (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    return (value >= min && value <= max) || also.includes(value) ? { value } : { problem: allowed };
  });
}

/** A whole number out of a fixed list. */
export function numberOf(choices: readonly number[], info: Info) {
  const allowed = `one of ${choices.join(", ")}`;
  return setting<number>({ ...info, type: "integer", allowed }, (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return choices.includes(value) ? { value } : { problem: allowed };
  });
}

/** `true` or `false`. */
export function flag(info: Info) {
  const allowed = "true or false";
  return setting<boolean>({ ...info, type: "boolean", allowed }, (text) =>
    text === "true" || text === "false" ? { value: text === "true" } : { problem: allowed },
  );
}

/** One word out of a fixed list. */
export function oneOf<const T extends string>(choices: readonly T[], info: Info) {
  const allowed = `one of ${choices.join(", ")}`;
  return setting<T>({ ...info, type: "string", allowed }, (text) => {
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { problem: allowed } : { value };
  });
}

/** Text of a fixed form; empty text means "not set" where the default is empty. */
export function text(pattern: RegExp, allowed: string, info: Info) {
  const optional = info.default === "" ? `${allowed}, or empty` : allowed;
  return setting<string>({ ...info, type: "string", allowed: optional }, (value) =>
    pattern.test(value) || (value === "" && info.default === "") ? { value } : { problem: optional },
  );
}

/** An IPv4 range whose host bits are zero and whose prefix lies between two bounds. */
export function range(shortest: number, longest: number, info: Info) {
  const allowed = `an IPv4 range a.b.c.d/n with n from ${shortest} to ${longest}`;
  return setting<string>({ ...info, type: "string", allowed }, (value) =>
    parseOneRange(value, shortest, longest, allowed),
  );
}

/** A comma-separated (or JSON) list of what one parser accepts; no two may have the same key. */
function list<T>(
  info: Info,
  each: string,
  parse: (item: string) => Parsed<T>,
  most = Number.POSITIVE_INFINITY,
  keyOf: (value: T) => unknown = (value) => value,
) {
  const limit = most === Number.POSITIVE_INFINITY ? "" : `at most ${most} `;
  const allowed = `a comma-separated list of ${limit}${each}${info.default === "" ? ", or empty" : ""}`;
  return setting<T[]>({ ...info, type: "string", allowed }, (value) => {
    const items = splitList(value);
    if (items === undefined) return { problem: allowed };
    if (items.length === 0 && info.default !== "") return { problem: allowed };
    if (items.length > most) return { problem: `${allowed}; there are ${items.length}` };
    const values: T[] = [];
    for (const item of items) {
      const parsed = parse(item);
      if ("problem" in parsed)
        return { problem: `${allowed}; "${item}" is not: it must be ${parsed.problem}` };
      if (values.some((other) => keyOf(other) === keyOf(parsed.value)))
        return { problem: `${allowed}, each once; "${item}" is there twice` };
      values.push(parsed.value);
    }
    return { value: values };
  });
}

/** A list of at most so many IPv4 ranges in canonical form. */
export function rangeList(most: number, info: Info) {
  const each = "an IPv4 range a.b.c.d/n";
  return list(info, "IPv4 ranges", (item) => parseOneRange(item, 0, 32, each), most);
}

/** A list of (at most so many) texts of a fixed form. */
export function textList(pattern: RegExp, each: string, info: Info, most?: number) {
  return list(
    info,
    each,
    (item) => (pattern.test(item) ? { value: item } : { problem: `one of the ${each}` }),
    most,
  );
}

/** One of the VPC's route tables and the zone of the subnets that use it. */
export interface RouteTable {
  readonly id: string;
  readonly zone: string;
}

const ROUTE_TABLE = /^(rtb-[0-9a-f]{8,17})=([a-z]{2}(?:-[a-z]+)+-\d+[a-z])$/;

/** `rtb-...=zone` items, each table once: one with two zones would be pointed at two servers in turns. */
export function routeTableList(most: number, info: Info) {
  const each = "rtb-ID=ZONE, like rtb-0123456789abcdef0=us-east-1a";
  const parse = (item: string): Parsed<RouteTable> => {
    const [, id, zone] = ROUTE_TABLE.exec(item) ?? [];
    return id === undefined || zone === undefined ? { problem: each } : { value: { id, zone } };
  };
  return list(info, "rtb-ID=ZONE pairs", parse, most, ({ id }) => id);
}

/** What AWS allows in tags everywhere: letters, spaces, digits and these signs (tag-editor user guide, "Tag naming limits and requirements"). */
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** `Key=value,Key=value` (or a JSON object); `own` are keys that the program sets itself. */
export function tagMap(most: number, own: readonly string[], info: Info) {
  const allowed = `at most ${most} Key=value pairs with commas between them, or empty`;
  return setting<Record<string, string>>({ ...info, type: "string", allowed }, (value) => {
    const pairs = value.startsWith("{")
      ? jsonPairs(value)
      : splitList(value)?.map((pair) => pair.split(/=(.*)/s));
    if (pairs === undefined) return { problem: allowed };
    if (pairs.length > most) return { problem: `${allowed}; there are ${pairs.length}` };
    const tags: Record<string, string> = {};
    for (const [key = "", content] of pairs) {
      const [name, text] = [key.trim(), content?.trim()];
      const problem =
        tagProblem(name, text, [...own, ...Object.keys(tags)]) ?? (name in tags ? "there twice" : undefined);
      if (problem !== undefined || text === undefined)
        return { problem: `${allowed}; "${name}" is ${problem}` };
      tags[name] = text;
    }
    return { value: tags };
  });
}

/** Why AWS would refuse one tag, completing "KEY is ...". */
function tagProblem(key: string, value: string | undefined, others: readonly string[]): string | undefined {
  if (value === undefined) return "no such pair";
  const length = [...key].length;
  if (length < 1 || length > 128) return `a key of ${length} characters, it must have 1 to 128`;
  if ([...value].length > 256)
    return `a tag whose value has ${[...value].length} characters, it may have 256`;
  if (/^aws:/i.test(key)) return "reserved: keys must not start with aws:";
  if (!TAG_TEXT.test(key) || !TAG_TEXT.test(value))
    return "a tag with other characters than letters, digits, spaces and _ . : / = + - @";
  // IAM tells keys apart without their case and refuses a role with both.
  const twin = others.find((other) => other !== key && other.toLowerCase() === key.toLowerCase());
  return twin === undefined ? undefined : `the same key as "${twin}" but for its case, which IAM refuses`;
}

function parseOneRange(value: string, shortest: number, longest: number, allowed: string): Parsed<string> {
  const parsed = parseRange(value);
  if (parsed === undefined || parsed.prefix < shortest || parsed.prefix > longest)
    return { problem: allowed };
  const written = canonical(value);
  return written === value ? { value } : { problem: `${allowed} whose host bits are zero (${written})` };
}

function splitList(value: string): string[] | undefined {
  if (!value.startsWith("["))
    return value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  const items = parseJson(value);
  return Array.isArray(items) && items.every((item) => typeof item === "string") ? items : undefined;
}

function jsonPairs(value: string): [string, string][] | undefined {
  const found = parseJson(value);
  if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
  return Object.entries(found).map(([key, content]): [string, string] => [key, String(content)]);
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
