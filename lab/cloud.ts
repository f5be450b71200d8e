/** What AWS keeps about the lab's instances besides the load balancer: their network interfaces and keys, the VPC's routes, and the API. */
import { API_ADDRESS } from "./addresses";
import { authorize } from "./aws/authorize";
import { RoleKeyRing, type RoleKeys } from "./aws/role-keys";
import { ApiService } from "./aws/service";
import { type ApiTrouble, NO_TROUBLE } from "./aws/trouble";
import type { Log } from "./group";
import type { LabModel } from "./model";
import type { Network } from "./network";
import type { RouteStatus } from "./status";
import { VpcRouter } from "./vpc/router";
import { type NetworkInterface, Vpc } from "./vpc/vpc";

export class Cloud {
  readonly keys = new RoleKeyRing();
  private readonly vpc: Vpc;
  private service: ApiService | undefined;
  private behaviour: ApiTrouble = NO_TROUBLE;

  private constructor(
    private readonly model: LabModel,
    private readonly log: Log,
    vpc: Vpc,
    private readonly router: VpcRouter,
  ) {
    this.vpc = vpc;
  }

  static async create(model: LabModel, network: Network, log: Log): Promise<Cloud> {
    const vpc = new Vpc(model.vpc);
    return new Cloud(model, log, vpc, await VpcRouter.start(model, vpc, network));
  }

  /** Starts the API. */
  async open(): Promise<void> {
    const { vpc, keys } = this;
    this.service = await ApiService.start({
      vpc,
      keys,
      trouble: () => this.behaviour,
      apply: () => this.router.apply(),
      authorize: (instance, call) => authorize(this.model, instance, call),
      changed: (instance, form) => this.noteChange(instance, form),
    });
  }

  /** What programs on a server find in their environment: the SDKs' variables for another endpoint. */
  get environment(): Record<string, string> {
    return { AWS_ENDPOINT_URL_EC2: `http://${API_ADDRESS}` };
  }

  /** An instance is launched. */
  async launch(about: Omit<NetworkInterface, "id" | "sourceDestCheck">): Promise<NetworkInterface> {
    const made = this.vpc.addInterface(about);
    await this.router.apply();
    return made;
  }

  /** An instance is terminated. */
  terminate(id: string): Promise<void> {
    this.vpc.removeInterface(id);
    return this.router.apply();
  }

  /** The keys of the servers' role for one instance. */
  keysOf(instance: string): RoleKeys & { role: string } {
    return { ...this.keys.of(instance), role: this.model.role };
  }

  /** How the API behaves. */
  get trouble(): ApiTrouble {
    return this.behaviour;
  }

  /** Makes the API behave in another way from the next call on. */
  setTrouble(change: Partial<ApiTrouble>): void {
    this.behaviour = { ...this.behaviour, ...change };
  }

  /** Somebody with other rights than the servers leads the tunnel's range to a server, in the tables of its zone; takes no time. */
  async lead(id: string): Promise<void> {
    const target = this.vpc.interface(id);
    if (!target) throw new Error(`no network interface ${id}`);
    const destination = this.model.routing.tunnelCidr;
    for (const table of this.vpc.allTables())
      if (table.zone === target.zone) this.vpc.setRoute(table.id, { destination, interface: id });
    await this.router.apply();
  }

  /** The routes that API calls have made. */
  routes(): RouteStatus[] {
    return this.vpc.allTables().flatMap(({ id: table, zone, subnets, routes }) =>
      [...routes.values()].map((route) => ({
        table,
        zone,
        subnets: [...subnets],
        destination: route.destination,
        interface: route.interface,
        server: this.vpc.interface(route.interface)?.server ?? null,
      })),
    );
  }

  close(): void {
    this.service?.close();
  }

  private noteChange(instance: string, form: URLSearchParams): void {
    const name = this.vpc.allInterfaces().find((one) => one.instance === instance)?.server ?? instance;
    const table = this.vpc.table(form.get("RouteTableId") ?? "");
    const check = form.get("SourceDestCheck.Value") === "true" ? "on" : "off";
    if (table) this.log(`${name} is the next hop of ${table.zone} (${table.id})`);
    else this.log(`${name} switched its source/destination check ${check}`);
  }
}
