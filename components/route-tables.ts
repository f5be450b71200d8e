import type * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../config/errors";

/** A route table and the zone of the subnets that use it. */
export interface ZonedRouteTable {
  readonly id: pulumi.Output<string>;
  readonly zone: pulumi.Output<string>;
}

/** One known route table. */
interface Entry {
  readonly id: string;
  readonly zone: string;
}

/**
 * The program's own tables and the named ones, each once.
 * @throws UserError for a named table that is one of the program's own: it would be led to two servers in turns.
 */
export function eachTableOnce(own: readonly Entry[], named: readonly Entry[]): readonly Entry[] {
  const known = new Map(own.map(({ id, zone }) => [id, zone]));
  const twice = named.find(({ id }) => known.has(id));
  if (twice === undefined) return [...own, ...named];
  throw new UserError(
    `wgc:routeTables names ${twice.id}, which is the program's own for a subnet of ${known.get(twice.id)}; it is led to a server already: remove it from wgc:routeTables`,
  );
}

/** The route tables of a VPC's subnets, in the order of their associations; `count` is known before anything exists. */
export function zonedRouteTables(vpc: awsx.ec2.Vpc, count: number): readonly ZonedRouteTable[] {
  const zones = vpc.subnets.apply((subnets) =>
    pulumi.all(subnets.map(({ id, availabilityZone }) => pulumi.all([id, availabilityZone]))),
  );
  const uses = vpc.routeTableAssociations.apply((associations) =>
    pulumi.all(associations.map(({ subnetId, routeTableId }) => pulumi.all([subnetId, routeTableId]))),
  );
  const tables = pulumi.all([zones, uses]).apply(([known, associations]): Entry[] => {
    const zoneOf = new Map(known);
    return associations.map(([subnetId, id]) => ({ id, zone: zoneOf.get(subnetId ?? "") ?? "" }));
  });
  const part = (index: number, key: keyof Entry) =>
    tables.apply((all) => {
      const value = all[index]?.[key];
      if (value) return value;
      throw new Error(`expected ${count} route tables, each of a subnet with a zone, found ${all.length}`);
    });
  return Array.from({ length: count }, (_, index) => ({ id: part(index, "id"), zone: part(index, "zone") }));
}
