import { setTimeout as sleep } from "node:timers/promises";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { ControlFailure, isRepeatable, readResponse, type Transport } from "../client";
import type { Request, Response } from "../protocol";
import { explainAwsError, explainFunctionError } from "./aws-errors";

/** How to call a deployed control function. */
export interface LambdaTransportOptions {
  readonly functionName: string;
  readonly region: string;
  /** Named in ~/.aws/config; without one the SDK's default chain counts (AWS_PROFILE, environment, SSO, ...). */
  readonly profile?: string;
  /** Calls of one request at most; only requests that may be repeated are. Default 4. */
  readonly attempts?: number;
  /** For tests: how to wait between calls. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Lambda ends a function after 15 minutes at the latest (Lambda quotas); an answer that takes longer does not come. */
const ANSWER_MS = 905_000;
const CONNECT_MS = 10_000;

/** The way to the deployed function, with the operator's AWS credentials. */
export function lambdaTransport(options: LambdaTransportOptions): Transport {
  const { region, profile } = options;
  const client = new LambdaClient({
    region,
    ...(profile === undefined ? {} : { profile }),
    // Repeated below: the SDK cannot know which calls may be sent twice.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      // The line is silent until the answer comes.
      socketTimeout: ANSWER_MS,
    },
  });
  return async (request) => {
    const attempts = isRepeatable(request) ? (options.attempts ?? 4) : 1;
    for (let attempt = 1; ; attempt++) {
      const outcome = await invoke(client, request, options);
      if ("response" in outcome) return outcome.response;
      if (!outcome.passing || attempt >= attempts) throw new ControlFailure(outcome.error);
      // Full jitter (AWS architecture blog, "Exponential backoff and jitter"): operators' scripts must not meet again and again.
      await (options.pause ?? sleep)(Math.random() * 500 * 2 ** attempt);
    }
  };
}

type Outcome = { readonly response: Response } | ReturnType<typeof explainAwsError>;

async function invoke(
  client: LambdaClient,
  request: Request,
  options: LambdaTransportOptions,
): Promise<Outcome> {
  const command = new InvokeCommand({ FunctionName: options.functionName, Payload: JSON.stringify(request) });
  let payload: string;
  try {
    const { FunctionError, Payload } = await client.send(command);
    payload = Buffer.from(Payload ?? []).toString("utf8");
    if (FunctionError !== undefined) return explainFunctionError(payload, options);
  } catch (error) {
    return explainAwsError(error, options);
  }
  return { response: readResponse(payload) };
}
