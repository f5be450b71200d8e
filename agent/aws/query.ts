import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Credentials } from "./credentials";

/**
 * AWS's query protocol, which EC2, Auto Scaling and CloudWatch speak. The SDK's client for EC2 alone takes 80 MB of memory (1.4 MB of
 * code), more than the whole agent; what the agent needs of it is a form and a signature, and the signature is the SDK's own.
 */
export interface Service {
  /** Name in host names and signatures. */
  readonly name: "ec2" | "autoscaling" | "monitoring";
  /** Version of the API. */
  readonly version: string;
  /** How members of lists are numbered: EC2 `Tag.1`, the others `Tag.member.1`. */
  readonly member: "" | ".member";
  /** The SDKs' environment variable for another endpoint. */
  readonly endpointVariable: string;
}

export const EC2: Service = {
  name: "ec2",
  version: "2016-11-15",
  member: "",
  endpointVariable: "AWS_ENDPOINT_URL_EC2",
};
export const AUTO_SCALING: Service = {
  name: "autoscaling",
  version: "2011-01-01",
  member: ".member",
  endpointVariable: "AWS_ENDPOINT_URL_AUTO_SCALING",
};
export const CLOUDWATCH: Service = {
  name: "monitoring",
  version: "2010-08-01",
  member: ".member",
  endpointVariable: "AWS_ENDPOINT_URL_CLOUDWATCH",
};

/** What a call may be given. */
export type Parameter =
  | string
  | number
  | boolean
  | undefined
  | readonly Parameter[]
  | { readonly [name: string]: Parameter };

/** A call that AWS refused, or that did not reach it. */
export class AwsError extends Error {
  constructor(
    readonly action: string,
    /** AWS's code such as `RequestLimitExceeded`; `Unreachable` when there was no answer. */
    readonly code: string,
    message: string,
    readonly status: number | undefined,
    options?: ErrorOptions,
  ) {
    super(`${action}: ${code}: ${message}`, options);
  }

  /** Whether it was one call too many. */
  get throttled(): boolean {
    return this.status === 429 || THROTTLED.test(this.code);
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return this.status === undefined || this.status >= 500 || this.throttled;
  }
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
const THROTTLED = /Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|BandwidthLimitExceeded/;
const LIMIT_MS = 10_000;

export interface QueryOptions {
  readonly service: Service;
  readonly region: string;
  readonly credentials: { get(): Promise<Credentials> };
  readonly env?: NodeJS.ProcessEnv;
  readonly fetchUrl?: typeof fetch;
  readonly limitMs?: number;
}

/** Calls one service with this instance's role. */
export class AwsQuery {
  private readonly endpoint: URL;

  constructor(private readonly options: QueryOptions) {
    this.endpoint = endpointOf(options.service, options.region, options.env ?? process.env);
  }

  /**
   * Makes one call and gives back the answer's XML. It is not repeated.
   *
   * @throws AwsError when AWS refuses, or does not answer within the limit (10 s by default).
   */
  async call(action: string, parameters: Readonly<Record<string, Parameter>>): Promise<string> {
    const { service, fetchUrl = fetch, limitMs = LIMIT_MS } = this.options;
    const form = new URLSearchParams([
      ["Action", action],
      ["Version", service.version],
      ...flatten("", parameters, service.member),
    ]).toString();
    try {
      const headers = await this.sign(form);
      const signal = AbortSignal.timeout(limitMs);
      const response = await fetchUrl(this.endpoint, { method: "POST", headers, body: form, signal });
      const text = await response.text();
      if (response.ok) return text;
      const code = element(text, "Code") ?? `HTTP${response.status}`;
      throw new AwsError(action, code, element(text, "Message") ?? "no message", response.status);
    } catch (error) {
      if (error instanceof AwsError) throw error;
      throw new AwsError(action, "Unreachable", causeOf(error), undefined, { cause: error });
    }
  }

  private async sign(body: string): Promise<Record<string, string>> {
    const { service, region, credentials } = this.options;
    const signer = new SignatureV4({
      service: service.name,
      region,
      sha256: Sha256,
      credentials: await credentials.get(),
    });
    const { headers } = await signer.sign({
      method: "POST",
      protocol: this.endpoint.protocol,
      hostname: this.endpoint.hostname,
      path: this.endpoint.pathname,
      query: {},
      headers: {
        host: this.endpoint.host,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      },
      body,
    });
    const { host: _, ...rest } = headers; // fetch sets it from the URL
    return rest;
  }
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html for the variables. */
function endpointOf(service: Service, region: string, env: NodeJS.ProcessEnv): URL {
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return new URL(
    env[service.endpointVariable] ??
      env["AWS_ENDPOINT_URL"] ??
      `https://${service.name}.${region}.${suffix}/`,
  );
}

/** Parameters as a form has them: `A.B`, and members of lists numbered from 1. */
export function flatten(name: string, value: Parameter, member: string): [string, string][] {
  if (value === undefined) return [];
  if (Array.isArray(value))
    return value.flatMap((item: Parameter, index) => flatten(`${name}${member}.${index + 1}`, item, member));
  if (typeof value === "object")
    return Object.entries(value).flatMap(([key, item]) =>
      flatten(name === "" ? key : `${name}.${key}`, item, member),
    );
  return [[name, String(value)]];
}

/** The text of the first element of that name, for the few simple values that the agent reads. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/** `fetch` hides the reason of a failure in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
