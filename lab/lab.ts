/**
 * The whole cluster on one machine: servers that boot from the plan's user data, the load balancer in front of them,
 * the shared file system, clients, and a backend behind the servers. Runs inside the lab's own namespaces (see
 * enter.ts); nothing here touches the host.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import type { Response } from "../control/protocol";
import { backendAddress, INTERNET } from "./addresses";
import type { StubCall } from "./aws-stub/auto-scaling";
import { Balancer, type BalancerEvent } from "./balancer/balancer";
import type { Flow } from "./balancer/flows";
import type { AwsCall } from "./boot/aws-services";
import type { BootModel } from "./boot/model";
import { BootYard, type YardContext } from "./boot/yard";
import { type Client, ECHO_PORT } from "./client";
import { Cloud } from "./cloud";
import { Connections } from "./connections";
import { LabControl } from "./control";
import { Group, type Log } from "./group";
import { MetadataService } from "./imds";
import { AWS_ENVIRONMENT, LifecycleHooks } from "./lifecycle-hooks";
import { Machine, type Site } from "./machine";
import { Members } from "./members";
import type { LabModel } from "./model";
import { Network } from "./network";
import { attempt } from "./process";
import { type Roamed, roam } from "./roam";
import { Server, type ServerPlace } from "./server";
import { controlFolder, layFolders } from "./shared-folders";
import type { LabEvent, LabStatus, ServerStatus } from "./status";
import { StepwiseBoot } from "./stepwise-boot";
import { Trouble } from "./trouble";

export interface LabOptions {
  /** Whether the group replaces a server that its load balancer calls unhealthy, as an Auto Scaling group does. */
  replaceUnhealthy: boolean;
  /** Program that guest/echo.ts was bundled into. */
  echoProgram: string;
  /** Program that guest/talk.ts was bundled into. */
  talkProgram: string;
  /** What servers need that boot by themselves; without it they take the steps of their user data on the host's programs. */
  boot?: { model: BootModel; image: YardContext["image"] };
}

export class Lab {
  readonly group: Group;
  readonly members: Members;
  readonly trouble: Trouble;
  readonly connections: Connections;
  private readonly control: LabControl;
  private readonly balancer: Balancer;
  private metadata: MetadataService | undefined;
  private readonly hooks: LifecycleHooks;
  private readonly began = performance.now();
  private readonly hosts = new Map<string, Machine>();
  private readonly yard: BootYard | undefined;

  private constructor(
    private readonly model: LabModel,
    private readonly site: Site,
    private readonly options: LabOptions,
    private readonly log: Log,
    private readonly network: Network,
    private readonly cloud: Cloud,
    private readonly wireguard: LabStatus["wireguard"],
  ) {
    this.balancer = new Balancer(model, (event) => this.onBalancer(event));
    this.hooks = new LifecycleHooks(model);
    const stepwise = (place: ServerPlace): Server => {
      const machine = new Machine(place.name, site, { ...AWS_ENVIRONMENT, ...cloud.environment });
      return new Server(
        place,
        new StepwiseBoot(machine, model.userData),
        network,
        cloud.keysOf(place.instance),
      );
    };
    if (options.boot) {
      const { model: boot, image } = options.boot;
      this.yard = new BootYard({ model, boot, site, network, cloud, hooks: this.hooks, log, image });
    }
    const make = this.yard ? this.yard.make.bind(this.yard) : stepwise;
    this.group = new Group(model, make, this.balancer, cloud, this.hooks, log);
    const machine = this.machine.bind(this);
    const { group, balancer } = this;
    this.trouble = new Trouble({ model, site, group, balancer, network, cloud, log, machine });
    const reachable = (): Server[] =>
      [...this.group.servers.values()].filter((s) => s.state === "running" && !this.trouble.isCut(s));
    const isTaken = (name: string): boolean => this.machines().has(name);
    const { echoProgram, talkProgram } = options;
    this.connections = new Connections({ model, talkProgram, machine });
    this.control = new LabControl(model.control, controlFolder(model, site.lab));
    const control = this.control.client;
    this.members = new Members({ model, site, network, echoProgram, log, isTaken, reachable, control });
  }

  /** Lays the network and the shared folders; servers come with {@link up}. */
  static async create(
    model: LabModel,
    site: Site,
    options: LabOptions,
    tell: (event: LabEvent) => void,
  ): Promise<Lab> {
    layFolders(model, site.lab);
    const network = await Network.create(model);
    const began = performance.now();
    const log: Log = (text, level = "info") => tell({ at: performance.now() - began, text, level });
    const cloud = await Cloud.create(model, network, log);
    return new Lab(model, site, options, log, network, cloud, await detectWireGuard());
  }

  /** Starts the hosts behind and beside the servers, and the group's servers; resolves when their boots have ended. */
  async up(): Promise<void> {
    for (const { name, cidr } of this.model.backends) await this.startHost(name, cidr, backendAddress(cidr));
    await this.cloud.open();
    this.metadata = await MetadataService.start((address) => this.group.at(address)?.metadata);
    await this.hooks.start();
    await this.startHost("internet", INTERNET.cidr, INTERNET.host);
    this.log(`network, load balancer and backend are up (WireGuard: ${this.wireguard})`);
    this.log(`the control function has made the servers' key: ${await this.control.deploy()}`);
    await this.yard?.open(this.group);
    await this.group.fill();
  }

  /** Resolves when the load balancer calls as many servers healthy as are to be in service; limit in milliseconds. */
  async whenHealthy(limit: number): Promise<void> {
    const late = performance.now() + limit;
    const wanted = (): number => (this.model.routing.isPassive ? 1 : this.group.desired);
    const healthy = (): number => this.balancer.status().targets.filter((t) => t.health === "healthy").length;
    while (healthy() < wanted()) {
      if (performance.now() > late)
        throw new Error(`only ${healthy()} servers were healthy within ${limit / 1000} s`);
      await pause(50);
    }
  }

