/**
 * The whole cluster on one machine: servers that boot from the plan's user data, the load balancer in front of them,
 * the shared file system, clients, and a backend behind the servers. Runs inside the lab's own namespaces (see
 * enter.ts); nothing here touches the host.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import { readChanges, readCluster, readServerKeys } from "../registry/reader";
import { addClient, revokeClient } from "../registry/writer";
import { renderClientConfig } from "../wireguard/config";
import { generateKeyPair } from "../wireguard/keys";
import { backendAddress, clientAddress, INTERNET, serverAddress, serverPublicAddress } from "./addresses";
import { Balancer } from "./balancer/balancer";
import { Client, ECHO_PORT } from "./client";
import type { Fault } from "./faults";
import { Machine, type Site } from "./machine";
import { instanceId, type LabModel } from "./model";
import { Network } from "./network";
import { attempt } from "./process";
import { Server } from "./server";
import type { ClientStatus, LabEvent, LabStatus, ServerStatus } from "./status";

export interface LabOptions {
  /** Whether the group replaces a server that its load balancer calls unhealthy, as an Auto Scaling group does. */
  replaceUnhealthy: boolean;
  /** Program that guest/echo.ts was bundled into. */
  echoProgram: string;
}

export class Lab {
  readonly servers = new Map<string, Server>();
  readonly clients = new Map<string, Client>();
  private readonly hosts = new Map<string, Machine>();
  private readonly began = performance.now();
  private readonly balancer: Balancer;
  private readonly cut = new Set<string>();
  private network: Network | undefined;
  private desired: number;
  private launched = 0;
  private joined = 0;
  private wireguard: LabStatus["wireguard"] = "wireguard-go";

  constructor(
    private readonly model: LabModel,
    private readonly site: Site,
    private readonly options: LabOptions,
    private readonly tell: (event: LabEvent) => void,
  ) {
    this.desired = model.group.desired;
    this.balancer = new Balancer(model, (event) => {
      switch (event.kind) {
        case "health":
          this.log(
            `${event.target} is ${event.state} (${event.reason})`,
            event.state === "healthy" ? "good" : "bad",
          );
          if (event.state === "unhealthy" && options.replaceUnhealthy) void this.replace(event.target);
          return;
        case "rerouted":
          return this.log(`load balancer moves ${event.flows} flows away from ${event.target}`);
        case "failOpen":
          if (event.zones.length > 0)
            this.log(`no healthy server for ${event.zones.join(", ")}: fail open`, "bad");
      }
    });
  }

  // --- Coming up ---------------------------------------------------------------------------------------------------

  /** Builds everything and boots the group's desired number of servers; resolves when their boots have ended. */
  async up(): Promise<void> {
    this.wireguard = await detectWireGuard();
    this.layFolders();
    this.network = await Network.create(this.model);
    await this.startHost("backend", this.model.backendCidr, backendAddress(this.model.backendCidr));
    await this.startHost("internet", INTERNET.cidr, INTERNET.host);
    this.log(`network, load balancer and backend are up (WireGuard: ${this.wireguard})`);
    await this.launchTo(this.desired);
  }

  private layFolders(): void {
    const { lab } = this.site;
    for (const folder of ["disks", "efs", "s3"]) mkdirSync(join(lab, folder), { recursive: true });
    for (const object of this.model.objects) {
      const target = join(lab, "s3", object.bucket, object.key);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(object.path, target);
    }
    for (const system of this.model.fileSystems) {
      for (const point of system.accessPoints)
        mkdirSync(join(lab, "efs", system.id, point.id), { recursive: true });
    }
  }

  private async startHost(name: string, subnet: string, address: string): Promise<void> {
    const machine = new Machine(name, this.site);
    this.hosts.set(name, machine);
    await machine.start();
    await this.attach(machine, subnet, address);
    copyFileSync(this.options.echoProgram, join(machine.disk, "lab", "echo.js"));
    machine.spawn(["node", "/lab/echo.js", "serve", String(ECHO_PORT)]);
  }

  private attach(machine: Machine, subnet: string, address: string): Promise<void> {
    if (!this.network) throw new Error("the lab is not up");
    return this.network.attach(machine, subnet, address);
  }

  /** Launches servers until the group has `count`, each in the zone with the fewest; all boot side by side. */
  private async launchTo(count: number): Promise<void> {
    const boots: Promise<void>[] = [];
    while (this.servers.size < count) boots.push(this.boot(this.launch()));
    await Promise.all(boots);
  }

