/** The VPC's route tables as the kernel's: what ip(8) must be told. Pure. */
import type { RouteTable, Vpc } from "./vpc";

/** Numbers of the kernel's tables; a route table keeps its place in the plan. */
const FIRST_TABLE = 1001;

export const kernelTable = (index: number): number => FIRST_TABLE + index;

/**
 * Which table a packet is led by: that of the subnet that it comes from. Lines for `ip -batch`.
 *
 * @param bridgeOf name of a subnet's bridge, undefined for one that the lab does not have
 */
export function subnetRules(
  tables: readonly RouteTable[],
  bridgeOf: (subnet: string) => string | undefined,
): string[] {
  return tables.flatMap((table, index) =>
    table.subnets.flatMap((subnet) => {
      const bridge = bridgeOf(subnet);
      const number = kernelTable(index);
      return bridge === undefined ? [] : [`rule add iif ${bridge} lookup ${number} pref ${number}`];
    }),
  );
}

/** What one route leads to, as `ip route replace` wants it after the destination's range. */
type Target = `via ${string} dev ${string}` | "blackhole";

/** Kernel table and destination → target. */
export type KernelRoutes = ReadonlyMap<string, Target>;

/** The routes that API calls have made; one to an interface that is gone is a black hole, as on AWS. */
export function kernelRoutes(vpc: Vpc, bridgeOf: (subnet: string) => string | undefined): KernelRoutes {
  const routes = new Map<string, Target>();
  for (const [index, table] of vpc.allTables().entries()) {
    for (const { destination, interface: id } of table.routes.values()) {
      const target = vpc.interface(id);
      const bridge = target && bridgeOf(target.subnet);
      routes.set(
        `${kernelTable(index)} ${destination}`,
        target && bridge !== undefined ? `via ${target.address} dev ${bridge}` : "blackhole",
      );
    }
  }
  return routes;
}

/** The lines for `ip -batch` that lead from one state to another; nothing where nothing changed. No route is ever away meanwhile. */
export function routeChanges(before: KernelRoutes, after: KernelRoutes): string[] {
  return [...after].flatMap(([key, target]) => {
    if (before.get(key) === target) return [];
    const [table = "", destination = ""] = key.split(" ");
    return [
      target === "blackhole"
        ? `route replace blackhole ${destination} table ${table}`
        : `route replace ${destination} ${target} onlink table ${table}`,
    ];
  });
}