  private async startHost(name: string, subnet: string, address: string): Promise<void> {
    const machine = new Machine(name, this.site);
    this.hosts.set(name, machine);
    await machine.start();
    await this.network.attach(machine, subnet, address);
    copyFileSync(this.options.echoProgram, join(machine.disk, "lab", "echo.js"));
    machine.spawn(["node", "/lab/echo.js", "serve", String(ECHO_PORT)]);
  }

  private onBalancer(event: BalancerEvent): void {
    switch (event.kind) {
      case "health":
        this.log(
          `${event.target} is ${event.state} (${event.reason})`,
          event.state === "healthy" ? "good" : "bad",
        );
        if (event.state === "healthy") this.group.noteHealthy(event.target);
        if (event.state === "unhealthy" && this.options.replaceUnhealthy && this.model.group.asksBalancer)
          void this.group.replace(event.target);
        return;
      case "rerouted":
        this.log(`load balancer moves ${event.flows.length} flows away from ${event.target}`);
        this.members.noteReroutes(event.flows);
        return;
      case "failOpen":
        if (event.zones.length > 0)
          this.log(`no healthy server for ${event.zones.join(", ")}: fail open`, "bad");
    }
  }

  /**
   * Any machine of the lab that runs: a server, a client, `backend` or `internet`.
   *
   * @throws UserError that lists the machines there are, or says how to start this one.
   */
  machine(name: string): Machine {
    const machines = this.machines();
    const found = machines.get(name);
    if (!found) throw new UserError(`no machine '${name}'; there are: ${[...machines.keys()].join(", ")}`);
    if (!found.running)
      throw new UserError(`machine ${name} is not running; start it with: ./wgc lab fault start ${name}`);
    return found;
  }

  private machines(): Map<string, Machine> {
    const owners = [...this.group.servers.values(), ...this.members.clients.values()];
    return new Map([...owners.map((owner) => [owner.name, owner.machine] as const), ...this.hosts]);
  }

  client(name: string): Client {
    return this.members.client(name);
  }

  /** Answers a request to the control function, as its invocation does on AWS. */
  async administer(request: unknown): Promise<Response> {
    const response = await this.control.handle(request);
    if (response.ok) this.members.noteChange(response);
    return response;
  }

  /** A client's router forgets its mapping; see {@link roam}. @param to name of the server to lead to */
  async roam(name: string, to?: string): Promise<Roamed> {
    const target = to === undefined ? undefined : this.group.server(to).place.address;
    const roamed = await roam(this.client(name), this.balancer, target);
    const server = (address: string): string => this.group.at(address)?.name ?? address;
    this.log(`${name} comes from another port and goes to ${server(roamed.to)} (was ${server(roamed.from)})`);
    return { ...roamed, from: server(roamed.from), to: server(roamed.to) };
  }

  async status(): Promise<LabStatus> {
    const { model } = this;
    const flows = await this.balancer.flows();
    const servers = this.serverStatus(flows);
    return {
      stack: model.stack,
      uptime: performance.now() - this.began,
      wireguard: this.wireguard,
      endpoint: `${model.endpoint.dnsName}:${model.endpoint.port}`,
      zones: model.zones.map(({ name, publicIp }) => ({ name, publicIp })),
      addressing: model.routing.mode,
      topology: model.routing.isPassive ? "active-passive" : "active-active",
      tunnelCidr: model.routing.tunnelCidr,
      backends: model.backends.map(({ name, zone, cidr }) => ({ name, zone, address: backendAddress(cidr) })),
      routes: this.cloud.routes(),
      api: this.cloud.trouble,
      group: { min: model.group.min, max: model.group.max, desired: this.group.desired },
      failOpen: this.balancer.status().failOpen,
      servers,
      clients: this.members.status(new Map(servers.map((server) => [server.address, server.name])), flows),
    };
  }

  private serverStatus(flows: readonly Flow[]): ServerStatus[] {
    const { targets } = this.balancer.status();
    return [...this.group.servers.values()].map((server) => {
      const target = targets.find((candidate) => candidate.name === server.name);
      const { name, instance, zone, address } = server.place;
      return {
        ...{
          name,
          instance,
          zone,
          address,
          state: server.state,
          bootTime: server.bootTime,
          boot: server.bootLog,
        },
        health: target?.health ?? "unused",
        reason: target?.reason ?? "",
        flows: flows.filter((flow) => flow.target === address).length,
        cut: this.trouble.isCut(server),
      };
    });
  }

  /** Ends all timers; the machines end with the lab's process namespace. */
  close(): void {
    this.balancer.close();
    this.metadata?.close();
    this.hooks.close();
    this.cloud.close();
    this.yard?.close();
  }

  /** What servers said to the Auto Scaling API, in order. */
  get lifecycleCalls(): readonly StubCall[] {
    return this.hooks.calls;
  }

  /** What booted servers asked of AWS, in order. */
  get awsCalls(): readonly AwsCall[] {
    return this.yard?.calls ?? [];
  }
}

/** Whether this kernel makes WireGuard devices itself; tried in the lab's own network namespace. */
async function detectWireGuard(): Promise<LabStatus["wireguard"]> {
  const { code } = await attempt(["ip", "link", "add", "probe", "type", "wireguard"]);
  if (code !== 0) return "wireguard-go";
  await attempt(["ip", "link", "delete", "probe"]);
  return "kernel";
}
