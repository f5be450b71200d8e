import type { AccessRequest, Caller } from "./evaluate";
import type { Context } from "./match";
import { readStatements, type Statement } from "./statement";

/** One request in words and as AWS sees it. */
export interface Ask extends AccessRequest {
  readonly says: string;
  /** What the caller's own policies say, where the plan does not make the caller. */
  readonly own?: readonly Statement[];
  /** What the resource's own policy says, where the plan does not make the resource. */
  readonly of?: readonly Statement[];
}

/** What is allowed, and what is denied although it looks much the same. */
export interface Pair {
  readonly who: string;
  readonly allowed: Ask;
  readonly denied: readonly Ask[];
}

/** Makes requests of one caller. */
export function asker(caller: Caller, own?: readonly Statement[]) {
  return (says: string, action: string, resource: string, context: Context = {}): Ask => ({
    says,
    caller,
    action,
    resource,
    context,
    ...(own === undefined ? {} : { own }),
  });
}

/** All statements of an administrator: what decides then is the resource's policy. */
export const ADMINISTRATOR = readStatements(
  JSON.stringify({ Statement: [{ Sid: "Everything", Effect: "Allow", Action: "*", Resource: "*" }] }),
);

/** The policy that KMS gives a key by default: IAM of the account decides. So it is with other applications' keys. */
export function defaultKeyPolicy(account: string): Statement[] {
  const root = { AWS: `arn:aws:iam::${account}:root` };
  return readStatements(
    JSON.stringify({
      Statement: [{ Sid: "Account", Effect: "Allow", Principal: root, Action: "kms:*", Resource: "*" }],
    }),
  );
}
