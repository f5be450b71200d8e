import { field, list, text, texts } from "./read";

/** One statement of an IAM document, with lists where IAM takes a single text as well. */
export interface Statement {
  readonly sid: string;
  readonly allow: boolean;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** True when the statement says what it does **not** mean (`NotAction`, `NotResource`, `NotPrincipal`). */
  readonly negated: boolean;
  /** True when the principal is everybody. */
  readonly everybody: boolean;
  readonly conditions: unknown;
}

/** The statements of a policy document, which Pulumi programs give as JSON text or as an object. */
export function statements(document: unknown): Statement[] {
  const parsed: unknown = typeof document === "string" ? JSON.parse(document) : document;
  return list(parsed, "Statement").map((statement, index) => ({
    sid: text(statement, "Sid") ?? `statement ${index + 1}`,
    allow: text(statement, "Effect") === "Allow",
    actions: texts(statement, "Action"),
    resources: texts(statement, "Resource"),
    negated: ["NotAction", "NotResource", "NotPrincipal"].some((key) => field(statement, key) !== undefined),
    everybody: isEverybody(field(statement, "Principal")),
    conditions: field(statement, "Condition"),
  }));
}

function isEverybody(principal: unknown): boolean {
  return principal === "*" || texts(principal, "AWS").includes("*");
}
