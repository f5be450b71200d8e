import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../../plan";
import { estimateCost } from "../../plan/cost";
import { renderGraph } from "../../plan/graph";
import { stackPlan } from "../support/plans";

const projectDir = join(__dirname, "..", "..");
const read = (file: string): string => readFileSync(join(projectDir, file), "utf8");
const plans = new Map<string, Plan>();

beforeAll(async () => {
  for (const stack of ["dev", "prod", "private"]) plans.set(stack, await stackPlan(stack));
}, 300_000);

const planOf = (stack: string): Plan => {
  const plan = plans.get(stack);
  if (plan === undefined) throw new Error(`no plan of ${stack}`);
  return plan;
};

test("the README's monthly sums are what the plans cost", () => {
  const [dev, prod] = ["dev", "prod"].map((stack) => estimateCost(planOf(stack)).monthly?.toFixed(2));
  expect(read("README.md")).toContain(`| **a month, before traffic** | **$${dev}** | **$${prod}** |`);
  const hidden = estimateCost(planOf("private"));
  const of = (what: string) => hidden.items.find((item) => item.what === what)?.quantity;
  expect([of("NAT gateway"), of("interface endpoint, per zone")]).toEqual([3, 12]);
  expect(read("README.md")).toContain(`\`private\` costs $${hidden.monthly?.toFixed(2)}: `);
});

test("the picture is up to date (mend: ./wgc plan --stack prod --graph docs/images/architecture.svg)", () => {
  expect(read("docs/images/architecture.svg") === renderGraph(planOf("prod"))).toBe(true);
});
