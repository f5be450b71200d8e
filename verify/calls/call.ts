import type { Json, JsonObject } from "../../plan";
import type { Service } from "../model";

/** One request that a provider sends to AWS for a resource. */
export interface Call {
  readonly service: Service;
  readonly operation: string;
  readonly input: JsonObject;
}

/** Says which calls make a resource from its inputs, after the provider's source; each input has to be taken. */
export type Mapping = (take: Take) => readonly Call[];
export type Mappings = Readonly<Record<string, Mapping>>;

/** Hands out inputs and keeps count of what nobody asked for, so that a new input cannot go unchecked. */
export class Take {
  private readonly taken = new Set<string>();

  constructor(private readonly inputs: JsonObject) {}

  value(name: string): Json | undefined {
    this.taken.add(name);
    return this.inputs[name];
  }

  /** A block of Terraform: a structure, or a list of one. */
  block(name: string): JsonObject {
    const value = this.value(name);
    const [first] = Array.isArray(value) ? value : [value];
    return isObject(first) ? first : {};
  }

  list(name: string): Json[] {
    const value = this.value(name);
    return Array.isArray(value) ? value : value === undefined ? [] : [value];
  }

  /** Inputs that only the provider itself knows. */
  skip(...names: readonly string[]): void {
    for (const name of names) this.taken.add(name);
  }

  /** Inputs under AWS's names: the first letter in upper case. */
  pascal(...names: readonly string[]): JsonObject {
    return Object.fromEntries(names.flatMap((name) => entry(capital(name), deep(this.value(name)))));
  }

  /** Tags as the list that most services take. */
  tags(): JsonObject[] {
    const tags = this.value("tags");
    return isObject(tags) ? Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) : [];
  }

  left(): string[] {
    return Object.keys(this.inputs).filter((name) => !this.taken.has(name));
  }
}

/** A call; members without a value are left out, as SDKs do. */
export function call(
  service: Service,
  operation: string,
  input: Readonly<Record<string, Json | undefined>>,
): Call {
  return {
    service,
    operation,
    input: Object.fromEntries(Object.entries(input).flatMap(([key, value]) => entry(key, value))),
  };
}

/** EC2's tags, which name the kind of resource; nothing without tags. */
export function tagSpecification(ResourceType: string, Tags: JsonObject[]): JsonObject {
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType, Tags }] };
}

/** Every key of a structure under AWS's name. */
export function deep(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.flatMap((element) => deep(element) ?? []);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, element]) => entry(capital(key), deep(element))),
  );
}

/** Providers keep some numbers and flags as text. */
export function numeric(value: Json | undefined): Json | undefined {
  return typeof value === "string" && value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value;
}

export function flag(value: Json | undefined): Json | undefined {
  return value === "true" ? true : value === "false" ? false : value;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function entry(key: string, value: Json | undefined): [string, Json][] {
  return value === undefined || value === null ? [] : [[key, value]];
}
