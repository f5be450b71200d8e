import * as z from "zod";
import { nearestName } from "../registry/names";
import type { ControlError } from "./answers";
import { type Issue, issuesOf, summarise } from "./issues";
import {
  type Checked,
  inputs,
  type Operation,
  operations,
  PROTOCOL_VERSION,
  REQUEST_LIMIT_BYTES,
} from "./protocol";
import { quote } from "./redact";

/** A request whose every part has been checked. */
export interface CheckedRequest<O extends Operation = Operation> {
  readonly operation: O;
  readonly input: Checked<O>;
  readonly requestKey?: string;
  readonly caller?: string;
}

/** A request, or why it is refused. */
export type EnvelopeCheck =
  | { readonly ok: true; readonly request: CheckedRequest }
  | { readonly ok: false; readonly error: ControlError };

const envelope = z.strictObject({
  version: z.unknown().optional(),
  operation: z.unknown().optional(),
  requestKey: z
    .string()
    .regex(/^[A-Za-z0-9-]{8,128}$/, "must be 8 to 128 characters of letters, digits and -")
    .optional(),
  // What ARNs (IAM user guide, "IAM identifiers") and user@host are made of: it goes into logs and the audit log.
  caller: z
    .string()
    .regex(/^[\w+=,.@:/-]{1,512}$/, "must be 1 to 512 characters of letters, digits and + = , . @ _ : / -")
    .optional(),
  input: z.unknown().optional(),
});

/** Checks a request from the outside in: its size, its version, its operation, then everything else at once. */
export function checkRequest(request: unknown): EnvelopeCheck {
  if (typeof request !== "object" || request === null || Array.isArray(request))
    return refuse("invalid-request", [{ path: "", message: "the request must be a JSON object" }]);
  const early =
    sizeError(request) ?? versionError(request) ?? operationError(request) ?? prototypeError(request);
  if (early !== undefined) return { ok: false, error: early };
  const operation = (request as { operation: Operation }).operation;
  const outer = envelope.safeParse(request);
  const inner = inputs[operation].safeParse((request as { input?: unknown }).input);
  if (outer.success && inner.success) {
    const { requestKey, caller } = outer.data;
    return {
      ok: true,
      request: {
        operation,
        input: inner.data,
        ...(requestKey === undefined ? {} : { requestKey }),
        ...(caller === undefined ? {} : { caller }),
      },
    };
  }
  return refuse("invalid-request", [
    ...(outer.success ? [] : issuesOf(outer.error)),
    ...(inner.success ? [] : issuesOf(inner.error, ["input"])),
  ]);
}

function refuse(code: ControlError["code"], issues: readonly Issue[], more: Partial<ControlError> = {}) {
  return { ok: false as const, error: { code, message: summarise(issues), issues, ...more } };
}

/** A request that does not fit into an invocation is refused everywhere, so that nothing works in the lab only. */
function sizeError(request: object): ControlError | undefined {
  let bytes: number;
  try {
    bytes = Buffer.byteLength(JSON.stringify(request));
  } catch {
    // A circle, or a BigInt: nothing that came as JSON.
    return refuse("invalid-request", [{ path: "", message: "the request must be JSON" }]).error;
  }
  if (bytes <= REQUEST_LIMIT_BYTES) return undefined;
  const message = `the request has ${bytes} bytes, at most ${REQUEST_LIMIT_BYTES} are allowed`;
  return refuse("invalid-request", [{ path: "", message }], { remedy: "send it in several requests" }).error;
}

/** JSON may have a field of this name, which zod leaves out without a word: what was asked for would be half done. */
function prototypeError(request: object): ControlError | undefined {
  const place = placeOf(request, "__proto__", []);
  if (place === undefined) return undefined;
  return refuse("invalid-request", [{ path: place.join("."), message: "is not a name that is allowed here" }])
    .error;
}

function placeOf(value: unknown, field: string, at: readonly string[]): readonly string[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, field)) return [...at, field];
  for (const [key, part] of Object.entries(value)) {
    const found = placeOf(part, field, [...at, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function versionError(request: object): ControlError | undefined {
  const version = "version" in request ? request.version : undefined;
  if (version === PROTOCOL_VERSION) return undefined;
  const message = `must be ${PROTOCOL_VERSION}, the version of the protocol that is spoken here`;
  const remedy =
    "use the command line of the same version as the function (deploy with `pulumi up`, or update the checkout)";
  return refuse("unsupported-version", [{ path: "version", message }], { remedy }).error;
}

function operationError(request: object): ControlError | undefined {
  const operation = "operation" in request ? request.operation : undefined;
  if (typeof operation === "string" && Object.hasOwn(inputs, operation)) return undefined;
  const near = typeof operation === "string" ? nearestName(operation.slice(0, 64), operations) : undefined;
  const asked = typeof operation === "string" ? `${quote(operation)} is not one; ` : "";
  const message = `must be an operation: ${asked}there are ${operations.join(", ")}`;
  return refuse(
    "unknown-operation",
    [{ path: "operation", message }],
    near === undefined ? {} : { remedy: `did you mean ${near}?` },
  ).error;
}
