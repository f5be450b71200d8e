import { ClientIndex } from "../registry/client-index";
import { RegistryError } from "../registry/errors";
import { lastStep, stepPhrase } from "../registry/last-step";
import { runtimeOf } from "../registry/layout";
import type { LockOptions } from "../registry/lock";
import { RegistryWriter } from "../registry/writer";
import type { ControlError } from "./answers";
import { type CheckedRequest, checkRequest } from "./envelope";
import { explain } from "./failures";
import { performers } from "./operations";
import type { Answer, OperationContext, Perform } from "./operations/context";
import { type Operation, PROTOCOL_VERSION, type Response } from "./protocol";

/** Where the handler runs: whom its callers can be trusted to be depends on it. */
export type ControlSource = "lambda" | "local" | "lab";

/** How to make a handler. */
export interface ControlOptions {
  /** The registry's folder; the servers' runtime folder is its sub-folder. */
  readonly root: string;
  readonly source: ControlSource;
  readonly now?: () => Date;
  readonly lockOptions?: LockOptions;
  /** Told every error that is nobody's fault but the program's, for the log; the caller only hears its kind. */
  readonly onUnexpected?: (error: unknown, operation: Operation) => void;
}

/** What is known of a request besides what it says. */
export interface RequestMeta {
  /** AWS's number of the invocation. */
  readonly invocation?: string;
  /** Who asks, where the program that took the request knows it. */
  readonly who?: string;
}

/** A control function. */
export interface Control {
  /** Answers a request. It never throws, and an answer that says no has changed nothing, unless it says itself that this is not known. */
  handle(request: unknown, meta?: RequestMeta): Promise<Response>;
}

/**
 * The control function of one registry. It stays in memory between requests, and with it what it has read of the clients.
 *
 * **Who did it.** A Lambda invocation carries no identity of who invoked it (the context's `identity` is for Cognito only, Lambda
 * developer guide, "context object"). IAM has checked the right to invoke; who it was, the command line says itself (`caller`, as
 * STS told it). So the audit log has that with the word "stated", and beside it the invocation's request id: CloudTrail's data event
 * of that invocation, which nobody who calls can write, has the true identity. See docs/decisions/0015-who-did-it.md.
 */
export function createControl(options: ControlOptions): Control {
  const { root } = options;
  const now = options.now ?? (() => new Date());
  const writerOptions = { ...options.lockOptions, now };
  const writer = new RegistryWriter(root, writerOptions);
  const index = new ClientIndex(root);
  const perform = async (request: CheckedRequest, meta: RequestMeta): Promise<Response> => {
    const { operation, requestKey } = request;
    const context: OperationContext = {
      root,
      runtime: runtimeOf(root),
      now: now(),
      writer,
      writerOptions,
      index,
      change: {
        who: whoOf(request, meta, options.source),
        ...(requestKey === undefined ? {} : { requestKey }),
        ...(meta.invocation === undefined ? {} : { invocation: meta.invocation }),
      },
    };
    try {
      // The table has the same type for each operation; TypeScript cannot follow that through an index.
      const answer: Answer<Operation> = await (performers[operation] as Perform<Operation>)(
        request.input,
        context,
      );
      return { version: PROTOCOL_VERSION, ok: true, operation, ...answer };
    } catch (error) {
      const told = explain(error, root, operation);
      if (told.code === "internal") options.onUnexpected?.(error, operation);
      return refused(await withSuggestion(told, error, request, { root, index }));
    }
  };
  return {
    async handle(request, meta = {}) {
      const checked = checkRequest(request);
      return checked.ok ? perform(checked.request, meta) : refused(checked.error);
    },
  };
}

function refused(error: ControlError): Response {
  return { version: PROTOCOL_VERSION, ok: false, error };
}

function whoOf(request: CheckedRequest, meta: RequestMeta, source: ControlSource): string {
  if (meta.who !== undefined && source !== "lambda") return meta.who;
  return request.caller === undefined ? "not stated" : `${request.caller} (stated)`;
}

async function withSuggestion(
  told: ControlError,
  error: unknown,
  { input }: CheckedRequest,
  { root, index }: Pick<OperationContext, "root" | "index">,
): Promise<ControlError> {
  if (!(error instanceof RegistryError) || error.kind !== "unknown-client" || !("name" in input)) return told;
  const { name } = input;
  // A removal whose answer was lost is repeated: its name is not a misspelt one.
  const last = await lastStep(root, ({ client }) => client === name).catch(() => undefined);
  if (last?.removes === true)
    return { ...told, message: `${told.message}; the last step about it was ${stepPhrase(last)}` };
  const suggestion = await index.didYouMean(name).catch(() => undefined);
  const issues = [{ path: "input.name", message: "is not the name of a client" }];
  return { ...told, issues, ...(suggestion === undefined ? {} : { suggestion }) };
}
