import { randomUUID } from "node:crypto";
import { UserError } from "../config/errors";
import type { ControlError, Results } from "./answers";
import { type Input, type Operation, PROTOCOL_VERSION, type Request, type Response } from "./protocol";

/** The way to a control function: the deployed one, the lab's, or one in this process. */
export type Transport = (request: Request) => Promise<Response>;

/** A request that failed. Its message says all of it: what, which fields, what to do. */
export class ControlFailure extends UserError {
  override readonly name = "ControlFailure";

  constructor(readonly error: ControlError) {
    super(sentence(error));
  }
}

/** What a call gives back; `revision` is the registry's after it. */
export interface Answered<O extends Operation> {
  readonly revision: number;
  readonly result: Results[O];
}

/** Operations that only look; everything else gets a request key, so that it may be sent again when no answer came. */
const READING: ReadonlySet<Operation> = new Set(["list", "show", "config", "export", "status", "audit"]);

/** Whether a request may be sent twice: it changes nothing, or it has a key by which the second one is known for the same. */
export function isRepeatable(request: Pick<Request, "operation" | "requestKey">): boolean {
  return READING.has(request.operation) || request.requestKey !== undefined;
}

/** Asks a control function. */
export class ControlClient {
  constructor(
    private readonly transport: Transport,
    /** Who asks, for the audit log; see docs/decisions/0015-who-did-it.md. */
    private readonly options: { readonly caller?: string } = {},
  ) {}

  /** @throws ControlFailure when the request is refused or not answered. */
  async call<O extends Operation>(
    operation: O,
    input: Input<O>,
    options: { readonly requestKey?: string } = {},
  ): Promise<Answered<O>> {
    const requestKey = options.requestKey ?? (READING.has(operation) ? undefined : randomUUID());
    const { caller } = this.options;
    const request: Request<O> = {
      version: PROTOCOL_VERSION,
      operation,
      ...(requestKey === undefined ? {} : { requestKey }),
      ...(caller === undefined ? {} : { caller }),
      input,
    };
    const response = await this.transport(request as Request);
    if (!response.ok) throw new ControlFailure(response.error);
    if (response.operation !== operation)
      throw new ControlFailure(notUnderstood(`it is about ${response.operation}`));
    return { revision: response.revision, result: response.result as Results[O] };
  }
}

/** An answer as it came over a wire. @throws ControlFailure when it is none. */
export function readResponse(text: string): Response {
  const value = parse(text);
  if (value?.["version"] !== PROTOCOL_VERSION)
    throw new ControlFailure(notUnderstood("it has another version"));
  const error = value["error"];
  const good =
    value["ok"] === true
      ? typeof value["operation"] === "string" && Number.isInteger(value["revision"]) && "result" in value
      : value["ok"] === false &&
        typeof error === "object" &&
        error !== null &&
        "code" in error &&
        "message" in error;
  if (!good) throw new ControlFailure(notUnderstood("parts are missing"));
  return value as unknown as Response;
}

/** Why an answer cannot be used; never the answer itself. */
function notUnderstood(why: string): ControlError {
  return {
    code: "unsupported-version",
    message: `the control function's answer is not understood: ${why}`,
    issues: [],
    remedy: "use the command line of the version that is deployed, or deploy this one with `pulumi up`",
    unsettled: true,
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function sentence({ message, issues, suggestion, remedy }: ControlError): string {
  // One field is in the message already.
  const fields = issues.length < 2 ? [] : issues.map(({ path, message: problem }) => `  ${path} ${problem}`);
  const meant = suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
  const first = `${message}${meant}${remedy === undefined ? "" : `; ${remedy}`}`;
  return [first, ...fields].join("\n");
}
