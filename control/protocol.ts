/**
 * What the control function is asked and what it answers. One request is one JSON document; so is one answer. The same shapes
 * serve the deployed function, the lab and a local folder. What the answers are made of is in answers.ts.
 */
// Not `{ z }`: that object has all of zod's languages in it, which are half of a bundle.
import * as z from "zod";
import { MOST_TAGS } from "../registry/rules";
import {
  clientNameSchema,
  clusterSettingsSchema,
  dnsEntrySchema,
  presharedKeySchema,
  publicKeySchema,
} from "../registry/schema";
import { isCidr, isHostCidr } from "../wireguard/addresses";
import { type ControlError, clientStates, type Results } from "./answers";

/** The version of this protocol; a request with another one is refused. */
export const PROTOCOL_VERSION = 1;

/** Most bytes of a request, and most clients of one `import`: an invocation takes 6 MB (Lambda quotas, synchronous payload). */
export const REQUEST_LIMIT_BYTES = 5_000_000;

const cidr = z.string().max(64).refine(isCidr, "is not an address range in CIDR form like 10.0.0.0/16");
const host = z.string().max(64).refine(isHostCidr, "is not one address in CIDR form like 10.100.0.7/32");
const time = z.iso.datetime({ error: "is not an ISO 8601 time in UTC like 2027-01-31T00:00:00Z" });
const tagKey = z
  .string()
  .regex(/^[A-Za-z0-9_./:-]{1,64}$/, "is not a tag name (letters, digits, _ . / : -, at most 64)");
/** Nothing that a terminal would act on: line breaks, escape sequences, marks that turn the direction of writing. */
const tagValue = z
  .string()
  .max(256)
  .regex(
    /^[^\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u,
    "has control characters in it (line breaks, tabs, escape sequences)",
  );
const name = clientNameSchema;
const routes = z.array(cidr).min(1).max(64);
const dnsList = z.array(dnsEntrySchema).max(8);
const tags = z
  .record(tagKey, tagValue)
  .refine((all) => Object.keys(all).length <= MOST_TAGS, `has more than ${MOST_TAGS} tags`);

/** How long an old key goes on working beside the new one that has not been used yet. */
export const OVERLAP_DAYS = { default: 7, most: 90 } as const;
const DAY_SECONDS = 86_400;
const overlap = z
  .int()
  .min(0)
  .max(OVERLAP_DAYS.most * DAY_SECONDS)
  .default(OVERLAP_DAYS.default * DAY_SECONDS);

/** A client as another system described it; see import/. */
export const importEntrySchema = z.strictObject({
  name,
  publicKey: publicKeySchema,
  presharedKey: presharedKeySchema.optional(),
  /** Kept when it is free and inside the tunnel's range. */
  addresses: z.array(host).min(1).max(8),
  routes: routes.optional(),
  dns: dnsList.optional(),
  expiresAt: time.optional(),
  revoked: z.boolean().optional(),
  tags: tags.optional(),
});
export type ImportEntry = z.infer<typeof importEntrySchema>;

/** What each operation is given. */
export const inputs = {
  /** Makes the registry and its server key pair when there is none; takes over changed settings when there is one. */
  init: z.strictObject({ cluster: clusterSettingsSchema.omit({ schema: true }) }),
  add: z.strictObject({
    name,
    publicKey: publicKeySchema,
    presharedKey: presharedKeySchema.optional(),
    /** A certain address instead of the next free one. */
    address: host.optional(),
    routes: routes.optional(),
    dns: dnsList.optional(),
    expiresAt: time.optional(),
    tags: tags.optional(),
  }),
  list: z.strictObject({
    state: z.enum(clientStates).optional(),
    /** All of these tags, with these values. */
    tags: tags.optional(),
    expiresBefore: time.optional(),
    /** Part of the name. */
    search: z.string().max(63).optional(),
    /** Begin after this name. */
    after: z.string().max(63).optional(),
    limit: z.int().min(1).max(1000).default(100),
  }),
  show: z.strictObject({ name }),
  /** What is left out stays; null goes back to the cluster's own value (routes, dns) or to none (expiresAt, a tag). */
  update: z.strictObject({
    name,
    routes: routes.nullable().optional(),
    dns: dnsList.nullable().optional(),
    expiresAt: time.nullable().optional(),
    tags: z.record(tagKey, tagValue.nullable()).optional(),
  }),
  revoke: z.strictObject({ name }),
  restore: z.strictObject({ name }),
  /** Forgets a client and frees its address. */
  remove: z.strictObject({ name }),
  rotate: z.strictObject({
    name,
    publicKey: publicKeySchema.optional(),
    /** null takes the preshared key away. */
    presharedKey: presharedKeySchema.nullable().optional(),
    overlapSeconds: overlap,
  }),
  config: z.strictObject({ name }),
  import: z.strictObject({
    clients: z.array(importEntrySchema).min(1).max(10_000),
    dryRun: z.boolean(),
    /** Addresses of other clients of the same import, which are in other requests: nobody here gets one of them. */
    promised: z.array(host).max(200_000).optional(),
  }),
  export: z.strictObject({
    after: z.string().max(63).optional(),
    limit: z.int().min(1).max(5000).default(1000),
  }),
  check: z.strictObject({ repair: z.boolean().default(false) }),
  status: z.strictObject({}),
  audit: z.strictObject({
    /** Begin after this entry. */
    after: z.int().min(0).default(0),
    limit: z.int().min(1).max(1000).default(100),
    /** A head that was kept (`number:hash`): the entry of that number must still have that hash. */
    head: z
      .string()
      .regex(/^[1-9]\d{0,14}:[0-9a-f]{64}$/, "is not the head of an audit log (number:hash)")
      .optional(),
  }),
  serverKey: z.strictObject({
    action: z.enum(["status", "begin", "finish", "abort"]),
    /** `finish`: also when clients have not moved yet, or servers have not got the next key. */
    force: z.boolean().default(false),
  }),
} as const;

/** The operations there are. */
export type Operation = keyof typeof inputs;
export const operations = Object.keys(inputs) as Operation[];
/** What the caller writes. */
export type Input<O extends Operation> = z.input<(typeof inputs)[O]>;
/** What the handler works with: checked, with defaults. */
export type Checked<O extends Operation> = z.output<(typeof inputs)[O]>;

/** A request as it is sent. */
export interface Request<O extends Operation = Operation> {
  readonly version: typeof PROTOCOL_VERSION;
  readonly operation: O;
  /**
   * Names this request, 8 to 128 characters of [A-Za-z0-9-]: one that is repeated with the same name (a lost reply) is answered as
   * the first time and changes nothing again. Kept for 24 hours.
   */
  readonly requestKey?: string;
  /** Who asks, as STS told the operator's command line (`sts:GetCallerIdentity`); an invocation itself carries no identity. */
  readonly caller?: string;
  readonly input: Input<O>;
}

/** The answer; `revision` is the registry's after the operation, so that a caller can wait until every server has it. */
export type Response<O extends Operation = Operation> =
  | {
      readonly version: 1;
      readonly ok: true;
      readonly operation: O;
      readonly revision: number;
      readonly result: Results[O];
    }
  | { readonly version: 1; readonly ok: false; readonly error: ControlError };
