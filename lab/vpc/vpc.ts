/**
 * The VPC as EC2 knows it: network interfaces and route tables. What changes here is what an API call changes; the router
 * follows (router.ts). Pure but for its own state.
 */
import { createHash } from "node:crypto";
import type { LabRoute, LabVpc } from "../network-model";

/** An instance's network interface, from the instance's launch to its end. */
export interface NetworkInterface {
  readonly id: string;
  readonly instance: string;
  /** Name of the lab's server. */
  readonly server: string;
  readonly zone: string;
  readonly address: string;
  /** Range of the subnet that it is in. */
  readonly subnet: string;
  /** Whether only packets from and to its own address pass: so until an API call says otherwise. */
  sourceDestCheck: boolean;
}

/** A route that an API call made: a destination that leads to a network interface. */
export interface InterfaceRoute {
  readonly destination: string;
  readonly interface: string;
}

export interface RouteTable {
  readonly id: string;
  readonly zone: string;
  /** Ranges of the subnets that use it. */
  readonly subnets: readonly string[];
  /** The plan's own routes. */
  readonly planned: readonly LabRoute[];
  /** By destination. */
  readonly routes: ReadonlyMap<string, InterfaceRoute>;
}

/** An id as EC2 makes them: a prefix and 17 hexadecimal digits, that follow from the instance. */
export function interfaceId(instance: string): string {
  return `eni-${createHash("sha256").update(`${instance}/eth0`).digest("hex").slice(0, 17)}`;
}

export class Vpc {
  readonly id: string;
  readonly cidr: string;
  private readonly interfaces = new Map<string, NetworkInterface>();
  private readonly tables: Map<string, RouteTable & { routes: Map<string, InterfaceRoute> }>;

  constructor(vpc: LabVpc) {
    this.id = vpc.id;
    this.cidr = vpc.cidr;
    this.tables = new Map(
      vpc.routeTables.map(({ id, zone, subnets, routes }) => [
        id,
        { id, zone, subnets, planned: routes, routes: new Map() },
      ]),
    );
  }

  /** An instance is launched. */
  addInterface(about: Omit<NetworkInterface, "id" | "sourceDestCheck">): NetworkInterface {
    const made = { ...about, id: interfaceId(about.instance), sourceDestCheck: true };
    this.interfaces.set(made.id, made);
    return made;
  }

  /** An instance is terminated: its interface is gone, and what leads to it is a black hole. */
  removeInterface(id: string): void {
    this.interfaces.delete(id);
  }

  interface(id: string): NetworkInterface | undefined {
    return this.interfaces.get(id);
  }

  allInterfaces(): readonly NetworkInterface[] {
    return [...this.interfaces.values()];
  }

  table(id: string): RouteTable | undefined {
    return this.tables.get(id);
  }

  allTables(): readonly RouteTable[] {
    return [...this.tables.values()];
  }

  /** Leads a destination to a network interface; takes the place of a route that is there. */
  setRoute(table: string, route: InterfaceRoute): void {
    const found = this.tables.get(table);
    if (!found) throw new Error(`no route table ${table}`);
    found.routes.set(route.destination, route);
  }

  setSourceDestCheck(id: string, on: boolean): void {
    const found = this.interfaces.get(id);
    if (!found) throw new Error(`no network interface ${id}`);
    found.sourceDestCheck = on;
  }
}
