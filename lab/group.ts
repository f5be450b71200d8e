/**
 * The lab's Auto Scaling group: launches servers into the emptiest zone, keeps them registered with the load balancer,
 * replaces unhealthy ones, and scales.
 */
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import { serverAddress, serverPublicAddress } from "./addresses";
import { askAgent } from "./agent-report";
import type { Balancer } from "./balancer/balancer";
import type { Cloud } from "./cloud";
import type { LifecycleHooks } from "./lifecycle-hooks";
import { instanceId, type LabModel } from "./model";
import { patient } from "./patience";
import type { Server, ServerPlace } from "./server";
import type { LabEvent } from "./status";
import { interfaceId } from "./vpc/vpc";

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
const SPOT_NOTICE_MS = 120_000;
const HEALTHY_LIMIT_MS = patient(120_000);
/** More than any drain takes; a lifecycle hook has such a limit (its heartbeat timeout) as well. */
const DRAIN_LIMIT_MS = 360_000;

export type Log = (text: string, level?: LabEvent["level"]) => void;

export class Group {
  readonly servers = new Map<string, Server>();
  desired: number;
  private launched = 0;
  /** Servers that are on their way out: nobody replaces them because they are unhealthy. */
  private readonly ending = new Set<string>();
  /** Servers that the load balancer has called healthy. */
  private readonly arrived = new Set<string>();

  constructor(
    private readonly model: LabModel,
    private readonly make: (place: ServerPlace) => Server,
    private readonly balancer: Balancer,
    private readonly cloud: Cloud,
    private readonly hooks: LifecycleHooks,
    private readonly log: Log,
  ) {
    this.desired = model.group.desired;
  }

  /**
   * The server of that name.
   *
   * @throws UserError that lists the servers there are.
   */
  server(name: string): Server {
    const server = this.servers.get(name);
    if (!server)
      throw new UserError(`no server '${name}'; there are: ${[...this.servers.keys()].join(", ")}`);
    return server;
  }

  /** The server with that address. */
  at(address: string): Server | undefined {
    return [...this.servers.values()].find(({ place }) => place.address === address);
  }

  /** Launches servers until the group has its desired number; all boot side by side. */
  async fill(): Promise<void> {
    const boots: Promise<void>[] = [];
    while (this.servers.size < this.desired) {
      const server = await this.launch();
      boots.push(this.boot(server));
    }
    await Promise.all(boots);
  }

  /** The load balancer calls a server healthy: its time of grace is over. */
  noteHealthy(name: string): void {
    this.arrived.add(name);
  }

  /** What the Auto Scaling group does with an unhealthy server: a new one first, then the old one goes. */
  async replace(name: string): Promise<void> {
    const old = this.servers.get(name);
    if (!old || this.ending.has(name)) return;
    this.ending.add(name);
    try {
      if (await this.arrives(old)) return;
      await this.replaceBy(await this.launch(), old);
    } finally {
      this.ending.delete(name);
    }
  }

  /**
   * A server that has booted and was never healthy gets time to become so; one that does not run gets none
   * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html). On AWS all of that time has to pass;
   * a lab is not that old, so here it ends when the server is healthy for the first time.
   */
  private async arrives(server: Server): Promise<boolean> {
    if (this.arrived.has(server.name)) return false;
    const late = performance.now() + this.model.group.gracePeriod * 1000;
    while (server.state === "running" && !this.arrived.has(server.name)) {
      if (performance.now() > late) return false;
      await pause(200);
    }
    return this.arrived.has(server.name);
  }

  private async replaceBy(replacement: Server, old: Server): Promise<void> {
    this.log(`the group replaces ${old.name} with ${replacement.name}`);
    try {
      await this.boot(replacement);
      await this.balancer.deregister(old.name);
      await old.crash();
      await this.remove(old);
    } catch (error) {
      this.log(`${replacement.name} did not boot: ${error instanceof Error ? error.message : error}`, "bad");
    }
  }

  /**
   * Changes the desired capacity; resolves when surplus servers are gone and new ones have booted.
   *
   * @throws UserError when the capacity is outside the group's limits.
   */
  async scale(capacity: number): Promise<void> {
    const { min, max } = this.model.group;
    if (capacity < min || capacity > max) {
      throw new UserError(
        `capacity ${capacity} is outside the group's limits ${min}-${max}; they are set by wgc:minServers and wgc:maxServers`,
      );
    }
    this.desired = capacity;
    await this.fill();
    const surplus = [...this.servers.values()].slice(capacity);
    await Promise.all(surplus.map((server) => this.retire(server)));
  }

