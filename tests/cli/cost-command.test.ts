import { STACK, wgc } from "./support";

jest.setTimeout(120_000);

test("the total is the plan's; the table has every line with its list price, and Client VPN stands beside it", async () => {
  const [plan, cost, text] = await Promise.all([
    wgc(["plan", "--json"]),
    wgc(["cost", "--json", "--clients", "50", "--gb", "2"]),
    wgc(["cost", "--clients", "50", "--gb", "2"]),
  ]);
  const planned = JSON.parse(plan.stdout).cost;
  const shown = JSON.parse(cost.stdout);
  expect({ ...shown, withUse: undefined, project: undefined, stack: undefined }).toEqual({
    ...planned,
    withUse: undefined,
  });
  const sum = shown.items.reduce((total: number, { monthly }: { monthly: number }) => total + monthly, 0);
  expect(shown.monthly).toBe(Number(sum.toFixed(2)));
  for (const { what, unit, monthly } of shown.items)
    expect(text.stdout).toMatch(
      new RegExp(`${literal(what)} +\\d+ +${literal(unit)} +\\$${monthly.toFixed(2)}\\b`),
    );
  expect(text.stdout).toMatch(/AWS Client VPN +\$595\.00\n/);
  expect(shown.withUse.clientVpn.monthly).toBe(595);
  expect(text.stdout).toMatch(/\nprices: .+, collected \d{4}-\d\d-\d\d\n$/);
});

test.each<[string, string[], RegExp, number]>([
  [
    "a region without prices",
    ["--config", "aws:region=eu-central-1"],
    /no price table for region "eu-central-1".*plan\/prices\.ts/,
    1,
  ],
  [
    "a server type without a price",
    ["--config", "wgc:instanceType=m7g.large"],
    /no price for m7g\.large.*known for t4g\.small/,
    1,
  ],
  ["a number that is none", ["--clients", "many"], /--clients many: it must be a number from 1 to 100000/, 2],
])("%s is refused, not guessed", async (_, args, message, exit) => {
  const { code, stdout, stderr } = await wgc(["cost", ...args]);
  expect([code, stdout]).toEqual([exit, ""]);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(STACK);
});

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
