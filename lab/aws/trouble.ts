/** How the lab's AWS behaves: how long it takes, and what goes wrong with it. Pure. */
import { type ApiAnswer, ApiError, failure } from "./query";

/** What is wrong with the API: nothing, every call is throttled, or every call fails. */
export const API_STATES = ["fine", "throttle", "error"] as const;

export interface ApiTrouble {
  readonly state: (typeof API_STATES)[number];
  /** Milliseconds until a call takes effect. */
  readonly latency: number;
}

/** ReplaceRoute takes one to two seconds in the field until packets follow it. */
export const API_LATENCY_MS = 1500;

export const NO_TROUBLE: ApiTrouble = { state: "fine", latency: API_LATENCY_MS };

/** Calls that change nothing, and refusals, come in a tenth of the time. */
export const waitOf = ({ state, latency }: ApiTrouble, isRead: boolean): number =>
  isRead || state !== "fine" ? latency / 10 : latency;

/** The answer of an API in trouble; undefined when the call may go on. */
export function refusal(state: ApiTrouble["state"], requestId: string): ApiAnswer | undefined {
  switch (state) {
    case "fine":
      return undefined;
    case "throttle":
      // https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
      return failure(new ApiError("RequestLimitExceeded", "Request limit exceeded.", 503), requestId);
    case "error":
      return failure(new ApiError("InternalError", "An internal error has occurred", 500), requestId);
  }
}
