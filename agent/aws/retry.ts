import { backoff } from "../backoff";
import type { Clock } from "../clock";
import { AwsError } from "./query";

export interface RetryOptions {
  readonly clock: Clock;
  /** Calls at most. */
  readonly attempts: number;
  /** Wait after the first failure; it doubles each time, and half of it is random. */
  readonly firstMs: number;
  /** No wait is longer. */
  readonly longestMs?: number;
  readonly random?: () => number;
  /** Told about each failure that is going to be tried again. */
  readonly onRetry?: (error: AwsError, attempt: number) => void;
}

/** Repeats a call while it fails for reasons that pass: throttling, errors of the service, no connection. */
export async function withRetry<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  const { clock, attempts, firstMs, longestMs = 20_000, random = Math.random, onRetry } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AwsError) || !error.retryable || attempt >= attempts) throw error;
      onRetry?.(error, attempt);
      const wait = backoff({ first: firstMs, longest: longestMs }, attempt - 1);
      await new Promise<void>((done) => clock.after(wait * (0.5 + random() / 2), done));
    }
  }
}
