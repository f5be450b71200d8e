import { readFileSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../config/errors";
import type { Json, JsonObject, Plan } from "./types";

const json: z.ZodType<Json> = z.json();
const object: z.ZodType<JsonObject> = z.record(z.string(), json);
const texts = z.array(z.string());

/** A plan as `./wgc plan --json` prints it; loose, because later versions print more. */
const planFile = z.looseObject({
  project: z.string(),
  stack: z.string(),
  mode: z.enum(["preview", "resolved"]),
  region: z.string(),
  outputs: object,
  diagnostics: z.array(
    z.looseObject({ severity: z.enum(["info", "warning", "error"]), message: z.string() }),
  ),
  resources: z.array(
    z.looseObject({
      urn: z.string(),
      type: z.string(),
      name: z.string(),
      parent: z.string().nullable(),
      custom: z.boolean(),
      external: z.boolean(),
      id: z.string(),
      inputs: object,
      outputs: object,
      dependencies: texts,
      propertyDependencies: z.record(z.string(), texts),
      protect: z.boolean(),
      retainOnDelete: z.boolean(),
      ignoreChanges: texts,
      replaceOnChanges: texts,
      aliases: z.array(json),
      provider: z.string(),
    }),
  ),
});

/** Reads an earlier plan to compare with; it must be one of the same stack, made the same way. */
export function readPlanFile(file: string, now: Pick<Plan, "project" | "stack" | "mode" | "region">): Plan {
  const how = `make one with: ./wgc plan --stack ${now.stack} --json > before.json`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`--against ${file}: it is no plan (${reason}); ${how}`, { cause: error });
  }
  const result = planFile.safeParse(parsed);
  if (!result.success) {
    const [first] = result.error.issues;
    const place = first === undefined ? "" : ` (${first.path.join(".")}: ${first.message})`;
    throw new UserError(`--against ${file}: it is no plan${place}; ${how}`);
  }
  const plan = result.data;
  if (plan.project !== now.project || plan.stack !== now.stack)
    throw new UserError(
      `--against ${file}: it is a plan of ${plan.project}/${plan.stack}, not of ${now.project}/${now.stack}; ${how}`,
    );
  // Nothing moves between regions: every resource would be another one there.
  if (plan.region !== now.region)
    throw new UserError(
      `--against ${file}: it is a plan for ${plan.region}, and this one is for ${now.region}; a stack cannot move to another region: make a new stack there`,
    );
  if (plan.mode !== now.mode)
    throw new UserError(
      `--against ${file}: it is a ${plan.mode} plan and this one is ${now.mode}; ${plan.mode === "preview" ? "add --preview" : "leave out --preview"}`,
    );
  return { ...plan, diagnostics: plan.diagnostics.map(({ severity, message }) => ({ severity, message })) };
}
