/**
 * The whole cluster on one machine: servers that boot from the plan's user data, the load balancer in front of them,
 * the shared file system, clients, and a backend behind the servers. Runs inside the lab's own namespaces (see
 * enter.ts); nothing here touches the host.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import { backendAddress, INTERNET } from "./addresses";
import { Balancer, type BalancerEvent } from "./balancer/balancer";
import { type Client, ECHO_PORT } from "./client";
import type { Fault } from "./faults";
import { Group } from "./group";
import { Machine, type Site } from "./machine";
import { Members } from "./members";
import type { LabModel } from "./model";
import { Network } from "./network";
import { attempt } from "./process";
import type { Server } from "./server";
import type { LabEvent, LabStatus, ServerStatus } from "./status";

export interface LabOptions {
  /** Whether the group replaces a server that its load balancer calls unhealthy, as an Auto Scaling group does. */
  replaceUnhealthy: boolean;
  /** Program that guest/echo.ts was bundled into. */
  echoProgram: string;
}

export class Lab {
  readonly group: Group;
  readonly members: Members;
  private readonly balancer: Balancer;
  private readonly began = performance.now();
  private readonly hosts = new Map<string, Machine>();
  /** Addresses whose packets vanish. */
  private readonly cut = new Set<string>();

  private constructor(
    private readonly model: LabModel,
    private readonly site: Site,
    private readonly options: LabOptions,
    private readonly tell: (event: LabEvent) => void,
    private readonly network: Network,
    private readonly wireguard: LabStatus["wireguard"],
  ) {
    const log = this.log.bind(this);
    this.balancer = new Balancer(model, (event) => this.onBalancer(event));
    this.group = new Group(model, site, network, this.balancer, log);
    const reachable = (): Server[] =>
      [...this.group.servers.values()].filter((s) => s.state === "running" && !this.cut.has(s.place.address));
    const isTaken = (name: string): boolean => this.machines().has(name);
    const { echoProgram } = options;
    this.members = new Members({ model, site, network, echoProgram, log, isTaken, reachable });
  }

  /** Lays the network and the shared folders; servers come with {@link up}. */
  static async create(
    model: LabModel,
    site: Site,
    options: LabOptions,
    tell: (event: LabEvent) => void,
  ): Promise<Lab> {
    layFolders(model, site.lab);
    return new Lab(model, site, options, tell, await Network.create(model), await detectWireGuard());
  }

  /** Starts the hosts behind and beside the servers, and the group's servers; resolves when their boots have ended. */
  async up(): Promise<void> {
    const { backendCidr } = this.model;
    await this.startHost("backend", backendCidr, backendAddress(backendCidr));
    await this.startHost("internet", INTERNET.cidr, INTERNET.host);
    this.log(`network, load balancer and backend are up (WireGuard: ${this.wireguard})`);
    await this.group.fill();
  }

  /** Resolves when the load balancer calls as many servers healthy as the group wants; limit in milliseconds. */
  async whenHealthy(limit: number): Promise<void> {
    const late = performance.now() + limit;
    const healthy = (): number => this.balancer.status().targets.filter((t) => t.health === "healthy").length;
    while (healthy() < this.group.desired) {
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
        if (event.state === "unhealthy" && this.options.replaceUnhealthy)
          void this.group.replace(event.target);
        return;
      case "rerouted":
        this.log(`load balancer moves ${event.flows} flows away from ${event.target}`);
        return;
      case "failOpen":
        if (event.zones.length > 0)
          this.log(`no healthy server for ${event.zones.join(", ")}: fail open`, "bad");
    }
  }

