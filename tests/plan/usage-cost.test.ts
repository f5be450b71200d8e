import { estimateCost } from "../../plan/cost";
import { estimateUsage } from "../../plan/usage-cost";
import { planOf } from "./support";

jest.setTimeout(120_000);

const usage = { clients: 100, gbPerClient: 150, hoursPerClient: 176 };

test("a hundred clients: data out in tiers, capacity, bytes between zones; Client VPN bills hours instead", async () => {
  const plan = await planOf("cluster");
  const cost = estimateCost(plan);
  const estimate = estimateUsage(plan, cost, usage);
  // 15,000 GB: 10,240 at $0.09 and 4,760 at $0.085.
  expect(estimate?.items.map(({ what, quantity, monthly }) => [what, quantity, monthly])).toEqual([
    ["data out to the internet, GB", 15_000, 1326.2],
    ["load balancer capacity (NLCU-hours)", 15_000, 90],
    ["between zones, GB (both sides are billed)", 10_000, 200],
  ]);
  expect(estimate?.monthly).toBe(Number(((cost.monthly ?? 0) + 1326.2 + 90 + 200).toFixed(2)));
  // Three associated subnets all month, and 17,600 hours of connections.
  expect(estimate?.clientVpn.items.map(({ what, quantity, monthly }) => [what, quantity, monthly])).toEqual([
    ["subnet associations, hours", 2190, 219],
    ["connections, hours", 17_600, 880],
    ["data out to the internet, GB", 15_000, 1326.2],
  ]);
  expect(estimate?.clientVpn.monthly).toBe(2425.2);
});

test("private servers send everything through NAT", async () => {
  const plan = await planOf("cluster", { subnets: "private" });
  const items = estimateUsage(plan, estimateCost(plan), usage)?.items ?? [];
  expect(items.find(({ what }) => what.startsWith("through NAT"))).toMatchObject({
    quantity: 15_000,
    monthly: 675,
  });
});

test("very many idle clients need capacity for their flows, not for their bytes", async () => {
  const plan = await planOf("cluster");
  const items = estimateUsage(plan, estimateCost(plan), {
    clients: 100_000,
    gbPerClient: 0,
    hoursPerClient: 1,
  })?.items;
  expect(items?.map(({ what, quantity, monthly }) => [what, quantity, monthly])).toEqual([
    ["load balancer capacity (NLCU-hours)", 1460, 8.76],
  ]);
});

test("a region without prices has no estimate", async () => {
  const plan = { ...(await planOf("cluster")), region: "eu-mars-1" };
  expect(estimateUsage(plan, estimateCost(plan), usage)).toBeUndefined();
});
