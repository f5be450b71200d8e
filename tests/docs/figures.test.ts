import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Plan, runPlan } from "../../plan";
import { estimateCost } from "../../plan/cost";
import { renderGraph } from "../../plan/graph";

const projectDir = join(__dirname, "..", "..");
const read = (file: string): string => readFileSync(join(projectDir, file), "utf8");
const plans = new Map<string, Plan>();

beforeAll(async () => {
  for (const stack of ["dev", "prod"])
    plans.set(stack, await runPlan({ projectDir, stack, mode: "resolved" }));
}, 120_000);

const planOf = (stack: string): Plan => {
  const plan = plans.get(stack);
  if (plan === undefined) throw new Error(`no plan of ${stack}`);
  return plan;
};

test("the README's monthly sums are what the plans cost", () => {
  const [dev, prod] = ["dev", "prod"].map((stack) => estimateCost(planOf(stack)).monthly?.toFixed(2));
  expect(read("README.md")).toContain(`| **a month, before traffic** | **$${dev}** | **$${prod}** |`);
});

test("the picture is up to date (mend: ./wgc plan --stack prod --graph docs/images/architecture.svg)", () => {
  expect(read("docs/images/architecture.svg") === renderGraph(planOf("prod"))).toBe(true);
});
