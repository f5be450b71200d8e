import type { PolicyConfigSchema } from "@pulumi/policy";
import { text } from "./read";

/** Lets an operator say which stacks count as production: a regular expression for the stack's name. */
export const productionSchema: PolicyConfigSchema = {
  properties: {
    productionStacks: {
      type: "string",
      default: "^prod",
      description: "Regular expression for the names of production stacks.",
    },
  },
};

/** True when the resource belongs to a production stack; the stack's name is the URN's third part. */
export function isProduction(urn: string, config: unknown): boolean {
  const pattern = text(config, "productionStacks") ?? "^prod";
  return new RegExp(pattern).test(urn.split(":")[2] ?? "");
}
