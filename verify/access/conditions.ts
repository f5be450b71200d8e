import { type Context, contextValue, covers, coversArn, equals } from "./match";
import type { Conditions } from "./statement";

/** Whether one wanted value fits what the request has. */
type Test = (wanted: string, value: string, context: Context) => boolean;

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new Error(`${text} is no number`);
  return value;
};

/** The operators that this program's policies use; each pair is an operator and its opposite. */
const TESTS: Readonly<Record<string, Test>> = {
  StringEquals: equals,
  StringLike: covers,
  ArnEquals: coversArn,
  ArnLike: coversArn,
  Bool: (wanted, value) => wanted.toLowerCase() === value.toLowerCase(),
  NumericLessThan: (wanted, value) => number(value) < number(wanted),
};
const OPPOSITES: Readonly<Record<string, string>> = {
  StringNotEquals: "StringEquals",
  StringNotLike: "StringLike",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
};

/**
 * Whether all conditions of a statement hold for a request
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
 *
 * @throws Error for an operator that this does not know: a guess would prove nothing.
 */
export function hold(conditions: Conditions, context: Context): boolean {
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      holds(operator, wanted, contextValue(context, key), context),
    ),
  );
}

function holds(
  operator: string,
  wanted: readonly string[],
  value: string | undefined,
  context: Context,
): boolean {
  if (operator === "Null") return wanted.some((each) => (each === "true") === (value === undefined));
  const base = operator.replace(/IfExists$/, "");
  const opposite = OPPOSITES[base];
  const test = TESTS[opposite ?? base];
  if (test === undefined) throw new Error(`the evaluator does not know the condition operator ${operator}`);
  // Of an absent key only a negated operator holds, and what says IfExists.
  if (value === undefined) return opposite !== undefined || base !== operator;
  return wanted.some((each) => test(each, value, context)) === (opposite === undefined);
}
