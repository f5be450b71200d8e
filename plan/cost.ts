import { numberOf, objects, ofType, type ServerGroup, serverGroups, types } from "./lookup";
import { CALLS_PER_SERVER, sendingOf } from "./monitoring-cost";
import { HOURS_PER_MONTH, type PriceTable, prices } from "./prices";
import type { Plan, PlannedResource } from "./types";

/** One line of the estimate. */
export interface CostItem {
  readonly what: string;
  readonly quantity: number;
  /** US dollars a month for one. */
  readonly each: number;
  /** The list price that it comes from. Example: `$0.0225 an hour`. */
  readonly unit: string;
  readonly monthly: number;
}

/** What a plan costs a month without traffic; `problem` says why there is no figure, or what it leaves out. */
export interface CostEstimate {
  readonly region: string;
  readonly currency: "USD";
  readonly items: readonly CostItem[];
  readonly monthly: number | null;
  /** What is billed by use and therefore not in the sum. */
  readonly usage: readonly string[];
  readonly problem?: string;
  readonly source?: string;
}

/** Estimates the fixed monthly cost of a plan from its resources. */
export function estimateCost(plan: Plan): CostEstimate {
  const { region } = plan;
  const table = prices[region];
  const none = { region, currency: "USD" as const, items: [], monthly: null, usage: [] };
  if (table === undefined) {
    const known = Object.keys(prices).join(", ");
    return { ...none, problem: `no price table for region "${region}" (plan/prices.ts has ${known})` };
  }
  const unpriced = new Set<string>();
  const items = fixedItems(plan, table, unpriced)
    .filter((item) => item.quantity > 0)
    .map((item) => ({ ...item, each: cents(item.each), monthly: cents(item.quantity * item.each) }));
  const monthly = cents(items.reduce((sum, item) => sum + item.monthly, 0));
  const usage = usageItems(plan, table);
  const source = `${table.source}, collected ${table.date}`;
  if (unpriced.size === 0) return { ...none, items, monthly, usage, source };
  return {
    ...none,
    items,
    monthly,
    usage,
    source,
    problem: `no price for ${[...unpriced].sort().join(", ")}: not in the sum`,
  };
}

function fixedItems(
  plan: Plan,
  { perHour, perMonth, perUse }: PriceTable,
  unpriced: Set<string>,
): Omit<CostItem, "monthly">[] {
  const count = (type: string): number => ofType(plan, type).length;
  const groups = serverGroups(plan);
  const hourly = (what: string, quantity: number, price: number) => ({
    what,
    quantity,
    each: price * HOURS_PER_MONTH,
    unit: perHourText(price),
  });
  return [
    hourly("Network Load Balancer", networkBalancers(plan).length, perHour.networkLoadBalancer),
    hourly("public IPv4 address (Elastic IP)", count(types.eip), perHour.publicIpv4),
    hourly("public IPv4 address (server)", publicServers(groups), perHour.publicIpv4),
    hourly("NAT gateway", count(types.natGateway), perHour.natGateway),
    hourly("interface endpoint, per zone", interfaceEndpoints(plan), perHour.interfaceEndpoint),
    ...groups.flatMap((group) => serverItems(group, perHour.instances, perMonth, unpriced)),
    monthly("KMS key", count(types.key), perMonth.kmsKey),
    ...alarmItems(plan, perMonth),
    ...metricItems(groups, perMonth.customMetric, perUse.metricCalls),
    monthly("dashboard", count(types.dashboard), perMonth.dashboard),
  ];
}

function perHourText(price: number): string {
  return `$${price} an hour`;
}

function monthly(what: string, quantity: number, each: number): Omit<CostItem, "monthly"> {
  return { what, quantity, each, unit: `$${each} a month` };
}

function serverItems(
  { desired, instanceType, spot, template, warm }: ServerGroup,
  instances: Readonly<Record<string, number>>,
  perMonth: PriceTable["perMonth"],
  unpriced: Set<string>,
): Omit<CostItem, "monthly">[] {
  const price = instances[instanceType];
  if (price === undefined) unpriced.add(instanceType);
  const gigabytes = objects(template?.inputs["blockDeviceMappings"])
    .flatMap((mapping) => objects(mapping["ebs"]))
    .reduce((sum, disk) => sum + numberOf(disk["volumeSize"], 0), 0);
  const runningAhead = warm.running ? warm.size : 0;
  const detailed = objects(template?.inputs["monitoring"])[0]?.["enabled"] === true;
  return [
    {
      what: `server ${instanceType}`,
      quantity: price === undefined ? 0 : desired - spot,
      each: (price ?? 0) * HOURS_PER_MONTH,
      unit: perHourText(price ?? 0),
    },
    {
      // Spot prices change by the hour and zone; without an own limit they never exceed the On-Demand price.
      what: `server ${instanceType}, Spot: at most`,
      quantity: price === undefined ? 0 : spot,
      each: (price ?? 0) * HOURS_PER_MONTH,
      unit: perHourText(price ?? 0),
    },
    {
      what: `server ${instanceType}, waiting in the warm pool`,
      quantity: price === undefined || !warm.running ? 0 : warm.size,
      each: (price ?? 0) * HOURS_PER_MONTH,
      unit: perHourText(price ?? 0),
    },
    {
      what: `gp3 disk, ${gigabytes} GB`,
      quantity: gigabytes === 0 ? 0 : desired + warm.size,
      each: gigabytes * perMonth.gp3PerGb,
      unit: `$${perMonth.gp3PerGb} per GB-month`,
    },
    monthly(
      "detailed monitoring",
      detailed ? desired + runningAhead : 0,
      perMonth.detailedMonitoringPerInstance,
    ),
  ];
}