  /** Makes something go wrong, or ends it; resolves when it has happened. */
  async fault(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case "crash":
        this.machine(fault.server); // says so when it does not run
        await this.group.server(fault.server).crash();
        return this.log(`${fault.server} crashed`, "bad");
      case "blackhole":
        await this.setCut([this.group.server(fault.server).place.address], true);
        return this.log(`${fault.server} is a black hole`, "bad");
      case "stop":
        this.log(`${fault.server} is asked to stop and drains`);
        this.machine(fault.server); // says so when it does not run
        return this.group.server(fault.server).stop();
      case "start":
        await this.setCut([this.group.server(fault.server).place.address], false);
        return this.group.start(fault.server);
      case "scale":
        return this.group.scale(fault.capacity);
      case "efs-hang":
        await this.signalStorage("STOP");
        writeFileSync(this.hangs, ""); // mount.efs looks for it: a server that starts meanwhile hangs as well
        return this.log("the shared file system hangs", "bad");
      case "efs-heal":
        rmSync(this.hangs, { force: true });
        await this.signalStorage("CONT");
        return this.log("the shared file system answers again", "good");
      case "az-loss":
        await this.setCut(this.zoneAddresses(fault.zone), true);
        return this.log(`zone ${fault.zone} is lost`, "bad");
      case "az-heal":
        await this.setCut(this.zoneAddresses(fault.zone), false);
        return this.log(`zone ${fault.zone} is back`, "good");
    }
  }

  private async setCut(addresses: string[], cut: boolean): Promise<void> {
    for (const address of addresses) cut ? this.cut.add(address) : this.cut.delete(address);
    await this.balancer.setCut(addresses, cut);
  }

  private zoneAddresses(name: string): string[] {
    const zone = this.model.zones.find((candidate) => candidate.name === name);
    if (!zone)
      throw new UserError(`no zone '${name}'; there are: ${this.model.zones.map((z) => z.name).join(", ")}`);
    const servers = [...this.group.servers.values()].filter((server) => server.place.zone === name);
    return [zone.publicIp, ...servers.map((server) => server.place.address)];
  }

  private get hangs(): string {
    return join(this.site.lab, "efs", ".hangs");
  }

  /** Stops or continues the processes that serve the file system to each server. */
  private async signalStorage(signal: "STOP" | "CONT"): Promise<void> {
    for (const server of this.group.servers.values()) {
      if (!server.machine.running) continue;
      const { code } = await server.machine.attempt(["pkill", `-${signal}`, "-x", "bindfs"]);
      if (code !== 0) {
        throw new UserError(
          "this lab cannot make the file system hang: it needs the program bindfs and access to /dev/fuse; " +
            "get bindfs with './wgc setup', allow /dev/fuse with 'sudo chmod 666 /dev/fuse', then start the lab again",
        );
      }
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

  private log(text: string, level: LabEvent["level"] = "info"): void {
    this.tell({ at: performance.now() - this.began, text, level });
  }

  async status(): Promise<LabStatus> {
    const { model } = this;
    const servers = await this.serverStatus();
    return {
      stack: model.stack,
      uptime: performance.now() - this.began,
      wireguard: this.wireguard,
      endpoint: `${model.endpoint.dnsName}:${model.endpoint.port}`,
      zones: model.zones.map(({ name, publicIp }) => ({ name, publicIp })),
      group: { min: model.group.min, max: model.group.max, desired: this.group.desired },
      failOpen: this.balancer.status().failOpen,
      servers,
      clients: this.members.status(new Map(servers.map((server) => [server.address, server.name]))),
    };
  }

  private async serverStatus(): Promise<ServerStatus[]> {
    const flows = await this.balancer.flows();
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
        flows: flows.get(address) ?? 0,
        cut: this.cut.has(address),
      };
    });
  }

  /** Ends all timers; the machines end with the lab's process namespace. */
  close(): void {
    this.balancer.close();
  }
}

/** Makes the folders that all machines share, with the plan's objects in its buckets. */
function layFolders(model: LabModel, lab: string): void {
  for (const folder of ["disks", "efs", "s3"]) mkdirSync(join(lab, folder), { recursive: true });
  for (const object of model.objects) {
    const target = join(lab, "s3", object.bucket, object.key);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(object.path, target);
  }
  for (const system of model.fileSystems) {
    for (const point of system.accessPoints)
      mkdirSync(join(lab, "efs", system.id, point.id), { recursive: true });
  }
}

/** Whether this kernel makes WireGuard devices itself; tried in the lab's own network namespace. */
async function detectWireGuard(): Promise<LabStatus["wireguard"]> {
  const { code } = await attempt(["ip", "link", "add", "probe", "type", "wireguard"]);
  if (code !== 0) return "wireguard-go";
  await attempt(["ip", "link", "delete", "probe"]);
  return "kernel";
}
