import type { z } from "zod";
import { mayHoldKey } from "./redact";

/** A field of a request that is wrong. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** So many are told; an import can have ten thousand. */
const MOST_ISSUES = 100;

/**
 * What zod found, for people: one line a field, with its path from the request's top (`input.routes.0`). Values are never
 * repeated, they may be secrets; names of fields are, unless they look like a key themselves.
 */
export function issuesOf(error: z.ZodError, top: readonly string[] = []): Issue[] {
  const all = error.issues.flatMap((issue) => describe(issue, top));
  const rest = all.length - MOST_ISSUES;
  if (rest <= 0) return all;
  return [
    ...all.slice(0, MOST_ISSUES),
    { path: top.join("."), message: `has ${rest} more fields that are wrong` },
  ];
}

/** One sentence for all of them. */
export function summarise(issues: readonly Issue[]): string {
  const [first] = issues;
  if (first === undefined) return "the request is not valid";
  if (issues.length === 1) return first.path === "" ? first.message : `${first.path} ${first.message}`;
  const paths = issues.slice(0, 5).map(({ path }) => path);
  return `${issues.length} fields are wrong: ${paths.join(", ")}${issues.length > 5 ? ", …" : ""}`;
}

function describe(issue: z.core.$ZodIssue, top: readonly string[]): Issue[] {
  const path = [...top, ...issue.path.map(segment)];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      path: [...path, segment(key)].join("."),
      message: "is not a field that exists here",
    }));
  return [{ path: path.join("."), message: messageOf(issue) }];
}

function segment(part: PropertyKey): string {
  const text = String(part);
  if (mayHoldKey(text)) return "(not shown)";
  if (/^[A-Za-z0-9_./:-]{1,64}$/.test(text)) return text;
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.message.endsWith("received undefined")
        ? "is missing"
        : `must be ${article(issue.expected)}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "too_big":
      return `must ${size(issue.origin)} at most ${amount(issue.origin, issue.maximum)}`;
    case "too_small":
      return `must ${size(issue.origin)} at least ${amount(issue.origin, issue.minimum)}`;
    case "invalid_key":
      return `has a name that ${issue.issues[0]?.message ?? "is not allowed"}`;
    // Messages of the schemas' own checks; they are written without the value.
    case "custom":
    case "invalid_format":
      return issue.message;
    default:
      return "is not valid";
  }
}

function article(type: string): string {
  const name: Readonly<Record<string, string>> = {
    int: "a whole number",
    record: "an object",
    object: "an object",
    array: "a list",
    string: "a text",
  };
  return name[type] ?? `a ${type}`;
}

function size(origin: string): string {
  return origin === "string" || origin === "array" ? "have" : "be";
}

function amount(origin: string, number: number | bigint): string {
  const thing = origin === "string" ? " character" : origin === "array" ? " item" : "";
  return `${number}${thing}${thing === "" || number === 1 ? "" : "s"}`;
}
