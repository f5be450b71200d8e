/**
 * What IAM decides about a request, worked out from the policies alone, for the part of IAM that this program's policies use: identity
 * policies and one resource policy, explicit deny before allow, NotAction and NotResource, wildcards, variables, and the conditions of
 * conditions.ts. Not here: permission boundaries, session policies, service control policies, NotPrincipal, lists in requests. What it
 * does not know is an error (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
 */
import { hold } from "./conditions";
import { arnParts, type Context, covers, coversArn } from "./match";
import type { Statement } from "./statement";

/** Who asks. A role's ARN is the role's, whatever the session is called. */
export type Caller =
  | { readonly kind: "role" | "user"; readonly arn: string }
  | { readonly kind: "service"; readonly name: string }
  | { readonly kind: "federated"; readonly provider: string }
  | { readonly kind: "anonymous" };

export interface AccessRequest {
  readonly caller: Caller;
  readonly action: string;
  /** ARN of what it is about, `*` for actions that know no resource. */
  readonly resource: string;
  readonly context: Context;
}

/** The policies that have a say. */
export interface Policies {
  /** Of the caller. */
  readonly identity: readonly Statement[];
  /** Of the resource, where it has one. */
  readonly resource: readonly Statement[] | undefined;
}

export interface Decision {
  readonly allowed: boolean;
  /** The statement that decided; undefined when nothing allows the request. */
  readonly by: Statement | undefined;
}

/** Where the resource's own policy has to allow, whatever the caller's says: keys and the trust of roles. */
const OWN_POLICY_DECIDES = /^(kms:|sts:AssumeRole)/;

export function evaluate({ identity, resource }: Policies, request: AccessRequest): Decision {
  const own = identity.filter((statement) => applies(statement, request));
  const of = (resource ?? []).flatMap((statement) => {
    const meant = principalOf(statement, request.caller);
    return meant !== "nobody" && applies(statement, request) ? [{ statement, meant }] : [];
  });
  const denied = [...own, ...of.map(({ statement }) => statement)].find(({ effect }) => effect === "Deny");
  if (denied !== undefined) return { allowed: false, by: denied };
  const [direct] = of.filter(({ meant, statement }) => meant === "caller" && statement.effect === "Allow");
  const [delegated] = of.filter(({ statement }) => statement.effect === "Allow");
  const [allow] = own.filter(({ effect }) => effect === "Allow");
  const elsewhere = isElsewhere(request);
  if (direct !== undefined && !elsewhere) return { allowed: true, by: direct.statement };
  const both = OWN_POLICY_DECIDES.test(request.action) || elsewhere;
  if (both)
    return allow !== undefined && delegated !== undefined
      ? { allowed: true, by: delegated.statement }
      : { allowed: false, by: undefined };
  return { allowed: allow !== undefined, by: allow };
}

/** Another account's caller needs both its own policy and the resource's. */
function isElsewhere({ caller, resource }: AccessRequest): boolean {
  const account = arnParts(resource)[4] ?? "";
  return (
    (caller.kind === "role" || caller.kind === "user") &&
    account !== "" &&
    arnParts(caller.arn)[4] !== account
  );
}

/** Whether a resource's statement means the caller itself, the caller's account (which leaves it to the account's IAM), or neither. */
function principalOf({ principals = {} }: Statement, caller: Caller): "caller" | "account" | "nobody" {
  const named = (kind: string, name: string) => (principals[kind] ?? []).includes(name);
  if (named("AWS", "*")) return "caller";
  switch (caller.kind) {
    case "anonymous":
      return "nobody";
    case "service":
      return named("Service", caller.name) ? "caller" : "nobody";
    case "federated":
      return named("Federated", caller.provider) ? "caller" : "nobody";
    default: {
      const [, partition, , , account] = arnParts(caller.arn);
      if (named("AWS", caller.arn)) return "caller";
      return named("AWS", `arn:${partition}:iam::${account}:root`) ? "account" : "nobody";
    }
  }
}

/** Whether a statement is about this action, this resource and these circumstances. */
function applies(statement: Statement, { action, resource, context }: AccessRequest): boolean {
  const { actions, notActions, resources, notResources, conditions } = statement;
  // Actions are compared without regard to case.
  const acts = (patterns: readonly string[]) =>
    patterns.some((pattern) => covers(pattern.toLowerCase(), action.toLowerCase(), {}));
  const about = (patterns: readonly string[]) =>
    patterns.some((pattern) => coversArn(pattern, resource, context));
  return (
    (actions.length > 0 ? acts(actions) : !acts(notActions)) &&
    // A trust policy names no resource: it is the role.
    (resources.length > 0 ? about(resources) : notResources.length === 0 || !about(notResources)) &&
    hold(conditions, context)
  );
}
