import type { CostEstimate } from "./cost";
import { ofType, serverGroups, types } from "./lookup";
import { HOURS_PER_MONTH, type PriceTable, prices } from "./prices";
import type { Plan } from "./types";

/** How the cluster is used, on average over a month. */
export interface Usage {
  readonly clients: number;
  /** GB that each client moves in a month, both directions together. */
  readonly gbPerClient: number;
  /** Hours a month that each client is connected; Client VPN bills them, this cluster does not. */
  readonly hoursPerClient: number;
}

/** One line of what use costs. */
export interface UsageItem {
  readonly what: string;
  readonly quantity: number;
  readonly unit: string;
  readonly monthly: number;
}

/** The same users on this cluster and on AWS Client VPN. */
export interface UsageCost {
  readonly usage: Usage;
  readonly items: readonly UsageItem[];
  /** Fixed cost and use together. */
  readonly monthly: number;
  readonly clientVpn: { readonly items: readonly UsageItem[]; readonly monthly: number };
}

/**
 * What a plan costs with so many users, beside AWS Client VPN in the same zones. Every byte counts once as data out to the internet,
 * in both: right for clients that reach the internet through the tunnel, an upper bound for those that reach only the VPC.
 */
export function estimateUsage(plan: Plan, fixed: CostEstimate, usage: Usage): UsageCost | undefined {
  const table = prices[plan.region];
  if (table === undefined || fixed.monthly === null) return undefined;
  const gb = usage.clients * usage.gbPerClient;
  const out = dataOut(gb, table);
  const zones = new Set(serverGroups(plan).flatMap((group) => group.zones)).size;
  const items = [out, ...ownItems(plan, table, usage, gb, zones)].filter(({ monthly }) => monthly > 0);
  const vpn = [...clientVpnItems(table, usage, zones), out].filter(({ monthly }) => monthly > 0);
  return {
    usage,
    items,
    monthly: cents(fixed.monthly + sum(items)),
    clientVpn: { items: vpn, monthly: cents(sum(vpn)) },
  };
}

function ownItems(plan: Plan, { perUse }: PriceTable, usage: Usage, gb: number, zones: number): UsageItem[] {
  const balancers = ofType(plan, types.loadBalancer);
  const crossZone = balancers.some(({ inputs }) => inputs["enableCrossZoneLoadBalancing"] === true);
  // UDP: 1 GB in an hour or 50,000 flows are one NLCU; new flows never decide it (AWS's pricing page of Elastic Load Balancing).
  const nlcuHours = Math.max(gb, (usage.clients / 50_000) * HOURS_PER_MONTH);
  const between = crossZone && zones > 1 ? (gb * (zones - 1)) / zones : 0;
  const nat = ofType(plan, types.natGateway).length > 0 && serversArePrivate(plan) ? gb : 0;
  return [
    item(
      "load balancer capacity (NLCU-hours)",
      balancers.length > 0 ? nlcuHours : 0,
      perUse.nlcuHour,
      "NLCU-hour",
    ),
    item("between zones, GB (both sides are billed)", between, perUse.zoneGb * 2, "GB"),
    item("through NAT, GB", nat, perUse.natGb, "GB"),
  ];
}

function clientVpnItems({ clientVpn }: PriceTable, usage: Usage, zones: number): UsageItem[] {
  return [
    item("subnet associations, hours", zones * HOURS_PER_MONTH, clientVpn.associationHour, "hour"),
    item("connections, hours", usage.clients * usage.hoursPerClient, clientVpn.connectionHour, "hour"),
  ];
}

function serversArePrivate(plan: Plan): boolean {
  return serverGroups(plan).some(({ publicAddresses }) => !publicAddresses);
}

/** Tiers: the first 10 TB at one price, the next at another. */
function dataOut(gb: number, { perUse }: PriceTable): UsageItem {
  let below = 0;
  let monthly = 0;
  for (const { upToGb, price } of perUse.dataOutGb) {
    monthly += Math.max(0, Math.min(gb, upToGb) - below) * price;
    below = upToGb;
  }
  const [first] = perUse.dataOutGb;
  return {
    what: "data out to the internet, GB",
    quantity: gb,
    unit: `$${first?.price ?? 0} per GB, less in bulk`,
    monthly: cents(monthly),
  };
}

function item(what: string, quantity: number, price: number, unit: string): UsageItem {
  return { what, quantity: cents(quantity), unit: `$${price} per ${unit}`, monthly: cents(quantity * price) };
}

function sum(items: readonly UsageItem[]): number {
  return items.reduce((total, { monthly }) => total + monthly, 0);
}

function cents(value: number): number {
  return Math.round(value * 100) / 100;
}
