import type { Json, JsonObject } from "../types";

/** What a stand-in may use to make up ids: all of it is the same in every run of the same program. */
export interface StandinContext {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly region: string;
  readonly account: string;
  readonly partition: string;
  /** `length` hexadecimal digits that only depend on the URN and `salt`. */
  readonly hex: (length: number, salt?: string) => string;
  /** A number that nothing else in this pool has: `preferred`, or the next free one. */
  readonly claim: (pool: string, preferred: number) => number;
  /** Outputs of the resource with this id; none when the plan has no such resource. */
  readonly outputsOf: (id: string) => JsonObject;
  readonly arn: (
    service: string,
    resource: string,
    options?: { region?: string; account?: string },
  ) => string;
}

/** The id and those outputs that AWS would add to the inputs. An output that is left out stays unknown, and using it is an error. */
export interface StandinResult {
  readonly id: string;
  readonly outputs: JsonObject;
}

export type Standin = (inputs: JsonObject, context: StandinContext) => StandinResult;

/** The account that every resolved plan is made in; AWS's own example account. */
export const ACCOUNT = "123456789012";

export function text(inputs: JsonObject, key: string, fallback = ""): string {
  const value = inputs[key];
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : fallback;
}

/** An EC2-like id: prefix and 17 hexadecimal digits. */
export function ec2Id(prefix: string, context: StandinContext): string {
  return `${prefix}-${context.hex(17)}`;
}

/** A stand-in for a resource whose id is an EC2-like id and whose ARN is `<service>:<kind>/<id>`. */
export function ec2Standin(
  prefix: string,
  kind: string,
  more: (id: string, inputs: JsonObject, context: StandinContext) => JsonObject = () => ({}),
): Standin {
  return (inputs, context) => {
    const id = ec2Id(prefix, context);
    return {
      id,
      outputs: {
        arn: context.arn("ec2", `${kind}/${id}`),
        ownerId: context.account,
        ...more(id, inputs, context),
      },
    };
  };
}

/** A stand-in whose id is only a handle (associations, attachments, policies). */
export function handle(
  prefix: string,
  more: (id: string, inputs: JsonObject, context: StandinContext) => JsonObject = () => ({}),
): Standin {
  return (inputs, context) => {
    const id = `${prefix}-${context.hex(10)}`;
    return { id, outputs: more(id, inputs, context) };
  };
}

/** A stand-in whose id is one of its inputs. */
export function named(
  key: string,
  more: (id: string, inputs: JsonObject, context: StandinContext) => JsonObject = () => ({}),
): Standin {
  return (inputs, context) => {
    const id = text(inputs, key);
    return { id, outputs: more(id, inputs, context) };
  };
}

export function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** Answers a question of the program; `config` are the stack's settings. */
export type Invoke = (
  args: JsonObject,
  region: string,
  config: Readonly<Record<string, string>>,
) => JsonObject;

const ZONE_LETTERS = ["a", "b", "c", "d"];

/** Zone names of a stand-in region; every region has four of them, so that every allowed zone count works. */
export function zonesOf(region: string): string[] {
  return ZONE_LETTERS.map((letter) => `${region}${letter}`);
}
