import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { Json, JsonObject } from "../plan";

/** One shape of a service model; the names are Smithy's, as botocore writes them. */
const shapeSchema = z.object({
  type: z.string(),
  required: z.array(z.string()).optional(),
  members: z.record(z.string(), z.string()).optional(),
  member: z.string().optional(),
  key: z.string().optional(),
  value: z.string().optional(),
  enum: z.array(z.string()).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  pattern: z.string().optional(),
});
const extractSchema = z.object({
  botocore: z.string(),
  service: z.string(),
  apiVersion: z.string(),
  iamPrefix: z.string(),
  inputs: z.record(z.string(), z.string()),
  operations: z.array(z.string()),
  shapes: z.record(z.string(), shapeSchema),
});

type Shape = z.infer<typeof shapeSchema>;
/** What AWS's own SDK knows about one service. */
export type ServiceModel = z.infer<typeof extractSchema>;

/** Services whose models are kept in `verify/botocore`. */
export const services = [
  "autoscaling",
  "cloudwatch",
  "ec2",
  "efs",
  "elbv2",
  "events",
  "iam",
  "kms",
  "lambda",
  "logs",
  "route53",
  "s3",
  "sns",
  "ssm",
  "sts",
] as const;
export type Service = (typeof services)[number];

const loaded = new Map<Service, ServiceModel>();

/** The extract of one service's model. */
export function modelOf(service: Service): ServiceModel {
  const known = loaded.get(service);
  if (known !== undefined) return known;
  const model = extractSchema.parse(
    JSON.parse(readFileSync(join(__dirname, "botocore", `${service}.model`), "utf8")),
  );
  loaded.set(service, model);
  return model;
}

/** Checks the input of a call against the service's model; each fault names its path. */
export function inputFaults(service: Service, operation: string, input: JsonObject): string[] {
  const model = modelOf(service);
  const shape = model.inputs[operation];
  if (shape === undefined)
    return [`${service}.${operation} is not in the extract; run scripts/extract-botocore.py`];
  return faultsOf(model, shape, input, `${operation}`);
}

function faultsOf(model: ServiceModel, name: string, value: Json, path: string): string[] {
  const shape = model.shapes[name];
  if (shape === undefined) return [`${path}: the model has no shape ${name}`];
  switch (shape.type) {
    case "structure":
      return structureFaults(model, shape, value, path);
    case "list":
      return Array.isArray(value)
        ? [
            ...sizeFaults(shape, value.length, `${path} has`, "elements"),
            ...value.flatMap((element, index) =>
              faultsOf(model, shape.member ?? "", element, `${path}[${index}]`),
            ),
          ]
        : [`${path} is no list`];
    case "map":
      return isObject(value)
        ? Object.entries(value).flatMap(([key, element]) => [
            ...faultsOf(model, shape.key ?? "", key, `${path} key "${key}"`),
            ...faultsOf(model, shape.value ?? "", element, `${path}.${key}`),
          ])
        : [`${path} is no map`];
    case "string":
      return typeof value === "string"
        ? textFaults(shape, value, path)
        : [`${path} is no text but ${kind(value)}`];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${path} is no flag but ${kind(value)}`];
    case "blob":
      return typeof value === "string" || isObject(value) ? [] : [`${path} is no data but ${kind(value)}`];
    default:
      return numberFaults(shape, value, path);
  }
}

function structureFaults(model: ServiceModel, shape: Shape, value: Json, path: string): string[] {
  if (!isObject(value)) return [`${path} is no structure but ${kind(value)}`];
  const members = shape.members ?? {};
  const missing = (shape.required ?? [])
    .filter((member) => value[member] === undefined)
    .map((member) => `${path}.${member} is required`);
  const present = Object.entries(value).flatMap(([member, element]) => {
    const next = members[member];
    return next === undefined
      ? [`${path}.${member} is not known to the service`]
      : faultsOf(model, next, element, `${path}.${member}`);
  });
  return [...missing, ...present];
}

function textFaults(shape: Shape, value: string, path: string): string[] {
  const length = sizeFaults(shape, [...value].length, `${path} has`, "characters");
  if (shape.enum !== undefined && !shape.enum.includes(value))
    return [...length, `${path} is "${value}", which is none of ${shape.enum.slice(0, 8).join(", ")}…`];
  if (shape.pattern !== undefined && !expression(shape.pattern).test(value))
    return [...length, `${path} is "${value.slice(0, 60)}", which does not match ${shape.pattern}`];
  return length;
}

/** The models' patterns are Java's and cover the whole value. What JavaScript writes otherwise is rewritten, what it lacks throws. */
function expression(pattern: string): RegExp {
  const translated = pattern
    .replaceAll("\\p{IsLetter}", "\\p{L}")
    .replace(/\[([^\]]*)\]/g, (whole) => whole.replaceAll("\\u0020", " "));
  try {
    return new RegExp(`^(?:${translated})$`, "u");
  } catch {
    // Escapes that the strict mode refuses, such as `\-` outside of a class; no such pattern uses \p.
    return new RegExp(`^(?:${translated})$`);
  }
}

function numberFaults(shape: Shape, value: Json, path: string): string[] {
  if (!["integer", "long", "float", "double"].includes(shape.type))
    return [`${path}: kind ${shape.type} is not checked`];
  if (typeof value !== "number") return [`${path} is no number but ${kind(value)}`];
  const whole = ["integer", "long"].includes(shape.type) && !Number.isInteger(value);
  return [...(whole ? [`${path} is no whole number`] : []), ...sizeFaults(shape, value, `${path} is`, "")];
}

function sizeFaults({ min, max }: Shape, size: number, what: string, unit: string): string[] {
  const end = unit === "" ? "" : ` ${unit}`;
  if (min !== undefined && size < min) return [`${what} ${size}${end}, at least ${min} are asked for`];
  if (max !== undefined && size > max) return [`${what} ${size}${end}, at most ${max} are allowed`];
  return [];
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kind(value: Json): string {
  return value === null ? "nothing" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