/** CloudWatch bills every metric of an alarm's expression, more when the period is below a minute. */
function alarmItems(plan: Plan, perMonth: PriceTable["perMonth"]): Omit<CostItem, "monthly">[] {
  let standard = 0;
  let fast = 0;
  for (const alarm of ofType(plan, types.alarm)) {
    const metrics = objects(alarm.inputs["metricQueries"]).flatMap((query) => objects(query["metric"]));
    const periods = metrics.length > 0 ? metrics.map((metric) => metric["period"]) : [alarm.inputs["period"]];
    for (const period of periods) numberOf(period, 300) < 60 ? fast++ : standard++;
  }
  return [
    monthly("alarm metric", standard, perMonth.alarmMetric),
    monthly("high-resolution alarm metric", fast, perMonth.highResolutionAlarmMetric),
  ];
}

/** What servers send to CloudWatch: each name with its dimensions is a metric, however many servers send it; each call costs too. */
function metricItems(
  groups: readonly ServerGroup[],
  each: number,
  callPrice: number,
): Omit<CostItem, "monthly">[] {
  const sending = groups.map((group) => ({ desired: group.desired, ...sendingOf(group) }));
  const senders = sending.filter(({ level }) => level !== "none");
  const metrics = sending.reduce((sum, one) => sum + one.metrics, 0);
  return [
    monthly("custom metric", metrics, each),
    {
      what: "sending metrics, once a minute",
      quantity: senders.reduce((sum, { desired }) => sum + desired, 0),
      each: (CALLS_PER_SERVER / 1000) * callPrice,
      unit: `$${callPrice} per 1,000 calls`,
    },
  ];
}

function networkBalancers(plan: Plan): PlannedResource[] {
  return ofType(plan, types.loadBalancer).filter(
    (balancer) => balancer.inputs["loadBalancerType"] === "network",
  );
}

function publicServers(groups: readonly ServerGroup[]): number {
  const running = ({ desired, warm }: ServerGroup): number => desired + (warm.running ? warm.size : 0);
  return groups.reduce((sum, group) => sum + (group.publicAddresses ? running(group) : 0), 0);
}

function interfaceEndpoints(plan: Plan): number {
  return ofType(plan, types.vpcEndpoint)
    .filter((endpoint) => endpoint.inputs["vpcEndpointType"] === "Interface")
    .reduce((sum, endpoint) => sum + Math.max(1, objectsOrTexts(endpoint)), 0);
}

function objectsOrTexts(endpoint: PlannedResource): number {
  const subnets = endpoint.inputs["subnetIds"];
  return Array.isArray(subnets) ? subnets.length : 1;
}

function usageItems(plan: Plan, { usage }: PriceTable): string[] {
  const has = (type: string): boolean => ofType(plan, type).length > 0;
  const lines: string[] = [];
  if (networkBalancers(plan).length > 0)
    lines.push(`load balancer traffic: ${usage.networkLoadBalancer}`, `data out: ${usage.dataOut}`);
  if (has(types.natGateway)) lines.push(`NAT traffic: ${usage.natGateway}`);
  if (interfaceEndpoints(plan) > 0) lines.push(`endpoint traffic: ${usage.interfaceEndpoint}`);
  if (has(types.fileSystem)) lines.push(`EFS: ${usage.efs}`);
  if (has(types.flowLog)) lines.push(`flow logs: ${usage.logs} (+ traffic)`);
  else if (has(types.logGroup)) lines.push(`logs: ${usage.logs}`);
  lines.push(...scheduleLines(plan));
  if (has(types.lambda)) lines.push(`control function: ${usage.lambda}`);
  if (has(types.bucket)) lines.push(`S3: ${usage.s3}`);
  return lines;
}

/** What a schedule adds depends on its hours; said is how many servers it brings. */
function scheduleLines(plan: Plan): string[] {
  return ofType(plan, types.schedule).map(({ inputs }) => {
    const sizes = (["minSize", "maxSize", "desiredCapacity"] as const)
      .filter((size) => numberOf(inputs[size], -1) >= 0)
      .map((size) => `${size} ${numberOf(inputs[size], 0)}`);
    return `schedule ${String(inputs["scheduledActionName"])} (${String(inputs["recurrence"])}, ${String(inputs["timeZone"])}): ${sizes.join(", ")}; servers as above for those hours`;
  });
}

function cents(dollars: number): number {
  return Math.round(dollars * 100) / 100;
}
