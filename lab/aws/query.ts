/**
 * AWS's query protocol from the service's side: a form in, XML out. Pure.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-query-api.html
 */

/** A refusal with a code that AWS has: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

export interface ApiAnswer {
  readonly status: number;
  /** XML. */
  readonly body: string;
}

/** A call's parameters; remembers which were looked at, so that one nobody knows is refused and not passed over. */
export class Parameters {
  private readonly seen = new Set<string>(["Action", "Version"]);

  private constructor(private readonly values: ReadonlyMap<string, string>) {}

  /** @throws ApiError when a parameter is there twice. */
  static parse(form: string): Parameters {
    const values = new Map<string, string>();
    for (const [name, value] of new URLSearchParams(form)) {
      if (values.has(name))
        throw new ApiError("InvalidParameter", `The parameter ${name} was given more than once`);
      values.set(name, value);
    }
    return new Parameters(values);
  }

  optional(name: string): string | undefined {
    this.seen.add(name);
    const value = this.values.get(name);
    return value === "" ? undefined : value;
  }

  /** @throws ApiError when it is missing. */
  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined)
      throw new ApiError("MissingParameter", `The request must contain the parameter ${name}`);
    return value;
  }

  /** A truth value. @throws ApiError when it is anything else */
  flag(name: string): boolean | undefined {
    const value = this.optional(name);
    if (value === undefined || value === "true" || value === "false")
      return value === undefined ? value : value === "true";
    throw new ApiError(
      "InvalidParameterValue",
      `Value (${value}) for parameter ${name} is invalid. Allowed are true and false`,
    );
  }

  /** `Name.1`, `Name.2`, … in order. */
  list(name: string): string[] {
    const found: string[] = [];
    for (let index = 1; ; index += 1) {
      const value = this.optional(`${name}.${index}`);
      if (value === undefined) return found;
      found.push(value);
    }
  }

  /** @throws ApiError for the first parameter that nobody asked for. */
  finish(): void {
    const odd = [...this.values.keys()].find((name) => !this.seen.has(name));
    if (odd !== undefined) throw new ApiError("UnknownParameter", `The parameter ${odd} is not recognized`);
  }
}

/** XML as a value: text, elements by name, or a list, which EC2 writes as `item` elements. */
export type Xml = string | number | boolean | readonly Xml[] | { readonly [name: string]: Xml | undefined };

const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`);

/** Renders a value's content. */
export function xml(value: Xml): string {
  if (Array.isArray(value)) return value.map((item: Xml) => `<item>${xml(item)}</item>`).join("");
  if (typeof value === "object")
    return Object.entries(value)
      .flatMap(([name, content]) => (content === undefined ? [] : [`<${name}>${xml(content)}</${name}>`]))
      .join("");
  return escaped(String(value));
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** @param namespace of the service's version of its API */
export function success(action: string, namespace: string, requestId: string, content: Xml): ApiAnswer {
  const name = `${action}Response`;
  return {
    status: 200,
    body: `${HEAD}<${name} xmlns="${namespace}"><requestId>${requestId}</requestId>${xml(content)}</${name}>`,
  };
}

export function failure({ code, message, status }: ApiError, requestId: string): ApiAnswer {
  const errors = xml({ Errors: { Error: { Code: code, Message: message } }, RequestID: requestId });
  return { status, body: `${HEAD}<Response>${errors}</Response>` };
}
