import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markdownComparison, readEarlierCost } from "../../cli/cost-against";
import { compareCosts } from "../../plan/cost-against";

const item = (what: string, quantity: number, each: number) => ({
  what,
  quantity,
  monthly: Math.round(quantity * each * 100) / 100,
});
const before = {
  monthly: 43.81,
  items: [item("server t4g.small", 3, 12.27), item("KMS key", 1, 1), item("gp3 disk", 3, 2)],
};
const now = {
  monthly: 88.5,
  items: [item("server c7g.medium", 3, 26.5), item("KMS key", 1, 1), item("gp3 disk", 4, 2)],
};

test("what came, what went and what became more, and nothing else", () => {
  expect(compareCosts(before, now)).toEqual({
    before: 43.81,
    now: 88.5,
    difference: 44.69,
    changes: [
      {
        what: "server c7g.medium",
        before: { quantity: 0, monthly: 0 },
        now: { quantity: 3, monthly: 79.5 },
        difference: 79.5,
      },
      {
        what: "gp3 disk",
        before: { quantity: 3, monthly: 6 },
        now: { quantity: 4, monthly: 8 },
        difference: 2,
      },
      {
        what: "server t4g.small",
        before: { quantity: 3, monthly: 36.81 },
        now: { quantity: 0, monthly: 0 },
        difference: -36.81,
      },
    ],
  });
  expect(compareCosts(now, now)).toMatchObject({ difference: 0, changes: [] });
});

test("as Markdown", () => {
  expect(markdownComparison("dev", compareCosts(before, now))).toBe(
    [
      "**dev**: **+$44.69** a month ($43.81 → $88.50), before traffic",
      "",
      "| what | before | now | a month |",
      "| --- | ---: | ---: | ---: |",
      "| server c7g.medium | none | 3 × $26.50 | +$79.50 |",
      "| gp3 disk | 3 × $2.00 | 4 × $2.00 | +$2.00 |",
      "| server t4g.small | 3 × $12.27 | none | −$36.81 |",
      "",
    ].join("\n"),
  );
  expect(markdownComparison("dev", compareCosts(now, now))).toContain("**no change** a month");
});

test("a file that is not an estimate of this stack is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "wgc-cost-"));
  const file = join(folder, "before.json");
  const read = (content: unknown) => {
    writeFileSync(file, JSON.stringify(content));
    return readEarlierCost(file, { stack: "dev", region: "us-east-1" });
  };
  const whole = { stack: "dev", region: "us-east-1", ...before };
  expect(read(whole)).toMatchObject(before);
  expect(() => read({ ...whole, stack: "prod" })).toThrow("it is about the stack prod, not about dev");
  expect(() => read({ ...whole, region: "eu-west-1" })).toThrow("it is about the region eu-west-1");
  expect(() => read({})).toThrow("that is no cost estimate; make one with: ./wgc cost --json >");
  expect(() => readEarlierCost(join(folder, "none"), { stack: "dev", region: "us-east-1" })).toThrow(
    "no such file",
  );
  rmSync(folder, { recursive: true });
});