  private launch(): Server {
    if (!this.network) throw new Error("the lab is not up");
    const index = this.launched++;
    const count = (zone: string): number =>
      [...this.servers.values()].filter((s) => s.place.zone === zone).length;
    const [zone] = [...this.model.zones].sort((a, b) => count(a.name) - count(b.name));
    if (!zone) throw new Error("the model has no zones");
    const place = {
      name: `s${index + 1}`,
      instance: instanceId(this.model.group.name, index + 1),
      zone: zone.name,
      subnet: zone.serverCidr,
      address: serverAddress(zone.serverCidr, index),
      publicAddress: serverPublicAddress(index),
    };
    const machine = new Machine(place.name, this.site, { WGC_INSTANCE_ID: place.instance });
    const server = new Server(place, machine, this.network, this.model.userData);
    this.servers.set(server.name, server);
    return server;
  }

  private async boot(server: Server): Promise<void> {
    this.log(`${server.name} boots in ${server.place.zone}`);
    await server.start();
    this.log(`${server.name} ran its user data in ${(server.bootTime / 1000).toFixed(1)} s`);
    const { name, address, publicAddress, zone } = server.place;
    await this.balancer.register({ name, address, publicAddress, zone });
  }

  // --- The group ---------------------------------------------------------------------------------------------------

  /** What the Auto Scaling group does with an unhealthy server: a new one first, then the old one goes. */
  private async replace(name: string): Promise<void> {
    const old = this.servers.get(name);
    if (!old) return;
    const replacement = this.launch();
    this.log(`the group replaces ${name} with ${replacement.name}`);
    try {
      await this.boot(replacement);
      await this.balancer.deregister(name);
      await old.crash();
      this.servers.delete(name);
    } catch (error) {
      this.log(`${replacement.name} did not boot: ${error instanceof Error ? error.message : error}`, "bad");
    }
  }

  private async scale(capacity: number): Promise<void> {
    const { min, max } = this.model.group;
    if (capacity < min || capacity > max) {
      throw new UserError(
        `capacity ${capacity} is outside the group's limits ${min}-${max} (config wgc:minServers, wgc:maxServers)`,
      );
    }
    this.desired = capacity;
    await this.launchTo(capacity);
    const surplus = [...this.servers.values()].slice(capacity);
    await Promise.all(surplus.map((server) => this.retire(server)));
  }

  /** Scale-in as AWS orders it: out of the load balancer first, then its delay, then the instance ends. */
  private async retire(server: Server): Promise<void> {
    this.log(`${server.name} is deregistered; its flows end in ${this.model.targets.deregistrationDelay} s`);
    await this.balancer.deregister(server.name);
    await pause(this.model.targets.deregistrationDelay * 1000);
    await server.stop();
    this.servers.delete(server.name);
    this.log(`${server.name} is gone`);
  }

  // --- Faults ------------------------------------------------------------------------------------------------------

