/** One policy statement with lists where IAM takes single texts too. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export interface Statement {
  readonly sid: string;
  readonly effect: "Allow" | "Deny";
  /** By kind (`AWS`, `Service`, `Federated`); undefined in the policy of a role. */
  readonly principals: Readonly<Record<string, readonly string[]>> | undefined;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  readonly conditions: Conditions;
}

const KNOWN = new Set([
  ...["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"],
]);

/**
 * Reads a policy document.
 *
 * @throws Error for elements that the evaluator does not know.
 */
export function readStatements(document: string): Statement[] {
  const { Statement: statements } = JSON.parse(document) as { Statement: unknown };
  return (Array.isArray(statements) ? statements : [statements]).map(readStatement);
}

function readStatement(value: unknown): Statement {
  if (!isObject(value)) throw new Error("a statement is no object");
  const odd = Object.keys(value).find((key) => !KNOWN.has(key));
  if (odd !== undefined) throw new Error(`the evaluator does not know ${odd} in a policy`);
  const { Sid, Effect, Principal, Condition } = value;
  if (Effect !== "Allow" && Effect !== "Deny") throw new Error(`Effect is ${String(Effect)}`);
  const conditions = isObject(Condition) ? Condition : {};
  return {
    sid: String(Sid ?? "a statement without a name"),
    effect: Effect,
    principals: Principal === undefined ? undefined : principalsOf(Principal),
    actions: texts(value["Action"]),
    notActions: texts(value["NotAction"]),
    resources: texts(value["Resource"]),
    notResources: texts(value["NotResource"]),
    conditions: mapped(conditions, (keys) => mapped(isObject(keys) ? keys : {}, texts)),
  };
}

function principalsOf(principal: unknown): Record<string, readonly string[]> {
  return isObject(principal) ? mapped(principal, texts) : { AWS: texts(principal) };
}

function mapped<T>(object: Record<string, unknown>, change: (value: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

function texts(value: unknown): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
