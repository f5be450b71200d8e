/** How IAM compares texts: wildcards, policy variables and ARNs (IAM user guide, "IAM JSON policy elements reference"). */

/** What AWS knows about a request, by condition key. A key that is not here is absent from the request, which is not the same as false. */
export type Context = Readonly<Record<string, string>>;

/** The value of a condition key; keys are compared without regard to case. */
export function contextValue(context: Context, key: string): string | undefined {
  const found = Object.keys(context).find((each) => each.toLowerCase() === key.toLowerCase());
  return found === undefined ? undefined : context[found];
}

const PARTS = /\$\{([^}]*)\}|[*?]|[^*?$]+|\$/g;

/**
 * Whether a pattern covers a value: `*` is any text, `?` any one character, `${key}` the request's value of a condition key. What a
 * variable brings in is plain text. A variable without a value covers nothing.
 *
 * @throws Error for a variable with a default value, which this does not know.
 */
export function covers(pattern: string, value: string, context: Context): boolean {
  let expression = "";
  for (const [part, variable] of pattern.matchAll(PARTS)) {
    if (variable !== undefined) {
      if (!/^[\w:/.-]+$/.test(variable)) throw new Error(`the evaluator does not know the variable ${part}`);
      const brought = contextValue(context, variable);
      if (brought === undefined) return false;
      expression += escaped(brought);
    } else expression += part === "*" ? ".*" : part === "?" ? "." : escaped(part);
  }
  return new RegExp(`^${expression}$`, "s").test(value);
}

/** A text with the request's values in the place of its variables, and without wildcards; undefined where one has no value. */
export function equals(wanted: string, value: string, context: Context): boolean {
  // A wildcard is a letter like others here, so it is written as what covers only itself.
  const [first, ...others] = wanted.split(/(?=[*?])/);
  if (others.length === 0 && !/^[*?]/.test(first ?? "")) return covers(wanted, value, context);
  if (wanted.includes("${"))
    throw new Error(`the evaluator does not know wildcards beside variables: ${wanted}`);
  return wanted === value;
}

/** Whether an ARN's pattern covers an ARN: part by part, so that a wildcard does not reach over a colon into the next part. */
export function coversArn(pattern: string, arn: string, context: Context): boolean {
  if (pattern === "*") return true;
  const wanted = arnParts(pattern);
  const actual = arnParts(arn);
  return (
    wanted.length === actual.length &&
    wanted.every((part, index) => covers(part, actual[index] ?? "", context))
  );
}

/** The six parts of an ARN; the last one may hold colons. Colons of a variable separate nothing. */
export function arnParts(arn: string): string[] {
  const parts = arn.split(/:(?![^{]*\})/);
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