  /** Makes something go wrong, or ends it; resolves when it has happened. */
  async fault(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case "crash":
        this.log(`${fault.server} crashes`, "bad");
        return this.server(fault.server).crash();
      case "blackhole":
        this.log(`${fault.server} becomes a black hole`, "bad");
        return this.setCut([this.server(fault.server).place.address], true);
      case "stop":
        this.log(`${fault.server} is asked to stop and drains`);
        return this.server(fault.server).stop();
      case "start":
        await this.setCut([this.server(fault.server).place.address], false);
        return this.server(fault.server).start();
      case "scale":
        return this.scale(fault.capacity);
      case "efs-hang":
        return this.signalStorage("STOP");
      case "efs-heal":
        return this.signalStorage("CONT");
      case "az-loss":
        this.log(`zone ${fault.zone} is lost`, "bad");
        return this.setCut(this.zoneAddresses(fault.zone), true);
      case "az-heal":
        return this.setCut(this.zoneAddresses(fault.zone), false);
    }
  }

  /** Any machine of the lab, by name. */
  machine(name: string): Machine {
    const found = this.servers.get(name)?.machine ?? this.clients.get(name)?.machine ?? this.hosts.get(name);
    if (!found) {
      const names = [...this.servers.keys(), ...this.clients.keys(), ...this.hosts.keys()];
      throw new UserError(`no machine '${name}'; there are: ${names.join(", ")}`);
    }
    if (!found.running)
      throw new UserError(`machine ${name} is not running; start it with: ./wgc lab fault start ${name}`);
    return found;
  }

  client(name: string): Client {
    const client = this.clients.get(name);
    if (!client)
      throw new UserError(`no client '${name}'; there are: ${[...this.clients.keys()].join(", ") || "none"}`);
    return client;
  }

  private server(name: string): Server {
    const server = this.servers.get(name);
    if (!server)
      throw new UserError(`no server '${name}'; there are: ${[...this.servers.keys()].join(", ")}`);
    return server;
  }

  private async setCut(addresses: string[], cut: boolean): Promise<void> {
    for (const address of addresses) cut ? this.cut.add(address) : this.cut.delete(address);
    await this.balancer.setCut(addresses, cut);
  }

  private zoneAddresses(name: string): string[] {
    const zone = this.model.zones.find((candidate) => candidate.name === name);
    if (!zone)
      throw new UserError(`no zone '${name}'; there are: ${this.model.zones.map((z) => z.name).join(", ")}`);
    const servers = [...this.servers.values()].filter((server) => server.place.zone === name);
    return [zone.publicIp, ...servers.map((server) => server.place.address)];
  }

  /** Stops or continues the processes that serve the file system to each server. */
  private async signalStorage(signal: "STOP" | "CONT"): Promise<void> {
    this.log(
      signal === "STOP" ? "the shared file system hangs" : "the shared file system answers again",
      signal === "STOP" ? "bad" : "good",
    );
    for (const server of this.servers.values()) {
      if (!server.machine.running) continue;
      const { code } = await server.machine.attempt(["pkill", `-${signal}`, "-x", "bindfs"]);
      if (code !== 0) {
        throw new UserError(
          "this lab cannot make the file system hang: it needs the program bindfs and access to /dev/fuse; " +
            "install them with: ./wgc setup, then start the lab again",
        );
      }
    }
  }

  // --- Clients -----------------------------------------------------------------------------------------------------

  private get registryPath(): string {
    for (const system of this.model.fileSystems) {
      const point = system.accessPoints.find((candidate) => candidate.path === "/registry");
      if (point) return join(this.site.lab, "efs", system.id, point.id);
    }
    throw new UserError("the plan has no EFS access point with the path /registry");
  }

  /** Adds a client to the registry; returns its wg-quick file, and the revision that the change made. */
  private async enrol(name: string): Promise<{ config: string; revision: number }> {
    const pair = generateKeyPair();
    const client = await addClient(this.registryPath, { name, publicKey: pair.publicKey });
    const cluster = await readCluster(this.registryPath);
    const server = await readServerKeys(this.registryPath);
    const { revision } = await readChanges(this.registryPath);
    const config = renderClientConfig({
      privateKey: pair.privateKey,
      addresses: client.addresses,
      mtu: cluster.mtu,
      serverPublicKey: server.publicKey,
      endpoint: cluster.endpoint,
      allowedIps: client.routes ?? cluster.routes,
      persistentKeepalive: cluster.persistentKeepalive,
    });
    return { config, revision };
  }

  /**
   * Adds a client and connects it; resolves with what it took: `applied` until every live server knows it, `firstAnswer`
   * until the backend answered it; milliseconds since the registry had it.
   */
  async join(name: string): Promise<{ applied: number; firstAnswer: number }> {
    const index = this.joined++;
    const zone = this.model.zones[index % this.model.zones.length];
    if (!zone) throw new Error("the model has no zones");
    const client = new Client(name, clientAddress(index), new Machine(name, this.site));
    await client.machine.start();
    await this.attach(client.machine, INTERNET.cidr, client.address);
    copyFileSync(this.options.echoProgram, join(client.machine.disk, "lab", "echo.js"));
    const { config, revision } = await this.enrol(name);
    const began = performance.now();
    await this.whenApplied(revision, 15_000);
    const applied = performance.now() - began;
    this.clients.set(name, client);
    const hosts = `127.0.0.1 localhost\n${zone.publicIp} ${this.model.endpoint.dnsName}\n`;
    const first = client.traffic.next(() => true, 20_000);
    await client.connect(config, hosts, backendAddress(this.model.backendCidr));
    if (!(await first))
      throw new Error(`${name} got no answer from the backend within 20 s (${client.problem})`);
    const firstAnswer = performance.now() - began;
    this.log(`${name} is connected ${Math.round(firstAnswer)} ms after it was added`, "good");
    return { applied, firstAnswer };
  }

  /** Revokes a client; resolves when every live server has removed it, with the milliseconds that took. */
  async revoke(name: string): Promise<{ applied: number }> {
    this.client(name);
    await revokeClient(this.registryPath, name);
    const began = performance.now();
    const { revision } = await readChanges(this.registryPath);
    await this.whenApplied(revision, 15_000);
    const applied = performance.now() - began;
    this.log(`${name} is revoked on every server after ${Math.round(applied)} ms`);
    return { applied };
  }

  /** Resolves when every server that runs and can be reached reports at least this revision. */
  private async whenApplied(revision: number, limit: number): Promise<void> {
    const late = performance.now() + limit;
    const behind = async (): Promise<string[]> => {
      const live = [...this.servers.values()].filter(
        (s) => s.state === "running" && !this.cut.has(s.place.address),
      );
      const revisions = await Promise.all(live.map((server) => this.appliedRevision(server)));
      return live.filter((_, index) => (revisions[index] ?? -1) < revision).map((server) => server.name);
    };
    for (let names = await behind(); names.length > 0; names = await behind()) {
      if (performance.now() > late) {
        throw new Error(
          `revision ${revision} was not applied by ${names.join(", ")} within ${limit / 1000} s`,
        );
      }
      await pause(20);
    }
  }

  private appliedRevision(server: Server): Promise<number> {
    const { port, path } = this.model.targets.health;
    return new Promise((resolve) => {
      const request = get(
        { host: server.place.address, port, path, agent: false, timeout: 1000 },
        (response) => {
          let body = "";
          response.on("data", (chunk) => {
            body += String(chunk);
          });
          response.on("end", () =>
            resolve(Number((JSON.parse(body) as { revision?: number }).revision ?? -1)),
          );
        },
      );
      request.on("timeout", () => request.destroy());
      request.on("error", () => resolve(-1));
    });
  }

  // --- Telling -----------------------------------------------------------------------------------------------------

  private log(text: string, level: LabEvent["level"] = "info"): void {
    this.tell({ at: performance.now() - this.began, text, level });
  }

  /** The clock that traffic is measured by: milliseconds. */
  now(): number {
    return performance.now();
  }

  async status(): Promise<LabStatus> {
    const balancer = this.balancer.status();
    const flows = await this.balancer.flows();
    const byAddress = new Map(
      [...this.servers.values()].map((server) => [server.place.address, server.name]),
    );
    const servers = [...this.servers.values()].map((server): ServerStatus => {
      const target = balancer.targets.find((candidate) => candidate.name === server.name);
      const { name, instance, zone, address } = server.place;
      return {
        ...{ name, instance, zone, address, state: server.state, bootTime: server.bootTime },
        health: target?.health ?? "unused",
        reason: target?.reason ?? "",
        flows: flows.get(address) ?? 0,
        cut: this.cut.has(address),
      };
    });
    return {
      stack: this.model.stack,
      uptime: performance.now() - this.began,
      wireguard: this.wireguard,
      endpoint: `${this.model.endpoint.dnsName}:${this.model.endpoint.port}`,
      zones: this.model.zones.map(({ name, publicIp }) => ({ name, publicIp })),
      group: { ...this.model.group, desired: this.desired },
      failOpen: balancer.failOpen,
      servers,
      clients: [...this.clients.values()].map((client, index) => this.clientStatus(client, index, byAddress)),
    };
  }

  private clientStatus(client: Client, index: number, servers: Map<string, string>): ClientStatus {
    const report = client.traffic.report();
    return {
      name: client.name,
      tunnelAddress: client.tunnelAddress,
      via: this.model.zones[index % this.model.zones.length]?.publicIp ?? "",
      server: report.last && servers.get(report.last.via),
      sent: report.sent,
      received: report.received,
      rtt: report.last?.rtt,
      silent: report.last && performance.now() - report.last.at,
    };
  }

  /** Ends all timers; the machines end with the lab's process namespace. */
  close(): void {
    this.balancer.close();
  }
}

/** Whether this kernel makes WireGuard devices itself; tried in the lab's own network namespace. */
async function detectWireGuard(): Promise<LabStatus["wireguard"]> {
  const { code } = await attempt(["ip", "link", "add", "probe", "type", "wireguard"]);
  if (code !== 0) return "wireguard-go";
  await attempt(["ip", "link", "delete", "probe"]);
  return "kernel";
}