  private async launch(): Promise<Server> {
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
      address: this.freeAddress(zone.serverCidr),
      publicAddress: serverPublicAddress(index),
    };
    const server = this.make({ ...place, interface: interfaceId(place.instance) });
    this.servers.set(server.name, server); // before anything is waited for: its address and name are taken
    await this.cloud.launch({ ...place, server: place.name });
    return server;
  }

  /** The instance is terminated: its machine has ended, its network interface and its place in the group go. */
  private async remove(server: Server): Promise<void> {
    await this.balancer.release(server.place.address);
    this.servers.delete(server.name);
    await this.cloud.terminate(server.place.interface);
  }

  private freeAddress(subnet: string): string {
    const taken = new Set([...this.servers.values()].map((server) => server.place.address));
    let slot = 0;
    while (taken.has(serverAddress(subnet, slot))) slot += 1;
    return serverAddress(subnet, slot);
  }

  private async boot(server: Server): Promise<void> {
    const { instance, zone } = server.place;
    this.log(`${server.name} boots in ${zone}`);
    // The instance is Pending:Wait from its start on; the load balancer hears of it when it says that it is ready.
    const launched = this.hooks.wait(instance, "launch", HEALTHY_LIMIT_MS);
    await server.start();
    this.log(`${server.name} ran its user data in ${(server.bootTime / 1000).toFixed(1)} s`);
    if ((await launched) === "ABANDON") {
      server.state = "failed"; // left running to be looked at
      throw new UserError(`${server.name} did not say within ${HEALTHY_LIMIT_MS / 1000} s that it is ready`);
    }
    await this.register(server);
  }

  private async register(server: Server): Promise<void> {
    const { name, address, publicAddress, zone } = server.place;
    if (this.balancer.knows(name)) return;
    await this.balancer.register({ name, address, publicAddress, zone });
  }

  /** Starts a server that crashed, was stopped or did not boot. */
  async start(name: string): Promise<void> {
    const server = this.server(name);
    await server.start();
    await this.register(server);
    this.log(`${name} runs`);
  }

  /** A server reboots: its agent drains, and it comes back with the same disk. */
  async reboot(name: string): Promise<void> {
    this.log(`${name} reboots`);
    await this.server(name).reboot();
    this.log(`${name} runs again`);
  }

  /** Asks a server's agent to drain, as `wgc node drain` does. */
  async drain(name: string): Promise<void> {
    await this.server(name).agent("drain");
    this.log(`${name} drains`);
  }

  /** Ends what {@link drain} began. */
  async undrain(name: string): Promise<void> {
    await this.server(name).agent("undrain");
    this.log(`${name} no longer drains`);
  }

  /** EC2 tells a spot instance that it takes it back, two minutes ahead. */
  reclaim(name: string): void {
    this.server(name).spotEnd = new Date(Date.now() + SPOT_NOTICE_MS).toISOString();
    this.log(`${name} gets a spot interruption notice`, "bad");
  }

  /**
   * Rolling replacement of all servers, each by a new one first: the new one is healthy before the old one drains, and
   * the old one is deregistered when its flows have moved.
   */
  async replaceAll(): Promise<void> {
    for (const old of [...this.servers.values()]) {
      const successor = await this.launch();
      this.log(`${successor.name} is to take the place of ${old.name}`);
      await this.boot(successor);
      await this.whenHealthy(successor);
      this.ending.add(old.name);
      if (old.machine.running) {
        await this.drain(old.name);
        await this.whenDrained(old);
      }
      await this.retire(old);
    }
  }

  private async whenHealthy(server: Server): Promise<void> {
    const late = performance.now() + HEALTHY_LIMIT_MS;
    const isHealthy = (): boolean =>
      this.balancer.status().targets.some((t) => t.name === server.name && t.health === "healthy");
    const standsBy = async (): Promise<boolean> =>
      this.model.routing.isPassive &&
      (await askAgent(server.place.address, this.model.targets.health))?.status === "standby";
    while (!isHealthy() && !(await standsBy())) {
      if (performance.now() > late)
        throw new UserError(`${server.name} was not healthy within ${HEALTHY_LIMIT_MS / 1000} s; it stays`);
      await pause(50);
    }
  }

  /** Resolves when the agent says that its drain is over, or when it does not answer any more. */
  private async whenDrained(server: Server): Promise<void> {
    const late = performance.now() + DRAIN_LIMIT_MS;
    while (performance.now() < late) {
      const report = await askAgent(server.place.address, this.model.targets.health);
      if (!report || report.drain?.over) return;
      await pause(50);
    }
  }

  /** Resolves when the server completed its terminate hook, or when it does not answer any more: no lab waits for a dead agent. */
  private async whenEnded(server: Server): Promise<void> {
    let waiting = true;
    const ended = this.hooks.wait(server.place.instance, "terminate", DRAIN_LIMIT_MS).finally(() => {
      waiting = false;
    });
    const silent = async (): Promise<void> => {
      while (waiting && (await askAgent(server.place.address, this.model.targets.health))) await pause(500);
    };
    await Promise.race([ended, silent()]);
    this.log(waiting ? `${server.name} does not answer any more` : `${server.name} says that it may end`);
  }

  /**
   * Scale-in in the order of AWS with a terminate lifecycle hook: the metadata service names the coming state while the
   * instance is deregistered; when the deregistration delay is over the instance waits (Terminating:Wait) until its
   * agent says that it has drained, and ends then.
   * https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html and, for the metadata,
   * https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
   */
  private async retire(server: Server): Promise<void> {
    const delay = this.model.targets.deregistrationDelay;
    server.targetLifecycleState = "Terminated";
    this.log(`${server.name} is told that it ends, and deregistered; its flows end in ${delay} s`);
    await this.balancer.deregister(server.name);
    await pause(delay * 1000);
    if (server.machine.running) {
      await this.whenEnded(server);
      await server.stop();
    }
    this.hooks.forget(server.place.instance);
    await this.remove(server);
    this.ending.delete(server.name);
    this.log(`${server.name} is gone`);
  }
}
